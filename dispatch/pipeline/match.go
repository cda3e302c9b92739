package pipeline

import (
	"context"
	"log/slog"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/receipts"
)

// match finds each receipt's declaration, its recipient if it has one already, and what an earlier try stored. A
// receipt that this process does not know waits for one that does.
func (r *run) match(ctx context.Context) error {
	var tried []uuid.UUID
	for _, it := range r.items {
		event, known := r.registry.Event(it.Event.Name)
		if known {
			it.event = event
			it.channel, known = event.Channel(it.Channel)
		}
		if !known || r.transports[it.Transport] == nil || it.channel.Transport != it.Transport {
			r.logger.WarnContext(ctx, "receipt of an undeclared channel waits",
				slog.String("receipt_id", it.ID.String()), slog.String("event", it.Event.Name), slog.String("channel", it.Channel))
			r.telemetry.Undeclared()
			r.settleUndeclared(it)
			continue
		}
		if it.Tries > 0 {
			tried = append(tried, it.ID)
		}
	}
	if len(tried) == 0 {
		return nil
	}
	bodies, err := r.store.Bodies(ctx, r.db, tried)
	if err != nil {
		return err
	}
	for _, it := range r.items {
		if body, stored := bodies[it.ID]; stored {
			it.frozen = &body
		}
	}
	return nil
}

// settleUndeclared lets a receipt wait for a worker that knows it, but no longer than the message is worth sending.
func (r *run) settleUndeclared(it *item) {
	if it.ExpiresAt != nil && !r.batch.ClaimedAt.Before(*it.ExpiresAt) {
		it.settle(it.expired(receipts.Deadline))
		return
	}
	it.settle(receipts.Result{State: receipts.Waiting, Reason: receipts.Undeclared, Wait: undeclaredWait})
}
