package receipts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Action is what an operator does to receipts.
type Action string

// The actions.
const (
	// ActionCancel ends receipts that nobody has begun to send.
	ActionCancel Action = "cancel"
	// ActionSendNow makes waiting and delayed receipts due at once.
	ActionSendNow Action = "send-now"
	// ActionRetry tries receipts again that failed, expired, or may have been lost.
	ActionRetry Action = "retry"
	// ActionReopen does that for skipped and cancelled receipts, too.
	ActionReopen Action = "reopen"
)

// Actions lists them.
func Actions() []Action { return []Action{ActionCancel, ActionSendNow, ActionRetry, ActionReopen} }

// From lists the states that the action moves receipts out of; none for an unknown action.
func (a Action) From() []State {
	switch a {
	case ActionCancel:
		return Sources(Cancelled, ByCancel)
	case ActionSendNow:
		// A pending receipt stays pending, and is due sooner.
		return append([]State{Pending}, Sources(Pending, BySendNow)...)
	case ActionRetry:
		return slices.DeleteFunc(Sources(Pending, ByReopen), func(s State) bool { return s == Skipped || s == Cancelled })
	case ActionReopen:
		return Sources(Pending, ByReopen)
	}
	return nil
}

func (a Action) sql() string {
	switch a {
	case ActionCancel:
		return sqlCancel
	case ActionSendNow:
		return sqlSendNow
	case ActionRetry, ActionReopen:
		return sqlReopen
	}
	return ""
}

// Operation is one deed of an operator, and gives it an identity: a retry is told from the tries that the worker makes
// by itself.
type Operation struct {
	ID     uuid.UUID `json:"id"`
	Action Action    `json:"action"`
	// Operator is who.
	Operator string `json:"operator"`
	// Reason is why.
	Reason string `json:"reason"`
	// Filter is what the receipts were chosen by, as JSON.
	Filter json.RawMessage `json:"filter"`
	// Matched is how many receipts were counted before, Changed how many have been changed.
	Matched   int       `json:"matched"`
	Changed   int       `json:"changed"`
	CreatedAt time.Time `json:"created_at"`
}

// ReceiptOperation is an operation from the side of one receipt.
type ReceiptOperation struct {
	Operation
	// LeftState and LeftReason are what the receipt was in before.
	LeftState  State  `json:"left_state"`
	LeftReason Reason `json:"left_reason,omitempty"`
}

// ErrOperation is returned by [Store.StartOperation] for one without operator or reason or of an unknown action, and by
// [Store.Apply] for one that was not started.
var ErrOperation = errors.New("an operation needs a known action, an operator and a reason, and to be started")

// StartOperation writes down who is about to do what, and why. Action, Operator and Reason are required, Filter and
// Matched recommended; the others are set.
func (s *Store) StartOperation(ctx context.Context, db DB, op Operation) (*Operation, error) {
	if !slices.Contains(append(Actions(), ActionRepair), op.Action) || op.Operator == "" || op.Reason == "" {
		return nil, fmt.Errorf("start %q: %w", op.Action, ErrOperation)
	}
	filter := "{}"
	if op.Filter != nil {
		filter = storableJSON(op.Filter)
	}
	rows, err := db.Query(ctx, sqlStartOperation, pgx.StrictNamedArgs{
		"action": string(op.Action), "operator": storable(op.Operator), "reason": storable(op.Reason),
		"filter": filter, "matched": op.Matched, "now": s.now(),
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", op.Action, err)
	}
	started, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Operation])
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", op.Action, err)
	}
	return &started, nil
}

// Change is what an operation did to one receipt.
type Change struct {
	ID         uuid.UUID `json:"id"`
	LeftState  State     `json:"left_state"`
	LeftReason Reason    `json:"left_reason,omitempty"`
	// Renewed means that the receipt had failed over its content or address: what was stored of that is gone, and is
	// made anew.
	Renewed bool `json:"renewed,omitempty"`
}

// Skip is a receipt that an operation left alone.
type Skip struct {
	ID uuid.UUID `json:"id"`
	// State and Reason are what it is in; empty if there is no such receipt.
	State  State  `json:"state,omitempty"`
	Reason Reason `json:"reason,omitempty"`
}

// Changes is what became of the receipts of one call of [Store.Apply].
type Changes struct {
	Changed []Change `json:"changed"`
	Skipped []Skip   `json:"skipped"`
}

