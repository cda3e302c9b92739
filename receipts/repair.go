package receipts

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ActionRepair mends what the audit found; see [Store.Repair]. It takes no receipts by id.
const ActionRepair Action = "repair"

// Repaired is what one step of [Store.Repair] did.
type Repaired struct {
	// Check is the audit's check that wanted it, such as "I3".
	Check string `json:"check"`
	// Meaning says what was done, in a line.
	Meaning string `json:"meaning"`
	// IDs are the receipts that it was done to.
	IDs []uuid.UUID `json:"ids"`
}

// repair is one step.
type repair struct {
	check, meaning string
	run            func(ctx context.Context, db DB, op uuid.UUID) ([]uuid.UUID, error)
}

// Repair mends what the rows themselves say how to mend: receipts without an alarm or with a lease that is gone or over,
// leases that list the wrong receipts, alarms of receipts that are over, and root receipts that are missing where the
// published declarations tell which. It invents no history: attempts, content and recipients are left as they are.
//
// op must come from [Store.StartOperation] with [ActionRepair]; each receipt that is touched is written down under it. Due
// receipts get an alarm if they have been without for longer than grace. Each step is one transaction, and workers may
// run beside it. The steps that did something are returned, together with the error of the first that failed.
func (s *Store) Repair(ctx context.Context, db DB, op *Operation, grace time.Duration) ([]Repaired, error) {
	if op.Action != ActionRepair || op.ID == uuid.Nil {
		return nil, fmt.Errorf("%s: %w", op.Action, ErrOperation)
	}
	var done []Repaired
	for _, step := range s.repairs(grace) {
		ids, err := step.run(ctx, db, op.ID)
		if err != nil {
			return done, err
		}
		if len(ids) == 0 {
			continue
		}
		done = append(done, Repaired{Check: step.check, Meaning: step.meaning, IDs: ids})
	}
	if _, err := db.Exec(ctx, sqlCountRepaired, pgx.StrictNamedArgs{"operation": op.ID}); err != nil {
		return done, fmt.Errorf("count repaired receipts: %w", err)
	}
	return done, nil
}

// repairs lists the steps. Leases come first: what reclaim gives back is then looked at by the others.
func (s *Store) repairs(grace time.Duration) []repair {
	now := func() pgx.StrictNamedArgs { return pgx.StrictNamedArgs{"now": s.now()} }
	return []repair{
		{"I11", "a lease lists what it holds", s.repairBy(sqlRepairLists, pgx.StrictNamedArgs{})},
		{"I3", "a lease that was gone is over, so that its receipts are taken back", s.repairBy(sqlRepairLeases, now())},
		{"I3", "taken back from a lease that was over", s.repairExpired},
		{"I7", "a receipt that is over has no lease, and a time", s.repairBy(sqlRepairFinished, pgx.StrictNamedArgs{
			"now": s.now(), "terminal": stateWords(terminal()),
		})},
		{"I7", "an alarm of a receipt that is over is deleted", s.repairBy(sqlRepairJobs, pgx.StrictNamedArgs{})},
		{"I12", "a receipt past its deadline is due, and will be found expired", s.repairBy(sqlRepairOverdue, now())},
		{"I1", "a missing root receipt is written, as the published declarations say", s.repairRoots},
		{"I3", "a due receipt has a new alarm", func(ctx context.Context, db DB, op uuid.UUID) ([]uuid.UUID, error) {
			return s.repairAll(ctx, db, op, func() ([]uuid.UUID, error) { return s.Reconcile(ctx, db, grace) })
		}},
	}
}

// repairBy runs one statement that returns what it mended.
func (s *Store) repairBy(sql string, args pgx.StrictNamedArgs) func(context.Context, DB, uuid.UUID) ([]uuid.UUID, error) {
	return func(ctx context.Context, db DB, op uuid.UUID) (ids []uuid.UUID, err error) {
		err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			if ids, err = collectIDs(ctx, tx, "repair", sql, args); err != nil {
				return err
			}
			return note(ctx, tx, op, ids)
		})
		return ids, err
	}
}

// repairExpired reclaims what any worker would. What the receipts left is noted before.
func (s *Store) repairExpired(ctx context.Context, db DB, op uuid.UUID) ([]uuid.UUID, error) {
	held, err := collectIDs(ctx, db, "list expired leases", sqlExpiredHeld, pgx.StrictNamedArgs{"now": s.now()})
	if err != nil {
		return nil, err
	}
	if err := note(ctx, db, op, held); err != nil {
		return nil, err
	}
	return s.repairAll(ctx, db, op, func() ([]uuid.UUID, error) {
		all, err := s.Reclaim(ctx, db, repairPoison)
		ids := make([]uuid.UUID, len(all))
		for i, one := range all {
			ids[i] = one.ID
		}
		return ids, err
	})
}

// repairPoison is how often in a row a receipt may lose its worker before a repair quarantines it, as in a worker.
const repairPoison = 3

// repairRoots lets one repair at a time look for missing roots, because no key keeps two apart.
func (s *Store) repairRoots(ctx context.Context, db DB, op uuid.UUID) (ids []uuid.UUID, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockRoots); err != nil {
			return fmt.Errorf("repair roots: %w", err)
		}
		if ids, err = collectIDs(ctx, tx, "repair roots", sqlRepairRoots, pgx.StrictNamedArgs{"now": s.now()}); err != nil {
			return err
		}
		return note(ctx, tx, op, ids)
	})
	return ids, err
}

// repairAll repeats what mends a limited number at a time.
func (s *Store) repairAll(
	ctx context.Context, db DB, op uuid.UUID, mend func() ([]uuid.UUID, error),
) (all []uuid.UUID, err error) {
	for {
		ids, err := mend()
		if err != nil || len(ids) == 0 {
			return all, err
		}
		if err := note(ctx, db, op, ids); err != nil {
			return all, err
		}
		all = append(all, ids...)
	}
}

func note(ctx context.Context, db DB, op uuid.UUID, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	if _, err := db.Exec(ctx, sqlNoteRepaired, pgx.StrictNamedArgs{"operation": op, "ids": ids}); err != nil {
		return fmt.Errorf("note %d repaired receipts: %w", len(ids), err)
	}
	return nil
}

// terminal lists the terminal states.
func terminal() []State {
	var all []State
	for _, s := range States() {
		if s.Terminal() {
			all = append(all, s)
		}
	}
	return all
}
