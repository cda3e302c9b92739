package dispatch

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/dispatch/internal/registry"
)

// Problem is one thing wrong with the declarations: where, and the way out.
type Problem = registry.Problem

// Problems is what [New] returns when declarations are wrong: all of it.
type Problems = registry.Problems

// ErrUnknownEvent is returned by the emitting methods of [Handle] and [Dispatcher] for an event that is not declared.
var ErrUnknownEvent = errors.New("the event is not declared")

// ErrUnknownAction is returned by [Handle.Run], [Handle.TriggerTx] and [Handle.TriggerSQLTx] for an action that the
// resource does not declare.
var ErrUnknownAction = errors.New("the action is not declared")

// InvalidError is returned by the emitting methods when an argument is out of its limits.
type InvalidError struct {
	// Field names the argument.
	Field string
	// Problem says what is wrong with it, without its value.
	Problem string
}

// Error names the field.
func (e *InvalidError) Error() string { return fmt.Sprintf("emit: %s %s", e.Field, e.Problem) }

// ConflictError is returned by the emitting methods when the idempotency key belongs to an event with another name,
// payload, resource or time. The caller's transaction stays usable.
type ConflictError struct {
	// EventID is the event that owns the key.
	EventID uuid.UUID
}

// Error names the owner of the key.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("emit: the idempotency key belongs to event %s with other content (choose another key)", e.EventID)
}
