// Package hook emits events from the application's own tables, without a line of Go: [New] checks a table against a
// published event and composes a trigger, [Hook.Install] creates it, and from then on every inserted or updated row
// emits the event in the transaction that wrote it.
//
// The trigger calls carillon.emit_row. In the mode [Try], the default, an emit that fails spares the application's
// statement and leaves a row in carillon.emit_failures; in [Strict] it fails the statement.
package hook
