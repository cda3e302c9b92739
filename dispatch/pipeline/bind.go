package pipeline

import (
	"context"

	"github.com/carillon-notify/carillon/receipts"
)

// bind commits recipient and content of the items before anything of them leaves the house, and returns them. One that
// was taken away meanwhile drops out of the batch.
func (r *run) bind(ctx context.Context, items []*item) ([]*item, error) {
	bindings := make([]receipts.Binding, len(items))
	for i, it := range items {
		bindings[i] = receipts.Binding{
			ID: it.ID, Recipient: it.body.Recipient.ID, Address: it.body.Recipient.Address, OnUnknown: it.channel.OnUnknown,
		}
		if it.frozen == nil {
			bindings[i].Body = it.body
		}
	}
	tries, err := r.store.Bind(ctx, r.db, r.batch.Token, bindings)
	if err != nil {
		return nil, err
	}
	bound := make([]*item, 0, len(items))
	for _, it := range items {
		try, still := tries[it.ID]
		it.try = try
		if still {
			bound = append(bound, it)
		}
	}
	return bound, nil
}
