package subscriptions

import (
	"errors"
	"fmt"
)

// ErrNotFound is returned by [Store.Get], [Store.Remove], [Store.RemoveEndpoint] and [Store.Activate] for a subscription that
// does not exist, or belongs to another tenant.
var ErrNotFound = errors.New("there is no such subscription")

// InvalidError is returned by [Store.Add] and [Parse] for a field that cannot be stored.
type InvalidError struct {
	// Field is its name, as browsers and the CLI spell it.
	Field string
	// Problem says what is wrong; it does not repeat the value.
	Problem string
	// Err is the cause, such as the rule that refused a URL; it may be nil.
	Err error
}

// Error names the field.
func (e *InvalidError) Error() string { return fmt.Sprintf("subscription: %s %s", e.Field, e.Problem) }

// Unwrap returns the cause.
func (e *InvalidError) Unwrap() error { return e.Err }
