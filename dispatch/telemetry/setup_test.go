package telemetry_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/telemetry"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

type order struct {
	ID     string `json:"id"`
	UserID string `json:"user_id"`
	Note   string `json:"note"`
}

var orders = dispatch.Resource[order]{
	Name:      "orders",
	KeyFunc:   func(o order) string { return o.ID },
	Actions:   []dispatch.Action{"create"},
	Audiences: map[string]dispatch.Audience{"user": dispatch.Person(func(o order) string { return o.UserID })},
	Events: []dispatch.Event[order]{{
		Name: "created", On: []dispatch.Action{"create"},
		Channels: []dispatch.Channel{{Transport: transports.Email, Audience: "user"}, {Transport: transports.InApp, Audience: "user"}},
		Content:  dispatch.Content{Subject: "Order {{ id }}", Title: "Order {{ id }}", Message: "Thank you. {{ note }}"},
	}},
}

// bundle is a database, a worker's telemetry, and what it told.
type bundle struct {
	pool     *pgxpool.Pool
	d        *dispatch.Dispatcher
	orders   *dispatch.Handle[order]
	registry *prometheus.Registry
	tel      *telemetry.Telemetry
	spans    *tracetest.InMemoryExporter
	provider *sdktrace.TracerProvider
	logs     *safeBuffer
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{
		pool: dbtest.Pool(t), registry: prometheus.NewPedanticRegistry(), spans: tracetest.NewInMemoryExporter(), logs: &safeBuffer{},
	}
	require.NoError(t, people.Set(t.Context(), b.pool, "", people.Person{ID: "ann", Name: "Ann", Email: "ann@example.com"}))
	var err error
	b.d, err = dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{orders}})
	require.NoError(t, err)
	b.orders = dispatch.For(b.d, orders)
	b.provider = sdktrace.NewTracerProvider(sdktrace.WithSyncer(b.spans))
	b.tel, err = telemetry.New(&telemetry.Config{Metrics: b.registry, Traces: b.provider})
	require.NoError(t, err)
	b.registry.MustRegister(telemetry.NewDatabase(b.pool, b.d.Registry().Transports(), &telemetry.DatabaseConfig{
		Every: time.Nanosecond, Timeout: 30 * time.Second,
	}))
	return b
}

// start runs a worker until the test ends; sendFunc is its email.
func (b *bundle) start(t *testing.T, change func(*worker.Config), sendFunc func(context.Context, transports.Message) (transports.Result, error)) {
	t.Helper()
	cfg := &worker.Config{
		Transports: []transports.Transport{
			transporttest.NewFake(transports.Email, &transporttest.FakeConfig{SendFunc: sendFunc}), inapp.New(),
		},
		Telemetry: b.tel,
		Logger:    slog.New(slog.NewJSONHandler(b.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Retry:     flow.RetryPolicy{Base: 20 * time.Millisecond},
	}
	if change != nil {
		change(cfg)
	}
	cfg.Grace = time.Second // A test that failed leaves sends behind.
	w, err := worker.New(b.pool, b.d, cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

func (b *bundle) emit(t *testing.T, o order, opts *dispatch.EmitOpts) dispatch.Emitted {
	t.Helper()
	return b.emitIn(t.Context(), t, o, opts)
}

func (b *bundle) emitIn(ctx context.Context, t *testing.T, o order, opts *dispatch.EmitOpts) dispatch.Emitted {
	t.Helper()
	var emitted dispatch.Emitted
	require.NoError(t, pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) (err error) {
		emitted, err = b.orders.EmitTx(ctx, tx, "created", o, opts)
		return err
	}))
	return emitted
}

// scrape asks over HTTP, as Prometheus does, and reads the answer with Prometheus's own parser.
func (b *bundle) scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	server := httptest.NewServer(promhttp.HandlerFor(b.registry, promhttp.HandlerOpts{}))
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, 200, response.StatusCode)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	require.NoError(t, err)
	return families
}

// value is that of one series, or the count of a histogram's; labels are like `transport=email class=ok`. A series that
// is not there is 0.
func value(families map[string]*dto.MetricFamily, name, labels string) float64 {
	family := families["carillon_"+name]
	if family == nil {
		return 0
	}
	total := 0.0
	for _, m := range family.GetMetric() {
		if !matches(m, labels) {
			continue
		}
		switch {
		case m.Counter != nil:
			total += m.Counter.GetValue()
		case m.Gauge != nil:
			total += m.Gauge.GetValue()
		case m.Histogram != nil:
			total += float64(m.Histogram.GetSampleCount())
		}
	}
	return total
}

func matches(m *dto.Metric, labels string) bool {
	for want := range strings.FieldsSeq(labels) {
		name, wanted, _ := strings.Cut(want, "=")
		found := false
		for _, l := range m.GetLabel() {
			found = found || l.GetName() == name && l.GetValue() == wanted
		}
		if !found {
			return false
		}
	}
	return true
}

// becomes waits until a series has a value.
func (b *bundle) becomes(t *testing.T, want float64, name, labels string) {
	t.Helper()
	var got float64
	require.Eventually(t, func() bool {
		got = value(b.scrape(t), name, labels)
		return got == want
	}, 20*time.Second, 20*time.Millisecond, "%s{%s}", name, labels)
}

// reaches waits until the sum of all series is at least this.
func (b *bundle) reaches(t *testing.T, least float64, name string) {
	t.Helper()
	require.Eventually(t, func() bool { return value(b.scrape(t), name, "") >= least }, 20*time.Second, 20*time.Millisecond, name)
}

// safeBuffer takes the lines of several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
