package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/migrations"
	"github.com/carillon-notify/carillon/transports"
)

func newWorkerCommand(a *app) *cobra.Command {
	var migrate bool
	var watched monitorFlags
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Deliver what is emitted, until a signal",
		Long: `Publish the declarations of --config (default carillon.yaml) and deliver what is emitted, until SIGINT or
SIGTERM. Sends that are under way then get the configured grace to finish; a second signal ends the process at once,
and another worker takes over when the leases have expired. Any number of workers share the work.

Logs go to standard error: text on a terminal, else JSON. Health and metrics are answered on the address of
--monitor or of worker.monitor, to whoever asks. Spans go to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names, if it is set; the other
variables of OpenTelemetry are honoured.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := a.loadConfig()
			if err != nil {
				return err
			}
			a.fallBackTo(file)
			watched.address = cmp.Or(watched.address, file.Worker.Monitor)
			return a.work(cmd.Context(), file, migrate, watched)
		},
	}
	cmd.Flags().BoolVar(&migrate, "migrate", false, "apply missing migrations first")
	cmd.Flags().StringVar(&watched.address, "monitor", "", "answer /healthz, /readyz and /metrics at this `host:port`, or off (default worker.monitor, or "+defaultMonitor+")")
	cmd.Flags().BoolVar(&watched.profiles, "profiles", false, "also answer /debug/pprof there")
	return cmd
}

// connections is what a worker's pool holds at least: a few for each lane of each transport, and for the upkeep.
func connections(file *config.File) int32 {
	const perTransport, upkeep = 6, 6
	return int32(perTransport*len(file.Transports) + upkeep)
}

func (a *app) work(ctx context.Context, file *config.File, migrate bool, watched monitorFlags) (err error) {
	logger := a.logger()
	defer func() { err = errors.Join(err, closeTransports(ctx, file.Transports)) }()
	pool, err := a.connect(ctx, connections(file))
	if err != nil {
		return err
	}
	defer pool.Close()
	if migrate {
		if _, err := migrations.Up(ctx, pool, &migrations.UpOpts{Logger: logger}); err != nil {
			return err
		}
	}
	if err := migrations.Check(ctx, pool); err != nil {
		return err
	}
	tel, unwatch, err := watched.watchWorker(ctx, pool, file.Dispatcher.Registry().Transports(), logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unwatch()) }()
	cfg := workerConfig(file, logger)
	cfg.Telemetry = tel
	w, err := worker.New(pool, file.Dispatcher, cfg)
	if err != nil {
		return err
	}
	names, err := file.Dispatcher.Publish(ctx, pool)
	if err != nil {
		return err
	}
	logger.InfoContext(ctx, "declarations published", slog.Any("changed", names))
	logger.InfoContext(ctx, "worker started")
	if err := w.Run(ctx); err != nil {
		return err
	}
	logger.InfoContext(ctx, "worker stopped")
	return nil
}

// workerConfig hands the section worker of the file on, field by field.
func workerConfig(file *config.File, logger *slog.Logger) *worker.Config {
	s := file.Worker
	return &worker.Config{
		Transports: file.Transports, Senders: s.Senders, LaneSenders: s.LaneSenders, Batch: s.Batch, Lease: s.Lease, PollInterval: s.PollInterval,
		SendTimeout: s.SendTimeout, Grace: s.Grace, Logger: logger, Delivery: file.Delivery, Attachments: file.Attachments,
		Retry: retryPolicy(s.Retry),
	}
}

func retryPolicy(r config.Retry) flow.RetryPolicy {
	return flow.RetryPolicy{Base: r.Base, Cap: r.Cap, Deadline: r.Deadline, MaxAttempts: r.MaxAttempts}
}

// closeTransports ends their connections, after the last send, also when the context is over.
func closeTransports(ctx context.Context, all []transports.Transport) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	var errs []error
	for _, t := range all {
		if closer, ok := t.(transports.Closer); ok {
			errs = append(errs, closer.Close(ctx))
		}
	}
	return errors.Join(errs...)
}
