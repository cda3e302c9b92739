package templates

import (
	"errors"
	"fmt"
)

var (
	// ErrTooLarge is returned by [Template.Execute] when the output or one value in it would pass 1 MiB, and by [Parse]
	// and [TextFromHTML] for sources that are too large.
	ErrTooLarge = errors.New("too large")

	// ErrTooManySteps is returned by [Template.Execute] when the range bodies of one execution take more than 100,000
	// steps, or when its functions work through more than 64 MiB of text.
	ErrTooManySteps = errors.New("too many steps")
)

// MissingError is returned by [Template.Execute] for a variable that the payload does not have, or that is null where
// it would have to be printed.
type MissingError struct {
	// Variable is the path as [Template.Variables] lists it, such as items[].name. Where the path is not known before
	// the template runs, it is as much of it as the template spells out.
	Variable string
}

// Error says which variable is missing.
func (e *MissingError) Error() string { return fmt.Sprintf("variable %q is missing", e.Variable) }

// valueError says that a value does not fit its use. Its text is made of names of the template alone, so unlike the
// errors of text/template it can be shown and logged.
type valueError struct{ text string }

func (e *valueError) Error() string { return e.text }

func unfit(format string, args ...any) error {
	return &valueError{text: fmt.Sprintf(format, args...)}
}
