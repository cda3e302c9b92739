package receipts

type Receipt struct{} // want

// A Search has the wrong first word.
type Search struct{} // want

// States is not State.
type State string // want

// Grouped types have a comment each.
type (
	Attempt struct{} // want
	// Audit is explained.
	Audit struct{}
)

const Limit = 100 // want

// The group's comment is enough.
const (
	Sent    State = "sent"
	Waiting State = "waiting"
)

const (
	Low = 1 // Low is explained on its line.
	// High is explained above it.
	High = 3
)

func Open() {} // want

func (r *Receipt) Close() {} // want

func (r *Receipt) Error() string { return "" }

func (r *Receipt) close() {}

type hidden struct{}

func (hidden) Close() {}

type List[T any] struct{ items []T } // want

func (l List[T]) Add(T) {} // want
