package receipts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ErrNotFound is returned by [Store.Get], [Store.GetEvent], [Store.FindReceipt] and [Store.FindEvent].
var ErrNotFound = errors.New("not found")

// ErrAmbiguous is returned by [Store.FindReceipt] and [Store.FindEvent] when a short id fits more than one row.
var ErrAmbiguous = errors.New("the short id is ambiguous (give the whole id)")

// OfEvent returns every receipt of an occurrence, roots included, in order of creation.
func (s *Store) OfEvent(ctx context.Context, db DB, eventID uuid.UUID) ([]Receipt, error) {
	rows, err := db.Query(ctx, sqlOfEvent, pgx.StrictNamedArgs{"event_id": eventID})
	return collectReceipts(rows, err, "list receipts of event "+eventID.String())
}

// Get returns one receipt, or [ErrNotFound].
func (s *Store) Get(ctx context.Context, db DB, id uuid.UUID) (*Receipt, error) {
	rows, err := db.Query(ctx, sqlGet, pgx.StrictNamedArgs{"id": id})
	found, err := collectReceipts(rows, err, "get receipt "+id.String())
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("receipt %s: %w", id, ErrNotFound)
	}
	return &found[0], nil
}

// GetEvent returns one occurrence, or [ErrNotFound].
func (s *Store) GetEvent(ctx context.Context, db DB, id uuid.UUID) (*Event, error) {
	rows, err := db.Query(ctx, sqlGetEvent, pgx.StrictNamedArgs{"id": id})
	if err != nil {
		return nil, fmt.Errorf("get event %s: %w", id, err)
	}
	event, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Event])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("event %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("get event %s: %w", id, err)
	}
	return &event, nil
}

// Attempts returns the tries of a receipt, first one first.
func (s *Store) Attempts(ctx context.Context, db DB, id uuid.UUID) ([]Attempt, error) {
	rows, err := db.Query(ctx, sqlAttempts, pgx.StrictNamedArgs{"id": id})
	if err != nil {
		return nil, fmt.Errorf("list attempts of receipt %s: %w", id, err)
	}
	attempts, err := pgx.CollectRows(rows, pgx.RowToStructByName[Attempt])
	if err != nil {
		return nil, fmt.Errorf("list attempts of receipt %s: %w", id, err)
	}
	return attempts, nil
}

// Decisions returns what the rules said about a receipt, first run first. A run of which no rule had anything to say
// is not stored.
func (s *Store) Decisions(ctx context.Context, db DB, id uuid.UUID) ([]Decision, error) {
	rows, err := db.Query(ctx, sqlDecisions, pgx.StrictNamedArgs{"id": id})
	if err != nil {
		return nil, fmt.Errorf("list decisions of receipt %s: %w", id, err)
	}
	var decisions []Decision
	var at time.Time
	var raw json.RawMessage
	_, err = pgx.ForEachRow(rows, []any{&at, &raw}, func() error {
		d := Decision{DecidedAt: at}
		if err := json.Unmarshal(raw, &d.Verdicts); err != nil {
			return err
		}
		decisions = append(decisions, d)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list decisions of receipt %s: %w", id, err)
	}
	return decisions, nil
}

// FindReceipt returns the id that text stands for: a whole id, or its last eight hex digits.
func (s *Store) FindReceipt(ctx context.Context, db DB, text string) (uuid.UUID, error) {
	return find(ctx, db, sqlFindReceipts, "receipt", text)
}

// FindEvent returns the id of the occurrence that text stands for: a whole id, or its last eight hex digits.
func (s *Store) FindEvent(ctx context.Context, db DB, text string) (uuid.UUID, error) {
	return find(ctx, db, sqlFindEvents, "event", text)
}

var shortID = regexp.MustCompile(`^[0-9a-f]{8}$`)

func find(ctx context.Context, db DB, sql, what, text string) (uuid.UUID, error) {
	if id, err := uuid.Parse(text); err == nil {
		return id, nil
	}
	if !shortID.MatchString(text) {
		return uuid.Nil, fmt.Errorf("%q is no %s id (give the whole id or its last eight hex digits): %w",
			text, what, ErrNotFound)
	}
	ids, err := collectIDs(ctx, db, "find "+what, sql, pgx.StrictNamedArgs{"suffix": text})
	switch {
	case err != nil:
		return uuid.Nil, err
	case len(ids) == 0:
		return uuid.Nil, fmt.Errorf("%s %s: %w", what, text, ErrNotFound)
	case len(ids) > 1:
		return uuid.Nil, fmt.Errorf("%s %s: %w", what, text, ErrAmbiguous)
	}
	return ids[0], nil
}

func collectReceipts(rows pgx.Rows, err error, doing string) ([]Receipt, error) {
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	receipts, err := pgx.CollectRows(rows, pgx.RowToStructByName[Receipt])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return receipts, nil
}
