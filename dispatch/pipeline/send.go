package pipeline

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/internal/failpoint"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// sendAllTx sends over a transport that is in the database, and returns the items whose result is still to be recorded.
// After a panic, and after what is wrong with one message, each is tried on its own, so that it does no harm to the others.
func (r *run) sendAllTx(ctx context.Context, t transports.InDatabase, items []*item) (failed []*item) {
	err := r.sendTx(ctx, t, items)
	if err == nil {
		return nil
	}
	// What is wrong with the database is wrong with it for all.
	classified := transports.Classify(err)
	if len(items) == 1 || classified.Class == transports.Transient && classified.Code != codePanic {
		return items
	}
	for _, it := range items {
		it.result = nil
		if err := r.sendTx(ctx, t, []*item{it}); err != nil {
			failed = append(failed, it)
		}
	}
	return failed
}

// sendTx writes the messages and their results in one transaction, so that both exist or neither does. After an
// error the items are settled for another try, and nothing of them was written.
func (r *run) sendTx(ctx context.Context, t transports.InDatabase, items []*item) error {
	started := time.Now()
	err := pgx.BeginFunc(ctx, r.db, func(tx pgx.Tx) error {
		held, err := r.hold(ctx, tx, items)
		if err != nil {
			return err
		}
		messages := make([]transports.Message, len(held))
		for i, it := range held {
			messages[i] = it.message()
		}
		var results []transports.Result
		err = r.contain(ctx, "transport", items[0], func() (err error) {
			results, err = t.SendTx(ctx, tx, messages)
			return err
		})
		if err != nil {
			return err
		}
		batch := make([]receipts.Result, len(held))
		for i, it := range held {
			r.settleAccepted(it, results[i], started)
			batch[i] = *it.result
		}
		_, err = r.store.Record(ctx, tx, r.batch.Token, batch, true)
		return err
	})
	if err == nil {
		r.wrote(ctx, items)
		return nil
	}
	for _, it := range items {
		it.result = nil
		r.settleFailure(it, transports.Classify(err), started)
	}
	return err
}

// hold locks the batch's lease, and lists the items that are still its own.
func (r *run) hold(ctx context.Context, tx pgx.Tx, items []*item) ([]*item, error) {
	ids := make([]uuid.UUID, len(items))
	byID := make(map[uuid.UUID]*item, len(items))
	for i, it := range items {
		ids[i], byID[it.ID] = it.ID, it
	}
	heldIDs, err := r.store.Hold(ctx, tx, r.batch.Token, ids)
	if err != nil {
		return nil, err
	}
	held := make([]*item, len(heldIDs))
	for i, id := range heldIDs {
		held[i] = byID[id]
	}
	return held, nil
}

// send tries once, with no database connection held.
func (r *run) send(ctx context.Context, it *item) {
	if ctx.Err() != nil {
		r.handBack(it)
		return
	}
	if r.settleStop(it, r.gate.Check(it.sending.Route, it.admitted)) {
		return
	}
	started := time.Now()
	sending, cancel := context.WithTimeout(ctx, r.sendTimeout)
	defer cancel()
	if r.probe(ctx, sending, it, started) {
		return
	}
	sending, it.traced = r.telemetry.Send(sending, it.described(), started, r.delay(it))
	var accepted transports.Result
	failpoint.Pass(failpoint.S1, it.body.Recipient.Address)
	err := r.contain(ctx, "transport", it, func() (err error) {
		m := it.message()
		if r.store.Now() == nil { // Of a test it may be any time.
			m.SentAt = r.batch.ClaimedAt.Add(time.Since(r.began))
		}
		accepted, err = r.transports[it.Transport].Send(sending, m)
		return err
	})
	if err != nil {
		r.countUnclassified(it, err)
		failure := transports.Classify(err)
		if failure.Code == codePanic {
			failure.Class = transports.Unknown // It may have come after the provider's acceptance.
		}
		r.settleFailure(it, failure, started)
		r.tell(ctx, it, failure)
		return
	}
	failpoint.Pass(failpoint.S5)
	r.settleAccepted(it, accepted, started)
	r.tell(ctx, it, nil)
}

// handBack returns a receipt whose send was never begun.
func (r *run) handBack(it *item) {
	it.settle(receipts.Result{State: receipts.Waiting, Reason: receipts.Retry})
}

func (r *run) settleAccepted(it *item, accepted transports.Result, started time.Time) {
	it.settle(receipts.Result{
		State: receipts.Sent, Reason: receipts.Accepted, CostsAttempt: true,
		Provider: accepted.Provider, ProviderMessageID: accepted.ProviderMessageID,
		Attempt: &receipts.Attempt{
			StartedAt: started, FinishedAt: time.Now(), Outcome: receipts.AttemptAccepted,
			Class: transports.OK, Detail: truncate(accepted.Detail, maxDetail),
		},
	})
}
