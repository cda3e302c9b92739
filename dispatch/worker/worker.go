package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/migrations"
	"github.com/carillon-notify/carillon/receipts"
)

// Worker delivers the receipts of one dispatcher's declarations.
type Worker struct {
	cfg    Config
	pool   *pgxpool.Pool
	store  *receipts.Store
	client *river.Client[pgx.Tx]
	lanes  map[string]*lane
	leases *leases
	// stopping is closed when the lanes should take on nothing new.
	stopping chan struct{}
}

// New checks the config and returns a worker that has not begun. Give it a pool of its own, with more connections
// than lanes.
func New(pool *pgxpool.Pool, d *dispatch.Dispatcher, config *Config) (*Worker, error) {
	cfg := config.withDefaults()
	if err := cfg.validate(d); err != nil {
		return nil, err
	}
	w := &Worker{
		cfg: cfg, pool: pool, store: receipts.New(nil),
		lanes: map[string]*lane{}, stopping: make(chan struct{}),
	}
	w.leases = newLeases(w.store, pool, cfg.Lease, cfg.Logger)
	queues := map[string]river.QueueConfig{}
	for _, name := range lanesOf(d) {
		p, err := pipeline.New(&pipeline.Config{
			Dispatcher: d, Transports: cfg.Transports, Store: w.store, Senders: cfg.Senders,
			SendTimeout: cfg.SendTimeout, Retry: cfg.Retry, Logger: cfg.Logger,
		})
		if err != nil {
			return nil, fmt.Errorf("new worker: %w", err)
		}
		w.lanes[name] = &lane{Worker: w, name: name, pipeline: p}
		// River's default cooldown of 100 ms would cap a lane at ten fetches a second.
		queues[name] = river.QueueConfig{
			MaxWorkers: laneWorkers, FetchCooldown: time.Millisecond, FetchPollInterval: cfg.PollInterval,
		}
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &jobWorker{lanes: w.lanes})
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema: "carillon", Queues: queues, Workers: workers,
		// The pipeline has deadlines of its own; a lane's job ends by itself.
		JobTimeout:                  -1,
		RescueStuckJobsAfter:        5 * time.Minute,
		CompletedJobRetentionPeriod: 10 * time.Minute,
		ReindexerIndexNames:         indexes(),
		Logger:                      slog.New(warnings{cfg.Logger.Handler()}),
	})
	if err != nil {
		return nil, fmt.Errorf("new worker: %w", err)
	}
	w.client = client
	return w, nil
}

// Run works until ctx ends, then lets sends that are under way finish within the grace, and returns nil. It returns
// an error if the schema does not fit this binary or the queue cannot be started. A Worker runs once.
func (w *Worker) Run(ctx context.Context) error {
	if err := migrations.Check(ctx, w.pool); err != nil {
		if ctx.Err() != nil {
			return nil // Told to stop before it began.
		}
		return err
	}
	// Background work outlives ctx by the grace, so that leases stand while sends finish.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, background := errgroup.WithContext(background)
	w.keep(background, group)
	if err := w.client.Start(background); err != nil {
		stop()
		return errors.Join(fmt.Errorf("start worker: %w", err), group.Wait())
	}
	<-ctx.Done()
	close(w.stopping)
	grace, cancel := context.WithTimeout(background, w.cfg.Grace)
	defer cancel()
	if err := w.client.Stop(grace); err != nil {
		w.cfg.Logger.WarnContext(ctx, "the grace is over, sends are cut", slog.Duration("grace", w.cfg.Grace))
		if err := w.client.StopAndCancel(background); err != nil {
			stop()
			return errors.Join(fmt.Errorf("stop worker: %w", err), group.Wait())
		}
	}
	stop()
	return group.Wait()
}

// indexes are those of River's that our migrations leave in place, for River to rebuild now and then.
func indexes() []string {
	return slices.DeleteFunc(river.ReindexerIndexNamesDefault(), func(name string) bool {
		return name == "river_job_args_index" || name == "river_job_metadata_index"
	})
}
