package worker

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/receipts"
)

const (
	promoteEvery    = time.Second
	reclaimEvery    = 2 * time.Second
	reconcileEvery  = 10 * time.Second
	reconcileGrace  = 10 * time.Second
	partitionsEvery = 24 * time.Hour
)

// keep starts what keeps receipts moving. A task that fails is tried again at its next turn.
func (w *Worker) keep(ctx context.Context, group *errgroup.Group) {
	for _, task := range []struct {
		name  string
		every time.Duration
		run   func(context.Context) error
	}{
		{"renew leases", w.cfg.Lease / 3, w.leases.renew},
		{"promote due jobs", promoteEvery, func(ctx context.Context) error {
			promoted, err := w.store.Promote(ctx, w.pool, w.lanes.names())
			w.cfg.Telemetry.Promoted(promoted)
			if ctx.Err() == nil {
				w.cfg.Telemetry.Beat(err)
			}
			return err
		}},
		{"reclaim expired leases", reclaimEvery, func(ctx context.Context) error {
			reclaimed, err := w.store.Reclaim(ctx, w.pool, poisonAfter)
			w.cfg.Telemetry.Reclaimed(len(reclaimed))
			for _, r := range reclaimed {
				w.countEnded(r)
			}
			if len(reclaimed) > 0 {
				w.cfg.Logger.WarnContext(ctx, "receipts of a lost worker reclaimed", slog.Int("receipts", len(reclaimed)))
			}
			return err
		}},
		{"reconcile receipts", reconcileEvery, func(ctx context.Context) error {
			mended, err := w.store.Reconcile(ctx, w.pool, reconcileGrace)
			w.cfg.Telemetry.Reconciled(len(mended))
			if len(mended) > 0 {
				w.cfg.Logger.WarnContext(ctx, "receipts without an alarm got a new one", slog.Int("receipts", len(mended)))
			}
			return err
		}},
		{"discover lanes", lanesEvery, w.discover},
		{"ensure partitions", partitionsEvery, func(ctx context.Context) error {
			return w.store.EnsurePartitions(ctx, w.pool)
		}},
	} {
		group.Go(func() error {
			w.every(ctx, task.name, task.every, task.run)
			return nil
		})
	}
}

// countEnded counts a reclaimed receipt that gets no other try. What this program does not declare has no name: it may be
// anything.
func (w *Worker) countEnded(r receipts.ReclaimedReceipt) {
	if !r.State.Terminal() {
		return
	}
	registry := w.dispatcher.Registry()
	if _, known := registry.Event(r.Event); !known {
		r.Event = ""
	}
	if !slices.Contains(registry.Transports(), r.Transport) {
		r.Transport = ""
	}
	w.cfg.Telemetry.Finished(r.Event, r.Transport, r.State, r.Reason)
}

func (w *Worker) every(ctx context.Context, name string, interval time.Duration, run func(context.Context) error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := run(ctx); err != nil && ctx.Err() == nil {
			w.trouble.WarnContext(ctx, "upkeep fell short", slog.String("task", name), slog.Any("err", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// warnings passes on what River has to say from Warn up; its steps are not ours to report.
type warnings struct{ slog.Handler }

func (h warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{h.Handler.WithAttrs(attrs)}
}

func (h warnings) WithGroup(name string) slog.Handler { return warnings{h.Handler.WithGroup(name)} }
