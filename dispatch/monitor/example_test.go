package monitor_test

import (
	"context"
	"net/http"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/monitor"
	"github.com/carillon-notify/carillon/dispatch/telemetry"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/transports"
)

// A worker in a program that has a registry, a tracer provider and a server of its own.
func Example() {
	work := func(ctx context.Context, pool *pgxpool.Pool, d *dispatch.Dispatcher, all []transports.Transport,
		registry *prometheus.Registry, traces trace.TracerProvider, mux *http.ServeMux,
	) error {
		tel, err := telemetry.New(&telemetry.Config{Metrics: registry, Traces: traces})
		if err != nil {
			return err
		}
		registry.MustRegister(telemetry.NewDatabase(pool, d.Registry().Transports(), nil))
		mux.Handle("/carillon/", http.StripPrefix("/carillon", monitor.New(pool, tel, &monitor.Config{Metrics: registry})))
		w, err := worker.New(pool, d, &worker.Config{Transports: all, Telemetry: tel})
		if err != nil {
			return err
		}
		return w.Run(ctx)
	}
	_ = work
	// Output:
}
