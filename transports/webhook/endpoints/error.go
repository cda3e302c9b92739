package endpoints

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound is returned by [Store.Get], [Store.Rotate], [Store.Enable], [Store.Disable] and [Store.Delete] for an
	// endpoint that does not exist, or belongs to another tenant.
	ErrNotFound = errors.New("there is no such endpoint")
	// ErrSealed is returned by [Store.Targets] and [Store.Rotate] for a secret that was sealed with a key that is not
	// configured, or was tampered with.
	ErrSealed = errors.New("the endpoint's secret cannot be opened (configure the encryption key it was sealed with)")
)

// InvalidError is returned by [Store.Add] for a field that cannot be stored.
type InvalidError struct {
	// Field is its name, as in the CLI.
	Field string
	// Problem says what is wrong; it does not repeat the value.
	Problem string
	// Err is the cause, such as the rule that refused a URL; it may be nil.
	Err error
}

// Error names the field.
func (e *InvalidError) Error() string { return fmt.Sprintf("endpoint: %s %s", e.Field, e.Problem) }

// Unwrap returns the cause.
func (e *InvalidError) Unwrap() error { return e.Err }
