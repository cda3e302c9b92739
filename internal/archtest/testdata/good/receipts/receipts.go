// Package receipts writes receipts.
package receipts

// State is where a receipt stands.
type State string

// The states of a receipt.
const (
	Waiting State = "waiting"
	Sent    State = "sent"
)

// Move returns the statement for a change of state.
func Move() string { return sqlMoveReceipt }
