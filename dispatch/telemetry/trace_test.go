package telemetry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/telemetry"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/transports"
)

const childVariable = "CARILLON_TEST_EMIT_IN_A_TRACE"

func TestMain(m *testing.M) {
	if dsn := os.Getenv(childVariable); dsn != "" {
		if err := emitInATrace(dsn); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// emitInATrace is an application: it emits once, and prints the ids of the trace and of the span of the emit.
func emitInATrace(dsn string) error {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{orders}})
	if err != nil {
		return err
	}
	spans := tracetest.NewInMemoryExporter()
	ctx, request := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("app").Start(ctx, "POST /orders")
	_, err = dispatch.For(d, orders).Run(ctx, pool, "create", func(pgx.Tx) (order, error) {
		return order{ID: "7", UserID: "ann"}, nil
	}, nil)
	if err != nil {
		return err
	}
	emit := spans.GetSpans()[0]
	if emit.Parent.SpanID() != request.SpanContext().SpanID() {
		return fmt.Errorf("the span of the emit is no child of the request's")
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]string{
		"trace": emit.SpanContext.TraceID().String(), "span": emit.SpanContext.SpanID().String(), "name": emit.Name,
	})
}

func TestAttemptsAreLinkedToTheTraceOfAnotherProcess(t *testing.T) {
	t.Parallel()
	b := setup(t)
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+b.pool.Config().ConnString())
	out, err := child.Output()
	require.NoError(t, err, string(out))
	var emit struct{ Trace, Span, Name string }
	require.NoError(t, json.Unmarshal(out, &emit), string(out))
	require.Equal(t, "emit orders.create", emit.Name)

	b.start(t, nil, accept)
	b.becomes(t, 2, "receipts_finished_total", "state=sent")
	spans := b.spans.GetSpans()
	require.Len(t, spans, 2)
	for _, s := range spans {
		require.Equal(t, "deliver orders.created", s.Name)
		require.Equal(t, trace.SpanKindConsumer, s.SpanKind)
		require.False(t, s.Parent.IsValid(), "an attempt is a trace of its own")
		require.NotEqual(t, emit.Trace, s.SpanContext.TraceID().String())
		require.Len(t, s.Links, 1)
		require.Equal(t, emit.Trace, s.Links[0].SpanContext.TraceID().String())
		require.Equal(t, emit.Span, s.Links[0].SpanContext.SpanID().String())
		require.True(t, s.Links[0].SpanContext.IsSampled())
		require.True(t, s.Links[0].SpanContext.IsRemote())
		require.Equal(t, codes.Unset, s.Status.Code)
		require.Equal(t, "process", attributeOf(s, "messaging.operation.type"))
		require.Equal(t, "orders.created", attributeOf(s, "messaging.destination.name"))
		require.Len(t, attributeOf(s, "messaging.message.id"), 36)
	}
}

func attributeOf(s tracetest.SpanStub, key attribute.Key) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.String()
		}
	}
	return ""
}

func TestTheTransportIsCalledInTheSpanOfTheAttempt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seen := make(chan trace.SpanContext, 10)
	b.start(t, nil, func(ctx context.Context, _ transports.Message) (transports.Result, error) {
		seen <- trace.SpanContextFromContext(ctx)
		return transports.Result{}, nil
	})
	b.emit(t, order{ID: "7", UserID: "ann"}, nil)
	inside := <-seen
	b.becomes(t, 1, "receipts_finished_total", "transport=email")
	for _, s := range b.spans.GetSpans() {
		if attributeOf(s, "carillon.transport") == transports.Email {
			require.Equal(t, inside.SpanID(), s.SpanContext.SpanID())
			require.Empty(t, s.Links, "the event was emitted in no trace")
			return
		}
	}
	require.Fail(t, "no span of the email")
}

