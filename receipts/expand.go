package receipts

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/internal/failpoint"
)

// Child is one recipient of an expansion.
type Child struct {
	// Key is unique among the recipients of a root, and what the cursor compares.
	Key string
	// Recipient is the person's id, or empty for a fixed address.
	Recipient string
	// Address is a fixed address, or empty for a person.
	Address string
	// Data is what the resolver knows about the recipient beyond that; it may be nil.
	Data json.RawMessage
}

// Expand adds one chunk of children to a root that the batch holds, with their jobs, and moves the root's cursor to
// the last of them. A child that exists already is left alone, so a chunk may be repeated. It returns [ErrLeaseLost]
// if the root was taken away or cancelled.
func (s *Store) Expand(ctx context.Context, db DB, token, root uuid.UUID, chunk []Child) error {
	n := len(chunk)
	if n == 0 {
		return nil
	}
	keys, recipients, addresses := make([]string, n), make([]string, n), make([]string, n)
	data := make([]*string, n)
	for i, c := range chunk {
		keys[i], recipients[i], addresses[i] = c.Key, c.Recipient, c.Address
		if c.Data != nil {
			text := string(c.Data)
			data[i] = &text
		}
	}
	var roots, woken int
	row := db.QueryRow(ctx, sqlExpandChunk, pgx.StrictNamedArgs{
		"token": token, "root": root, "cursor": keys[n-1], "keys": keys,
		"recipients": recipients, "addresses": addresses, "data": data, "now": s.now(),
	})
	failpoint.Pass(failpoint.R2)
	if err := row.Scan(&roots, &woken); err != nil {
		return fmt.Errorf("expand receipt %s: %w", root, err)
	}
	if roots == 0 {
		return ErrLeaseLost
	}
	return nil
}
