package receipts

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Release gives receipts of the batch back that were claimed and not begun: each goes to the state it came from, at no
// cost, due as before, with a job that fires at once in whichever process is free. The lease ends if nothing is left
// under it. It returns the ids that were given back; one that is missing was begun or taken away.
func (s *Store) Release(ctx context.Context, db DB, token uuid.UUID, claimed []Claimed) ([]uuid.UUID, error) {
	ids, reasons := make([]uuid.UUID, len(claimed)), make([]string, len(claimed))
	for i, c := range claimed {
		ids[i], reasons[i] = c.ID, string(c.WaitedFor)
	}
	rows, err := db.Query(ctx, sqlRelease, pgx.StrictNamedArgs{
		"token": token, "ids": ids, "reasons": reasons, "now": s.now(),
	})
	if err != nil {
		return nil, fmt.Errorf("release %d receipts: %w", len(claimed), err)
	}
	var released []uuid.UUID
	var id uuid.UUID
	var woken int
	_, err = pgx.ForEachRow(rows, []any{&id, &woken}, func() error {
		released = append(released, id)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("release %d receipts: %w", len(claimed), err)
	}
	return released, nil
}
