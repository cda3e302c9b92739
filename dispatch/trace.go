package dispatch

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// scope names the instrumentation in spans.
const scope = "github.com/carillon-notify/carillon/dispatch"

// emitSpan is the span of one emit. Its zero value belongs to a caller that is in no trace.
type emitSpan struct{ span trace.Span }

// startEmit begins a span as a child of the caller's, and by the caller's own provider: a program without traces pays
// for one look into the context. The events then store the span, unless opts names another trace.
func startEmit(ctx context.Context, name string, opts *EmitOpts) (context.Context, emitSpan) {
	caller := trace.SpanFromContext(ctx)
	if !caller.SpanContext().IsValid() {
		return ctx, emitSpan{}
	}
	ctx, span := caller.TracerProvider().Tracer(scope).Start(ctx, "emit "+name,
		trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(
			semconv.MessagingSystemKey.String("carillon"),
			semconv.MessagingOperationName("emit"),
			semconv.MessagingOperationTypeSend,
			semconv.MessagingDestinationName(name),
		))
	if opts.Trace == "" {
		opts.Trace = traceparent(span.SpanContext())
	}
	return ctx, emitSpan{span}
}

// traceparent writes a context as version 00 of W3C Trace Context does.
func traceparent(c trace.SpanContext) string {
	if !c.IsValid() {
		return ""
	}
	return "00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + (c.TraceFlags() & trace.FlagsSampled).String()
}

// end ends the span. Of an error only its kind is told, because a database's text quotes values.
func (s emitSpan) end(emitted []Emitted, err error) {
	if s.span == nil {
		return
	}
	if len(emitted) == 1 {
		s.span.SetAttributes(
			semconv.MessagingMessageConversationID(emitted[0].EventID.String()),
			attribute.Bool("carillon.duplicate", emitted[0].Duplicate))
	}
	if err != nil {
		kind := errorKind(err)
		s.span.SetStatus(codes.Error, kind)
		s.span.SetAttributes(semconv.ErrorTypeKey.String(kind))
	}
	s.span.End()
}

// errorKind is one of a few words, or the SQLSTATE of a database's error.
func errorKind(err error) string {
	var conflict *ConflictError
	var invalid *InvalidError
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &conflict):
		return "conflict"
	case errors.As(err, &invalid):
		return "invalid"
	case errors.Is(err, ErrUnknownEvent):
		return "unknown_event"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "cancelled"
	case errors.As(err, &pg):
		return pg.Code
	}
	return "_OTHER"
}
