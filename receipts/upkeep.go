package receipts

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/internal/failpoint"
)

// Renew prolongs leases and returns those that still stand. A token that does not come back is lost for good: its
// holder must stop sending.
func (s *Store) Renew(ctx context.Context, db DB, tokens []uuid.UUID, lease time.Duration) ([]uuid.UUID, error) {
	return collectIDs(ctx, db, "renew leases", sqlRenew, pgx.StrictNamedArgs{
		"tokens": tokens, "lease": seconds(lease), "now": s.now(),
	})
}

// ReclaimedReceipt is one that was taken from a lost worker.
type ReclaimedReceipt struct {
	ID uuid.UUID
	// Event and Transport are as stored: nothing says that this program declares them.
	Event, Transport string
	// State is Waiting, or what the receipt ended as: Failed as poison, or Uncertain.
	State  State
	Reason Reason
}

// Reclaim takes receipts from leases that have expired. One that was being sent gets an attempt with an unknown
// outcome; where its channel parks those, it is left as uncertain. The others wait for another try, or fail as poison
// once their worker was lost poison times in a row. Jobs that the worker had in hand fire again.
func (s *Store) Reclaim(ctx context.Context, db DB, poison int) ([]ReclaimedReceipt, error) {
	var expired bool
	if err := db.QueryRow(ctx, sqlExpired, pgx.StrictNamedArgs{"now": s.now()}).Scan(&expired); err != nil {
		return nil, fmt.Errorf("look for expired leases: %w", err)
	}
	if !expired {
		return nil, nil
	}
	rows, err := db.Query(ctx, sqlReclaim, pgx.StrictNamedArgs{"poison": poison, "now": s.now()})
	if err != nil {
		return nil, fmt.Errorf("reclaim expired leases: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ReclaimedReceipt])
	if err != nil {
		return nil, fmt.Errorf("reclaim expired leases: %w", err)
	}
	if len(all) > 0 {
		failpoint.Pass(failpoint.W1)
	}
	return all, nil
}

// Reconcile sets a new alarm for receipts that have been due for longer than grace and whose job is gone, finished,
// was fetched by a process that never claimed, or is put off for longer than grace. A bulk lane without a
// permit gets one, and the oldest receipt of those that it is for stands for all of them.
func (s *Store) Reconcile(ctx context.Context, db DB, grace time.Duration) ([]uuid.UUID, error) {
	args := pgx.StrictNamedArgs{"grace": seconds(grace), "now": s.now()}
	mended, err := collectIDs(ctx, db, "reconcile receipts", sqlReconcile, args)
	if err != nil {
		return nil, err
	}
	bulk, err := collectIDs(ctx, db, "reconcile bulk lanes", sqlReconcileBulk, args)
	return append(mended, bulk...), err
}

// Lanes lists the lanes that have unfinished jobs, whatever becomes of them.
func (s *Store) Lanes(ctx context.Context, db DB) ([]string, error) {
	rows, err := db.Query(ctx, sqlLanes)
	if err != nil {
		return nil, fmt.Errorf("list lanes: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list lanes: %w", err)
	}
	return names, nil
}

// Promote makes the scheduled jobs of the lanes fetchable once they are due, without a leader, and returns how many.
func (s *Store) Promote(ctx context.Context, db DB, lanes []string) (int, error) {
	var promoted int
	var woken *bool
	err := db.QueryRow(ctx, sqlPromote, pgx.StrictNamedArgs{"lanes": lanes, "now": s.now()}).Scan(&promoted, &woken)
	if err != nil {
		return 0, fmt.Errorf("promote due jobs: %w", err)
	}
	return promoted, nil
}

func collectIDs(ctx context.Context, db DB, doing, sql string, args pgx.StrictNamedArgs) ([]uuid.UUID, error) {
	rows, err := db.Query(ctx, sql, args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return ids, nil
}

// EnsurePartitions makes the partitions of this month and the next two, where they are missing.
func (s *Store) EnsurePartitions(ctx context.Context, db DB) error {
	if _, err := db.Exec(ctx, sqlEnsurePartitions); err != nil {
		return fmt.Errorf("ensure partitions: %w", err)
	}
	return nil
}
