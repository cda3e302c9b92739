package receipts

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/transports"
)

// Binding fixes who gets a receipt and what it says, before the send.
type Binding struct {
	ID uuid.UUID
	// Recipient is the person's id, or empty for a fixed address.
	Recipient string
	// Address is where the message goes; empty for transports that need none.
	Address string
	// OnUnknown is what reclaim does if the worker is lost while it sends; empty means [transports.Resend].
	OnUnknown transports.OnUnknown
	// Body is stored if it is not nil; nil keeps what an earlier try stored.
	Body *Body
}

// Bind moves receipts of the batch from resolving to sending, and stores what they say. It returns the number of the
// try for each receipt that is still the batch's; one that is missing was taken away and must not be sent.
func (s *Store) Bind(ctx context.Context, db DB, token uuid.UUID, bindings []Binding) (map[uuid.UUID]int, error) {
	if len(bindings) == 0 {
		return map[uuid.UUID]int{}, nil
	}
	args, err := bindArgs(token, bindings)
	if err != nil {
		return nil, err
	}
	rows, err := db.Query(ctx, sqlBind, args)
	if err != nil {
		return nil, fmt.Errorf("bind %d receipts: %w", len(bindings), err)
	}
	return collectBound(rows, len(bindings))
}

func bindArgs(token uuid.UUID, bindings []Binding) (pgx.StrictNamedArgs, error) {
	n := len(bindings)
	ids := make([]uuid.UUID, n)
	recipients := make([]string, n)
	addresses := make([]string, n)
	policies := make([]string, n)
	bodies := make([]*string, n)
	rendered := make([]*time.Time, n)
	for i, b := range bindings {
		ids[i], recipients[i], addresses[i] = b.ID, storable(b.Recipient), storable(b.Address)
		if b.OnUnknown != transports.Resend {
			policies[i] = string(b.OnUnknown)
		}
		if b.Body == nil {
			continue
		}
		raw, err := json.Marshal(b.Body)
		if err != nil {
			return nil, fmt.Errorf("encode content of receipt %s: %w", b.ID, err)
		}
		text := storableJSON(raw)
		bodies[i], rendered[i] = &text, &b.Body.RenderedAt
	}
	return pgx.StrictNamedArgs{
		"token": token, "ids": ids, "recipients": recipients, "addresses": addresses, "policies": policies,
		"bodies": bodies, "rendered": rendered,
	}, nil
}

func collectBound(rows pgx.Rows, n int) (map[uuid.UUID]int, error) {
	bound := make(map[uuid.UUID]int, n)
	var id uuid.UUID
	var tries int
	_, err := pgx.ForEachRow(rows, []any{&id, &tries}, func() error {
		bound[id] = tries
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("bind %d receipts: %w", n, err)
	}
	return bound, nil
}
