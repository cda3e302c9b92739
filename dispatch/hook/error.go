package hook

import (
	"errors"
	"fmt"
	"strings"
)

// ErrBusy is returned by [Hook.Install] and [Removal.Drop] when a transaction held the table for too long.
var ErrBusy = errors.New("the table is busy (try again when its long transactions are over)")

// InvalidError is returned by [New], [Hook.Install], [NewRemoval] and [Removal.Drop] for a request that does not fit the table or the event. Its
// text has the way out.
type InvalidError struct{ Problem string }

// Error is the problem.
func (e *InvalidError) Error() string { return e.Problem }

func invalidf(format string, args ...any) error {
	return &InvalidError{Problem: fmt.Sprintf(format, args...)}
}

// MissingColumnsError is returned by [New] when the table lacks columns that were named, or, if none were named,
// columns for the event's fields.
type MissingColumnsError struct {
	// Table is the qualified name, Event the event's.
	Table, Event string
	// Missing are the columns that the table lacks, Have those that it has.
	Missing, Have []string
	// Named means that the caller chose the columns.
	Named bool
}

// Error names the missing columns and those that there are.
func (e *MissingColumnsError) Error() string {
	if e.Named {
		return fmt.Sprintf("table %s has no column %s (its columns are %s)",
			e.Table, strings.Join(e.Missing, ", "), strings.Join(e.Have, ", "))
	}
	return fmt.Sprintf("table %s has no column for the fields %s of %s (choose from its own: --columns %s)",
		e.Table, strings.Join(e.Missing, ", "), e.Event, strings.Join(e.Have, ","))
}
