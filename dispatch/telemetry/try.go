package telemetry

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// Attempt says which receipt is tried.
type Attempt struct {
	ReceiptID, EventID        uuid.UUID
	Event, Channel, Transport string
	Priority                  receipts.Priority
	// N is the number of the send, from 1; 0 if the attempt failed before one.
	N int
	// Trace is the W3C traceparent that the event stores; it may be empty.
	Trace string
}

// Try is an attempt that is under way.
type Try struct {
	telemetry *Telemetry
	attempt   Attempt
	span      trace.Span
	sending   bool
}

// Send begins the span of a send, a trace of its own that is linked to the event's, and returns a context that carries
// it. A delay that is not negative says for how long the receipt was due. Call [Try.End].
func (t *Telemetry) Send(ctx context.Context, a Attempt, started time.Time, delay time.Duration) (context.Context, *Try) {
	if t == nil {
		return ctx, nil
	}
	t.inFlight.WithLabelValues(a.Transport, a.Priority.String()).Inc()
	if delay >= 0 {
		t.sendDelay.WithLabelValues(a.Transport, a.Priority.String()).Observe(delay.Seconds())
	}
	ctx, span := t.start(ctx, a, started)
	return ctx, &Try{telemetry: t, attempt: a, span: span, sending: true}
}

// Attempted reports the attempt of a result that ended without a send of its own: one that failed before it, or one of
// many messages that were written together.
func (t *Telemetry) Attempted(ctx context.Context, a Attempt, result *receipts.Result) {
	if t == nil {
		return
	}
	_, span := t.start(ctx, a, result.Attempt.StartedAt)
	(&Try{telemetry: t, attempt: a, span: span}).End(result)
}

// Unclassified counts an error of a transport that no rule names.
func (t *Telemetry) Unclassified(transport string) {
	if t != nil {
		t.unclassified.WithLabelValues(transport).Inc()
	}
}

func (t *Telemetry) start(ctx context.Context, a Attempt, started time.Time) (context.Context, trace.Span) {
	options := []trace.SpanStartOption{
		trace.WithNewRoot(),
		trace.WithTimestamp(started),
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(
			semconv.MessagingSystemKey.String("carillon"),
			semconv.MessagingOperationName("deliver"),
			semconv.MessagingOperationTypeProcess,
			semconv.MessagingDestinationName(a.Event),
			semconv.MessagingMessageID(a.ReceiptID.String()),
			semconv.MessagingMessageConversationID(a.EventID.String()),
			attribute.String("carillon.channel", a.Channel),
			attribute.String("carillon.transport", a.Transport),
			attribute.String("carillon.priority", a.Priority.String()),
			attribute.Int("carillon.attempt", a.N),
		),
	}
	if origin := ParseTrace(a.Trace); origin.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: origin}))
	}
	return t.tracer.Start(ctx, "deliver "+a.Event, options...)
}

// plainCode matches what providers use for codes. What does not look like one may be anything, and stays out of spans
// and logs.
var plainCode = regexp.MustCompile(`^[A-Za-z0-9_.\- ]{1,64}$`)

// PlainCode returns a provider's code if it looks like one, else nothing.
func PlainCode(code string) string {
	if plainCode.MatchString(code) {
		return code
	}
	return ""
}

// End counts the attempt of the result and ends its span, which says what became of the receipt. Of an error only class
// and code are told, because its text may say more. A nil Try does nothing; a result without an attempt means that the
// send was never begun, or handed back.
func (t *Try) End(result *receipts.Result) {
	if t == nil {
		return
	}
	m := t.telemetry.metrics
	if t.sending {
		m.inFlight.WithLabelValues(t.attempt.Transport, t.attempt.Priority.String()).Dec()
	}
	t.span.SetAttributes(
		attribute.String("carillon.state", string(result.State)), attribute.String("carillon.reason", string(result.Reason)))
	ended := result.Attempt
	if ended == nil {
		t.span.End()
		return
	}
	m.attempts.WithLabelValues(t.attempt.Transport, string(ended.Class)).Inc()
	if t.attempt.N > 0 {
		m.sendTime.WithLabelValues(t.attempt.Transport).Observe(ended.FinishedAt.Sub(ended.StartedAt).Seconds())
	}
	if ended.Class != transports.OK {
		t.span.SetStatus(codes.Error, string(ended.Class))
		t.span.SetAttributes(semconv.ErrorTypeKey.String(string(ended.Class)))
		if code := PlainCode(ended.Code); code != "" {
			t.span.SetAttributes(attribute.String("carillon.code", code))
		}
	}
	t.span.End(trace.WithTimestamp(ended.FinishedAt))
}

// TraceID is the trace of the attempt, for logs; empty if it has none.
func (t *Try) TraceID() string {
	if t == nil || !t.span.SpanContext().HasTraceID() {
		return ""
	}
	return t.span.SpanContext().TraceID().String()
}

// ParseTrace reads a W3C traceparent. What is none gives a context that is not valid.
func ParseTrace(traceparent string) trace.SpanContext {
	parts := strings.Split(traceparent, "-")
	if len(parts) < 4 || len(parts[0]) != 2 || parts[0] == "ff" || len(parts[3]) != 2 {
		return trace.SpanContext{}
	}
	traceID, err := trace.TraceIDFromHex(parts[1])
	if err != nil {
		return trace.SpanContext{}
	}
	spanID, err := trace.SpanIDFromHex(parts[2])
	if err != nil {
		return trace.SpanContext{}
	}
	flags, err := strconv.ParseUint(parts[3], 16, 8)
	if err != nil {
		return trace.SpanContext{}
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceID, SpanID: spanID, TraceFlags: trace.TraceFlags(flags) & trace.FlagsSampled, Remote: true,
	})
}
