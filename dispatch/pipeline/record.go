package pipeline

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/internal/failpoint"
	"github.com/carillon-notify/carillon/receipts"
)

// recordTimeout bounds the bookkeeping after a send, which outlives the context of the send itself.
const recordTimeout = 30 * time.Second

// retryRecord is the first pause after results could not be written.
const retryRecord = 50 * time.Millisecond

// recorder writes results in groups.
type recorder struct {
	*run
	pending []receipts.Result
	// suspects are pending items that panicked so often that they may be set aside. What became of them is told once
	// that is known.
	suspects map[uuid.UUID]*item
	// kept are pending items of whose sends their transport keeps something.
	kept []*item
}

// add takes the result of a settled item.
func (r *recorder) add(ctx context.Context, it *item) {
	r.pending = append(r.pending, *it.result)
	if r.keeps(it) {
		r.kept = append(r.kept, it)
	}
	if it.suspect() {
		r.suspects[it.ID] = it
		return
	}
	r.observe(ctx, it)
}

// flush records what is pending. It uses a context of its own, because a result must not be lost with the send's.
func (r *recorder) flush(ctx context.Context, last bool) error {
	if len(r.pending) == 0 && !last {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := r.prepare(ctx); err != nil {
		return err
	}
	var recorded []uuid.UUID
	err := r.together(ctx, func(db receipts.DB) (err error) {
		recorded, err = r.store.Record(ctx, db, r.batch.Token, r.pending, last)
		return err
	})
	if err != nil {
		return err
	}
	r.took(ctx, recorded)
	return nil
}

// turn records what is pending and binds the items, at once. After an error the results are still pending, and the items
// are as they were unless the answer was lost.
func (r *recorder) turn(ctx context.Context, items []*item) (bound []*item, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	var recorded []uuid.UUID
	var tries map[uuid.UUID]int
	err = r.together(ctx, func(db receipts.DB) (err error) {
		recorded, tries, err = r.store.Turn(ctx, db, r.batch.Token, r.pending, bindingsOf(items))
		return err
	})
	if err != nil {
		return nil, err
	}
	r.took(ctx, recorded)
	return boundOf(items, tries), nil
}

// prepare does what comes before results are written.
func (r *recorder) prepare(ctx context.Context) error {
	if err := r.gate.Flush(ctx, r.db); err != nil {
		return err
	}
	return r.quarantine(ctx)
}

// took notes that the pending results are written, those of them that still counted.
func (r *recorder) took(ctx context.Context, recorded []uuid.UUID) {
	failpoint.Pass(failpoint.S7)
	for _, result := range r.pending {
		if slices.Contains(recorded, result.ID) {
			r.finished(result)
		} else {
			r.telemetry.Fenced()
			r.logger.WarnContext(ctx, "a late result was fenced off",
				slog.String("receipt_id", result.ID.String()), slog.String("state", string(result.State)))
		}
	}
	r.pending, r.kept = nil, nil
}

// finish records what is left and ends the lease. While the database is away it tries again for as long as anybody would
// wait for an answer: a result that is lost here is sent twice.
func (r *recorder) finish(ctx context.Context) error {
	give := time.Now().Add(recordTimeout)
	for wait := retryRecord; ; wait = min(2*wait, time.Second) {
		err := r.flush(ctx, true)
		if err == nil || !receipts.Passing(err) || time.Now().Add(wait).After(give) {
			for _, it := range r.suspects {
				r.observe(ctx, it)
			}
			return err
		}
		<-time.After(wait)
	}
}
