package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/migrations"
	"github.com/carillon-notify/carillon/receipts"
)

// Worker delivers the receipts of one dispatcher's declarations.
type Worker struct {
	cfg        Config
	dispatcher *dispatch.Dispatcher
	pool       *pgxpool.Pool
	store      *receipts.Store
	client     *river.Client[pgx.Tx]
	lanes      *lanes
	leases     *leases
	// gate is shared by all lanes.
	gate *flow.Gate
	// suspect is shared by all lanes.
	suspect alone
	// trouble is the log of what repeats while the database is away.
	trouble *slog.Logger
	// batches are those under way.
	batches sync.WaitGroup
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
		cfg: cfg, dispatcher: d, pool: pool, store: receipts.New(nil),
		lanes: newLanes(), stopping: make(chan struct{}), suspect: make(alone, 1),
	}
	w.trouble = slog.New(newSparse(cfg.Logger.Handler()))
	w.leases = newLeases(w.store, pool, cfg.Lease, cfg.Logger)
	w.gate = flow.New(&flow.Config{Logger: cfg.Logger, Observer: cfg.Telemetry})
	w.leases.telemetry = cfg.Telemetry
	queues := map[string]river.QueueConfig{}
	for _, name := range lanesOf(d) {
		if err := w.add(name); err != nil {
			return nil, fmt.Errorf("new worker: %w", err)
		}
		queues[name] = w.queue()
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &jobWorker{lanes: w.lanes})
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		// River wants a name that no other has; receipts.Store.Reclaim, one that begins with ours.
		ID:     strings.ToValidUTF8(cfg.Name[:min(len(cfg.Name), 80)], "") + "/" + uuid.NewString()[:8],
		Schema: "carillon", Queues: queues, Workers: workers,
		// The pipeline has deadlines of its own; a lane's job ends by itself.
		JobTimeout:                  -1,
		RescueStuckJobsAfter:        5 * time.Minute,
		CompletedJobRetentionPeriod: 10 * time.Minute,
		ReindexerIndexNames:         indexes(),
		Logger:                      slog.New(warnings{w.trouble.Handler()}),
		Hooks:                       []rivertype.Hook{river.HookMetricEmitFunc(w.fetched)},
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
	w.drain(background)
	stop()
	return group.Wait()
}

// leave is how long sends that were cut have to say what they know, and be recorded.
const leave = 2 * time.Second

// errGrace is why a send was cut.
var errGrace = errors.New("the worker stopped before the send was done")

// drain lets sends finish within the grace, cuts the others so that they can still be recorded within it, and never takes
// longer: a transport that does not listen is left behind, and its receipts are reclaimed.
func (w *Worker) drain(ctx context.Context) {
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_ = w.client.Stop(ctx) // It fails only with ctx.
		w.batches.Wait()
	}()
	cut := time.NewTimer(w.cfg.Grace - min(leave, w.cfg.Grace/5))
	defer cut.Stop()
	select {
	case <-drained:
		return
	case <-cut.C:
	}
	w.cfg.Logger.WarnContext(ctx, "the grace is over, sends are cut", slog.Duration("grace", w.cfg.Grace))
	w.leases.cut(errGrace)
	end := time.NewTimer(leave)
	defer end.Stop()
	select {
	case <-drained:
	case <-end.C:
		w.cfg.Logger.WarnContext(ctx, "sends that do not end are left behind, to be reclaimed")
	}
}

// stopped reports whether nothing new may begin.
func (w *Worker) stopped() bool {
	select {
	case <-w.stopping:
		return true
	default:
		return false
	}
}

// fetched notes that River looked into a lane.
func (w *Worker) fetched(_ context.Context, params *rivertype.HookMetricEmitParams) {
	if m, ok := params.Metric.(*rivertype.JobGetAvailableCountMetric); ok {
		w.cfg.Telemetry.Looked(m.Queue)
	}
}

// indexes are those of River's that our migrations leave in place, for River to rebuild now and then.
func indexes() []string {
	return slices.DeleteFunc(river.ReindexerIndexNamesDefault(), func(name string) bool {
		return name == "river_job_args_index" || name == "river_job_metadata_index"
	})
}
