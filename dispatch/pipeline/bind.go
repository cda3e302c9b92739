package pipeline

import (
	"context"

	"github.com/carillon-notify/carillon/receipts"
)

// bind commits recipient and content before anything leaves the house. A receipt that was taken away meanwhile drops
// out of the batch.
func (r *run) bind(ctx context.Context) error {
	open := r.open()
	bindings := make([]receipts.Binding, len(open))
	for i, it := range open {
		bindings[i] = receipts.Binding{
			ID: it.ID, Recipient: it.body.Recipient.ID, Address: it.body.Recipient.Address, OnUnknown: it.channel.OnUnknown,
		}
		if it.frozen == nil {
			bindings[i].Body = it.body
		}
	}
	tries, err := r.store.Bind(ctx, r.db, r.batch.Token, bindings)
	if err != nil {
		return err
	}
	var kept []*item
	for _, it := range r.items {
		try, bound := tries[it.ID]
		it.try = try
		if bound || it.result != nil {
			kept = append(kept, it)
		}
	}
	r.items = kept
	return nil
}
