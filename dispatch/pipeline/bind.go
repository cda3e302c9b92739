package pipeline

import (
	"context"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/receipts"
)

// bind commits recipient and content of the items before anything of them leaves the house, and returns them. One that
// was taken away meanwhile drops out of the batch.
func (r *run) bind(ctx context.Context, items []*item) ([]*item, error) {
	tries, err := r.store.Bind(ctx, r.db, r.batch.Token, bindingsOf(items))
	if err != nil {
		return nil, err
	}
	return boundOf(items, tries), nil
}

func bindingsOf(items []*item) []receipts.Binding {
	bindings := make([]receipts.Binding, len(items))
	for i, it := range items {
		bindings[i] = receipts.Binding{
			ID: it.ID, Recipient: it.body.Recipient.ID, Address: it.body.Recipient.Address, OnUnknown: it.channel.OnUnknown,
		}
		if it.frozen == nil {
			bindings[i].Body = it.body
		}
	}
	return bindings
}

// boundOf keeps the items that were bound, and notes which try of theirs this is.
func boundOf(items []*item, tries map[uuid.UUID]int) []*item {
	bound := make([]*item, 0, len(items))
	for _, it := range items {
		try, still := tries[it.ID]
		it.try = try
		if still {
			bound = append(bound, it)
		}
	}
	return bound
}
