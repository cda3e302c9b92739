package dispatch

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/internal/failpoint"
)

// Handle emits the events of one resource, typed by its payload. It is safe for concurrent use.
type Handle[T any] struct {
	dispatcher *Dispatcher
	resource   Resource[T]
}

// Beginner starts transactions: a pool or a connection.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// For returns the typed handle of a resource. It panics if d was not built from a resource of that name, which is a
// mistake in the program's wiring.
func For[T any](d *Dispatcher, resource Resource[T]) *Handle[T] {
	if _, known := d.actions[resource.Name]; !known {
		panic(fmt.Sprintf("dispatch.For: resource %q is not among the dispatcher's Config.Resources", resource.Name))
	}
	return &Handle[T]{dispatcher: d, resource: resource}
}

// Run is the action hook: it begins a transaction, lets act do the work, emits the events of the action with what act
// returned, and commits. If anything fails, everything is rolled back and nothing is left: no row of act's, no event,
// no receipt, no job. It returns act's payload.
func (h *Handle[T]) Run(ctx context.Context, db Beginner, action Action, act func(tx pgx.Tx) (T, error), opts *EmitOpts) (T, error) {
	var payload T
	if _, err := h.eventsOf(action); err != nil {
		return payload, err
	}
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var err error
		if payload, err = act(tx); err != nil {
			return err
		}
		_, err = h.TriggerTx(ctx, tx, action, payload, opts)
		failpoint.Pass(failpoint.E2)
		return err
	})
	failpoint.Pass(failpoint.E3)
	return payload, err
}

// TriggerTx emits the events that the action causes, inside the caller's transaction, each in one round trip. An
// action that causes none emits nothing. After an error that is not a [ConflictError], roll back, unless
// [EmitOpts.Savepoint] is set.
func (h *Handle[T]) TriggerTx(ctx context.Context, tx pgx.Tx, action Action, payload T, opts *EmitOpts) ([]Emitted, error) {
	return h.trigger(ctx, pgxSession(tx), action, payload, opts)
}

// TriggerSQLTx is [Handle.TriggerTx] for database/sql.
func (h *Handle[T]) TriggerSQLTx(ctx context.Context, tx *sql.Tx, action Action, payload T, opts *EmitOpts) ([]Emitted, error) {
	return h.trigger(ctx, sqlSession(tx), action, payload, opts)
}

// EmitTx emits one event of the resource by its own name, such as "created", inside the caller's transaction. After
// an error that is not a [ConflictError], roll back, unless [EmitOpts.Savepoint] is set.
func (h *Handle[T]) EmitTx(ctx context.Context, tx pgx.Tx, event string, payload T, opts *EmitOpts) (Emitted, error) {
	return h.emit(ctx, pgxSession(tx), event, payload, opts)
}

// EmitSQLTx is [Handle.EmitTx] for database/sql.
func (h *Handle[T]) EmitSQLTx(ctx context.Context, tx *sql.Tx, event string, payload T, opts *EmitOpts) (Emitted, error) {
	return h.emit(ctx, sqlSession(tx), event, payload, opts)
}

func (h *Handle[T]) eventsOf(action Action) ([]string, error) {
	events, known := h.dispatcher.actions[h.resource.Name][string(action)]
	if !known {
		return nil, fmt.Errorf("trigger %s of %s: %w", action, h.resource.Name, ErrUnknownAction)
	}
	return events, nil
}

// trigger checks all events before it emits the first.
func (h *Handle[T]) trigger(ctx context.Context, s session, action Action, payload T, opts *EmitOpts) ([]Emitted, error) {
	events, err := h.eventsOf(action)
	if err != nil {
		return nil, err
	}
	opts = h.complete(payload, opts)
	ctx, span := startEmit(ctx, h.resource.Name+"."+string(action), opts)
	emitted, err := h.emitEvents(ctx, s, events, payload, opts)
	span.end(emitted, err)
	return emitted, err
}

func (h *Handle[T]) emitEvents(ctx context.Context, s session, events []string, payload T, opts *EmitOpts) ([]Emitted, error) {
	calls := make([]*call, len(events))
	for i, event := range events {
		own := *opts
		if own.IdempotencyKey != "" && len(events) > 1 {
			// With one key for all of them, the second event would conflict with the first.
			own.IdempotencyKey += "/" + event
		}
		var err error
		if calls[i], err = h.dispatcher.prepare(event, payload, &own); err != nil {
			return nil, err
		}
	}
	return s.emitAll(ctx, calls, opts.Savepoint)
}

func (h *Handle[T]) emit(ctx context.Context, s session, event string, payload T, opts *EmitOpts) (Emitted, error) {
	opts = h.complete(payload, opts)
	name := h.resource.Name + "." + event
	return s.emitTraced(ctx, name, opts, func() (*call, error) { return h.dispatcher.prepare(name, payload, opts) })
}

// complete fills in what the resource knows.
func (h *Handle[T]) complete(payload T, opts *EmitOpts) *EmitOpts {
	var full EmitOpts
	if opts != nil {
		full = *opts
	}
	if full.ResourceType == "" {
		full.ResourceType = h.resource.Name
	}
	if full.ResourceID == "" && h.resource.KeyFunc != nil {
		full.ResourceID = h.resource.KeyFunc(payload)
	}
	return &full
}