// Apply does what op says to the receipts, up to 1,000 in one statement. op must come from [Store.StartOperation]; it may
// be applied many times. A receipt whose state the action does not start from is left alone: above all one that is
// being sent, so that nothing goes out twice, and one that the same action has moved before.
//
// Content, Message-ID and recipient of a receipt that is retried or reopened are those of its first render. Only one
// that failed over them, as failed(render) or failed(bad_address), is rendered anew, to the address that its person
// has by then. A deadline that has passed is lifted; a delay that has not still holds.
func (s *Store) Apply(ctx context.Context, db DB, op *Operation, ids []uuid.UUID) (*Changes, error) {
	if len(op.Action.From()) == 0 || op.ID == uuid.Nil {
		return nil, fmt.Errorf("%s receipts: %w", op.Action, ErrOperation)
	}
	unleased := slices.DeleteFunc(op.Action.From(), State.Leased)
	all := &Changes{}
	for chunk := range slices.Chunk(ids, maxPage) {
		changed, err := s.move(ctx, db, op, unleased, chunk, false)
		if err != nil {
			return nil, err
		}
		skipped, err := s.leftAlone(ctx, db, chunk, changed)
		if err != nil {
			return nil, err
		}
		all.Changed = append(all.Changed, changed...)
		for _, skip := range skipped {
			if err := s.moveLeased(ctx, db, op, skip, all); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// moveLeased tries a receipt that somebody had locked, that a worker held, or released just now, by itself: its row is
// waited for while no other is locked. Binding and recording lock the rows of a batch in no order, and would meet us half way.
func (s *Store) moveLeased(ctx context.Context, db DB, op *Operation, skip Skip, all *Changes) error {
	if !slices.Contains(op.Action.From(), skip.State) {
		all.Skipped = append(all.Skipped, skip)
		return nil
	}
	id := []uuid.UUID{skip.ID}
	moved, err := s.move(ctx, db, op, op.Action.From(), id, true)
	if err != nil {
		return err
	}
	skipped, err := s.leftAlone(ctx, db, id, moved)
	if err != nil {
		return err
	}
	all.Changed = append(all.Changed, moved...)
	all.Skipped = append(all.Skipped, skipped...)
	return nil
}

// move changes those of ids that are in one of the states from, and waits for those that are locked, or passes them over.
func (s *Store) move(
	ctx context.Context, db DB, op *Operation, from []State, ids []uuid.UUID, wait bool,
) ([]Change, error) {
	rows, err := db.Query(ctx, op.Action.sql(), pgx.StrictNamedArgs{
		"operation": op.ID, "ids": ids, "from": stateWords(from), "wait": wait, "now": s.now(),
	})
	if err != nil {
		return nil, fmt.Errorf("%s %d receipts: %w", op.Action, len(ids), err)
	}
	var changes []Change
	var c Change
	var woken int
	_, err = pgx.ForEachRow(rows, []any{&c.ID, &c.LeftState, &c.LeftReason, &c.Renewed, &woken}, func() error {
		changes = append(changes, c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s %d receipts: %w", op.Action, len(ids), err)
	}
	return changes, nil
}

// leftAlone says of the receipts that were not changed what they are in.
func (s *Store) leftAlone(ctx context.Context, db DB, ids []uuid.UUID, changed []Change) ([]Skip, error) {
	rest := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		rest[id] = true
	}
	for _, c := range changed {
		delete(rest, c.ID)
	}
	if len(rest) == 0 {
		return nil, nil
	}
	left := make([]uuid.UUID, 0, len(rest))
	for id := range rest {
		left = append(left, id)
	}
	rows, err := db.Query(ctx, sqlStates, pgx.StrictNamedArgs{"ids": left})
	if err != nil {
		return nil, fmt.Errorf("look after %d receipts: %w", len(left), err)
	}
	skipped, err := pgx.CollectRows(rows, pgx.RowToStructByName[Skip])
	if err != nil {
		return nil, fmt.Errorf("look after %d receipts: %w", len(left), err)
	}
	for _, skip := range skipped {
		delete(rest, skip.ID)
	}
	for _, id := range left {
		if rest[id] {
			skipped = append(skipped, Skip{ID: id})
		}
	}
	return skipped, nil
}

// Operations returns what operators did to a receipt, first deed first.
func (s *Store) Operations(ctx context.Context, db DB, receiptID uuid.UUID) ([]ReceiptOperation, error) {
	rows, err := db.Query(ctx, sqlOperations, pgx.StrictNamedArgs{"id": receiptID})
	if err != nil {
		return nil, fmt.Errorf("list operations on receipt %s: %w", receiptID, err)
	}
	operations, err := pgx.CollectRows(rows, pgx.RowToStructByName[ReceiptOperation])
	if err != nil {
		return nil, fmt.Errorf("list operations on receipt %s: %w", receiptID, err)
	}
	return operations, nil
}
