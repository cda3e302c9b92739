package migrations

import (
	"errors"
	"fmt"
	"strings"
)

const hint = "(run carillon migrate up)"

// ErrSchemaMissing is returned by [Check] when the database has no schema of ours, or one that was never migrated.
var ErrSchemaMissing = errors.New("the schema carillon is missing " + hint)

// PendingError is returned by [Check] when the schema lacks migrations that this program needs.
type PendingError struct {
	// Pending are the missing migrations, in the order in which they are applied.
	Pending []Migration
}

// Error names the missing migrations.
func (e *PendingError) Error() string {
	names := make([]string, len(e.Pending))
	for i, migration := range e.Pending {
		names[i] = migration.String()
	}
	return fmt.Sprintf("the schema carillon lacks %s %s", strings.Join(names, ", "), hint)
}

// TooNewError is returned by [Check], [Up] and [Down] when the schema works only with programs newer than this one.
type TooNewError struct {
	// Schema is the level that the schema asks for.
	Schema int
	// Binary is the level of this program, [Compatibility].
	Binary int
}

// Error names both levels.
func (e *TooNewError) Error() string {
	return fmt.Sprintf("the schema carillon has compatibility level %d, and this program only %d (use a newer carillon)",
		e.Schema, e.Binary)
}

// UnknownError is returned by [Down] when a newer program has applied migrations which this one does not know, and so
// cannot undo.
type UnknownError struct {
	// Unknown are those migrations; they have no name.
	Unknown []Migration
}

// Error names the unknown migrations.
func (e *UnknownError) Error() string {
	names := make([]string, len(e.Unknown))
	for i, migration := range e.Unknown {
		names[i] = migration.String()
	}
	return fmt.Sprintf("the schema carillon has migrations unknown to this program: %s (use the carillon that made them)",
		strings.Join(names, ", "))
}
