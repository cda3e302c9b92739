package pipeline

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// keeps says whether the item's transport keeps something of its send.
func (r *run) keeps(it *item) bool {
	_, keeper := r.transports[it.Transport].(transports.Keeper)
	return keeper && it.try > 0 && it.result.Attempt != nil
}

// together writes the pending results and, in the same transaction, what transports keep of them. Without anything to
// keep there is no transaction but that of write itself.
func (r *recorder) together(ctx context.Context, write func(db receipts.DB) error) error {
	if len(r.kept) == 0 {
		return write(r.db)
	}
	return pgx.BeginFunc(ctx, r.db, func(tx pgx.Tx) error {
		if err := write(tx); err != nil {
			return err
		}
		for t, items := range r.targeted(r.kept) {
			err := r.contain(ctx, "transport", items[0], func() error {
				return t.(transports.Keeper).KeepTx(ctx, tx, r.batch.ClaimedAt, outcomesOf(items))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// outcomesOf is what became of sends, as transports are told.
func outcomesOf(items []*item) []transports.Outcome {
	outcomes := make([]transports.Outcome, len(items))
	for i, it := range items {
		outcomes[i] = transports.Outcome{Message: it.message(), Class: it.result.Attempt.Class, Code: it.result.Attempt.Code}
	}
	return outcomes
}
