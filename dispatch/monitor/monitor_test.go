package monitor_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/monitor"
	"github.com/carillon-notify/carillon/dispatch/telemetry"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/internal/pgdev"
	"github.com/carillon-notify/carillon/migrations"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
)

type order struct {
	UserID string `json:"user_id"`
}

func declarations(t *testing.T) *dispatch.Dispatcher {
	t.Helper()
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{dispatch.Resource[order]{
		Name:      "orders",
		Audiences: map[string]dispatch.Audience{"user": dispatch.Person(func(o order) string { return o.UserID })},
		Events: []dispatch.Event[order]{{
			Name: "created", Channels: []dispatch.Channel{{Transport: transports.InApp, Audience: "user"}},
			Content: dispatch.Content{Title: "New", Message: "Order"},
		}},
	}}})
	require.NoError(t, err)
	return d
}

// serve answers for a worker on pool until the test ends, and returns where.
func serve(t *testing.T, pool *pgxpool.Pool, tel *telemetry.Telemetry, cfg *monitor.Config) string {
	t.Helper()
	l, err := monitor.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- monitor.Serve(ctx, l, monitor.New(pool, tel, cfg)) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return "http://" + l.Addr().String()
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(raw)
}

func becomes(t *testing.T, url string, want int, words string) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		status, body := get(t, url)
		assert.Equal(c, want, status, body)
		assert.Contains(c, body, words)
	}, 30*time.Second, 50*time.Millisecond)
}

func run(t *testing.T, pool *pgxpool.Pool, tel *telemetry.Telemetry) {
	t.Helper()
	w, err := worker.New(pool, declarations(t), &worker.Config{
		Transports: []transports.Transport{inapp.New()}, Telemetry: tel, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

func TestAWorkerIsReadyOnceItsLanesHaveStarted(t *testing.T) {
	t.Parallel()
	pool := dbtest.Pool(t)
	registry := prometheus.NewRegistry()
	tel, err := telemetry.New(&telemetry.Config{Metrics: registry})
	require.NoError(t, err)
	url := serve(t, pool, tel, &monitor.Config{Metrics: registry, Logger: slog.New(slog.DiscardHandler)})
	status, body := get(t, url+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "lanes have not started\n", body)
	status, _ = get(t, url+"/healthz")
	require.Equal(t, http.StatusOK, status, "a worker that has not begun is alive")
	run(t, pool, tel)
	becomes(t, url+"/readyz", http.StatusOK, "ready")
	becomes(t, url+"/healthz", http.StatusOK, "in_app_default ok")
	becomes(t, url+"/metrics", http.StatusOK, "carillon_send_slots")
}

func TestOptionProfilesIsOffUnlessAskedFor(t *testing.T) {
	t.Parallel()
	pool := dbtest.Pool(t)
	for _, on := range []bool{false, true} {
		url := serve(t, pool, nil, &monitor.Config{Profiles: on})
		status, _ := get(t, url+"/debug/pprof/goroutine?debug=1")
		require.Equal(t, on, status == http.StatusOK)
		status, _ = get(t, url+"/metrics")
		require.Equal(t, http.StatusNotFound, status, "nothing is gathered")
	}
}

func TestASchemaThatDoesNotFitIsNotReady(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), dbtest.EmptyDSN(t))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	url := serve(t, pool, nil, &monitor.Config{Logger: slog.New(slog.DiscardHandler)})
	status, body := get(t, url+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "schema does not fit\n", body)
}

func TestAnAddressThatIsTakenIsAnError(t *testing.T) {
	t.Parallel()
	l, err := monitor.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // The test is over.
	_, err = monitor.Listen(t.Context(), l.Addr().String())
	require.ErrorContains(t, err, "listen for the monitoring")
}

// TestADatabaseThatStopsMakesAWorkerUnready kills a server of its own.
func TestADatabaseThatStopsMakesAWorkerUnready(t *testing.T) {
	t.Parallel()
	if os.Getenv("CARILLON_PROVE") == "" {
		t.Skip("starts, kills and restarts a Postgres of its own (make prove)")
	}
	server, err := pgdev.Start(t.Context(), &pgdev.Config{Durable: true, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
	pool, err := pgxpool.New(t.Context(), server.DSN())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = migrations.Up(t.Context(), pool, nil)
	require.NoError(t, err)
	tel, err := telemetry.New(nil)
	require.NoError(t, err)
	url := serve(t, pool, tel, &monitor.Config{Logger: slog.New(slog.DiscardHandler)})
	run(t, pool, tel)
	becomes(t, url+"/readyz", http.StatusOK, "ready")
	require.NoError(t, server.Kill(t.Context()))
	becomes(t, url+"/readyz", http.StatusServiceUnavailable, "database unreachable")
	status, _ := get(t, url+"/healthz")
	require.Equal(t, http.StatusOK, status, "a new process would find no database either")
	require.NoError(t, server.Restart(t.Context()))
	becomes(t, url+"/readyz", http.StatusOK, "ready")
}