func TestOptionTelemetryTellsOfAFailureOnlyClassAndCode(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.start(t, func(cfg *worker.Config) { cfg.Telemetry = b.tel },
		func(context.Context, transports.Message) (transports.Result, error) {
			return transports.Result{}, &transports.Error{Class: transports.Permanent, Code: "550 5.7.1", Detail: "words"}
		})
	b.emit(t, order{ID: "7", UserID: "ann"}, &dispatch.EmitOpts{Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"})
	b.becomes(t, 1, "receipts_finished_total", "transport=email reason=rejected")
	for _, s := range b.spans.GetSpans() {
		require.Equal(t, "0af7651916cd43dd8448eb211c80319c", s.Links[0].SpanContext.TraceID().String(), "the option goes before a span")
		require.False(t, s.Links[0].SpanContext.IsSampled())
		if attributeOf(s, "carillon.transport") == transports.Email {
			require.Equal(t, sdktrace.Status{Code: codes.Error, Description: "permanent"}, s.Status)
			require.Equal(t, "permanent", attributeOf(s, "error.type"))
			require.Equal(t, "550 5.7.1", attributeOf(s, "carillon.code"))
			require.Empty(t, s.Events)
		}
	}
	line := map[string]any{}
	for l := range strings.Lines(b.logs.String()) {
		if strings.Contains(l, "attempt failed") {
			require.NoError(t, json.Unmarshal([]byte(l), &line))
		}
	}
	require.Equal(t, "WARN", line["level"])
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", line["trace_id"])
	require.Equal(t, "permanent 550 5.7.1 failed rejected orders.created email",
		fmt.Sprint(line["class"], " ", line["code"], " ", line["state"], " ", line["reason"], " ", line["event"], " ", line["transport"]))
	require.Len(t, line["receipt_id"], 36)
	require.Len(t, line["event_id"], 36)
}

// What sets a receipt aside is known only after its last attempt, and told nevertheless.
func TestAPanicThatIsQuarantinedIsToldAsTheEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.start(t, nil, func(context.Context, transports.Message) (transports.Result, error) { panic("oh") })
	b.emit(t, order{ID: "7", UserID: "ann"}, nil)
	b.becomes(t, 1, "receipts_finished_total", "transport=email state=failed reason=poison")
	require.Zero(t, value(b.scrape(t), "sends_in_flight", "transport=email"))
	var spans, lines []string
	for _, s := range b.spans.GetSpans() {
		if attributeOf(s, "carillon.transport") == transports.Email {
			spans = append(spans, attributeOf(s, "carillon.state")+" "+attributeOf(s, "carillon.reason"))
		}
	}
	for l := range strings.Lines(b.logs.String()) {
		line := map[string]any{}
		require.NoError(t, json.Unmarshal([]byte(l), &line))
		if line["msg"] == "attempt failed" {
			lines = append(lines, fmt.Sprint(line["level"], " ", line["state"], " ", line["reason"]))
		}
	}
	require.Equal(t, []string{"waiting retry", "waiting retry", "failed poison"}, spans)
	require.Equal(t, []string{"INFO waiting retry", "INFO waiting retry", "WARN failed poison"}, lines)
}

func TestOnlyWhatIsATraceparentIsRead(t *testing.T) {
	t.Parallel()
	const id, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for traceparent, valid := range map[string]bool{
		"00-" + id + "-" + span + "-01": true, "cc-" + id + "-" + span + "-00-more": true,
		"": false, "t": false, "00-" + id + "-" + span: false, "ff-" + id + "-" + span + "-01": false,
		"00-" + strings.Repeat("0", 32) + "-" + span + "-01": false, "00-" + id + "-xyz-01": false,
		"00-" + id + "-" + span + "-zz": false, "000-" + id + "-" + span + "-01": false,
	} {
		require.Equal(t, valid, telemetry.ParseTrace(traceparent).IsValid(), traceparent)
	}
}

// secrets is a canary for every place where something private may stand.
var secrets = []string{"canary-body", "canary-address@example.com", "canary-secret", "canary-tenant", "canary-person", "canary-actor", "canary-key"}

func TestNothingPrivateIsTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		ends string
		send func(transports.Message) error
	}{
		{"Success", "sent", func(transports.Message) error { return nil }},
		{"Failure", "failed", func(m transports.Message) error {
			return &transports.Error{
				Class: transports.Permanent, Code: "550 " + m.Recipient.Address, Detail: "canary-secret canary-body " + m.Recipient.Address,
				Err: fmt.Errorf("canary-secret %s", m.Recipient.Address),
			}
		}},
		{"Unclassified", "failed", func(m transports.Message) error { return fmt.Errorf("canary-secret to %s", m.Recipient.Address) }},
		{"Panic", "uncertain", func(m transports.Message) error { panic("canary-secret " + m.Recipient.Address + m.Content.Message) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			addCanary(t, b)
			b.start(t, func(cfg *worker.Config) { cfg.Retry.MaxAttempts = 2 },
				func(_ context.Context, m transports.Message) (transports.Result, error) {
					return transports.Result{}, c.send(m)
				})
			ctx, request := b.provider.Tracer("app").Start(t.Context(), "request")
			emitted := b.emitIn(ctx, t, order{ID: "7", UserID: "canary-person", Note: "canary-body"}, &dispatch.EmitOpts{
				Tenant: "canary-tenant", Actor: "canary-actor", IdempotencyKey: "canary-key",
			})
			request.End()
			b.becomes(t, 1, "receipts_finished_total", "transport=email state="+c.ends)
			b.becomes(t, 1, "receipts_finished_total", "transport=in_app state=sent")
			require.NotEmpty(t, b.spans.GetSpans())
			if c.ends != "sent" {
				require.Contains(t, b.logs.String(), emitted.EventID.String())
			}
			require.Empty(t, b.told(t))
			// The check itself sees what is planted.
			for _, plant := range []func(){
				func() { fmt.Fprint(b.logs, "canary-actor") },
				func() { b.tel.Finished("canary-key", "email", "sent", "accepted") },
				func() {
					_, s := b.provider.Tracer("app").Start(t.Context(), "x", trace.WithAttributes(attribute.String("to", "canary-tenant")))
					s.End(trace.WithTimestamp(time.Now()))
				},
			} {
				before := len(b.told(t))
				plant()
				require.Len(t, b.told(t), before+1)
			}
		})
	}
}

func addCanary(t *testing.T, b *bundle) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), `INSERT INTO carillon.people (tenant, id, email)
		VALUES ('canary-tenant', 'canary-person', 'canary-address@example.com')`)
	require.NoError(t, err)
}

// told lists the canaries that logs, metrics or spans repeat.
func (b *bundle) told(t *testing.T) []string {
	t.Helper()
	spans, err := json.Marshal(b.spans.GetSpans())
	require.NoError(t, err)
	all := b.logs.String() + string(spans)
	for _, family := range b.scrape(t) {
		all += family.String()
	}
	var found []string
	for _, secret := range secrets {
		if strings.Contains(all, secret) {
			found = append(found, secret)
		}
	}
	return found
}
