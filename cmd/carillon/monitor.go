package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/dispatch/monitor"
	"github.com/carillon-notify/carillon/dispatch/telemetry"
)

const (
	// defaultMonitor is the port that exporters of OpenTelemetry's metrics use, on loopback: nothing asks who one is.
	defaultMonitor = "127.0.0.1:9464"
	// flushTimeout is how long the last spans may take to leave when the worker ends.
	flushTimeout = 5 * time.Second
)

// monitorFlags are those of commands that run a worker.
type monitorFlags struct {
	// address is empty if nobody named one.
	address  string
	profiles bool
}

// watchWorker makes the telemetry of a worker on pool, and answers for it until stop is called.
func (f monitorFlags) watchWorker(
	ctx context.Context, pool *pgxpool.Pool, transports []string, logger *slog.Logger,
) (tel *telemetry.Telemetry, stop func() error, err error) {
	traces, flush, err := exportTraces(ctx, logger)
	if err != nil {
		return nil, nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		telemetry.NewDatabase(pool, transports, nil))
	tel, err = telemetry.New(&telemetry.Config{Metrics: registry, Traces: traces})
	if err != nil {
		return nil, nil, errors.Join(err, flush())
	}
	l, err := f.listen(ctx, logger)
	if err != nil {
		return nil, nil, errors.Join(err, flush())
	}
	if l == nil {
		return tel, flush, nil
	}
	logger.InfoContext(ctx, "monitor listens", slog.String("address", l.Addr().String()))
	handler := monitor.New(pool, tel, &monitor.Config{Metrics: registry, Profiles: f.profiles, Logger: logger})
	// Whoever watches wants to see how the worker stops, too: the answers end after it.
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- monitor.Serve(serving, l, handler) }()
	return tel, func() error {
		cancel()
		return errors.Join(<-served, flush())
	}, nil
}

// listen returns nil if there is to be no monitor. A default that is taken, as by another worker of this machine, is
// no reason not to work.
func (f monitorFlags) listen(ctx context.Context, logger *slog.Logger) (net.Listener, error) {
	switch f.address {
	case config.MonitorOff:
		return nil, nil
	case "":
		l, err := monitor.Listen(ctx, defaultMonitor)
		if err != nil {
			logger.WarnContext(ctx, "no monitor", slog.Any("err", err))
			return nil, nil
		}
		return l, nil
	}
	return monitor.Listen(ctx, f.address)
}

// exportTraces sends spans over OTLP/HTTP if the standard variables of OpenTelemetry name a collector. The exporter and
// the SDK read the others themselves.
func exportTraces(ctx context.Context, logger *slog.Logger) (provider trace.TracerProvider, flush func() error, err error) {
	named := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") + os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	if named == "" || os.Getenv("OTEL_SDK_DISABLED") == "true" || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return noop.NewTracerProvider(), func() error { return nil }, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("export traces: %w", err)
	}
	described, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "carillon")), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, nil, fmt.Errorf("export traces: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		// Its text may have the collector's URL, with what that carries.
		logger.Warn("spans were not exported", slog.String("type", fmt.Sprintf("%T", err)))
	}))
	sdk := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(described))
	return sdk, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := sdk.Shutdown(ctx); err != nil {
			logger.WarnContext(ctx, "spans were not exported", slog.String("type", fmt.Sprintf("%T", err)))
		}
		return nil
	}, nil
}
