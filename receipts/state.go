package receipts

import "slices"

// State is where a receipt is in its life.
type State string

// The states of a receipt.
const (
	Pending   State = "pending"
	Resolving State = "resolving"
	Sending   State = "sending"
	Waiting   State = "waiting"
	Sent      State = "sent"
	Skipped   State = "skipped"
	Failed    State = "failed"
	Expired   State = "expired"
	Cancelled State = "cancelled"
	Uncertain State = "uncertain"
	Merged    State = "merged"
	Expanded  State = "expanded"
)

// States lists every state, live ones first.
func States() []State {
	return []State{
		Pending, Resolving, Sending, Waiting,
		Sent, Skipped, Failed, Expired, Cancelled, Uncertain, Merged, Expanded,
	}
}

// Terminal reports whether a receipt in this state is finished.
func (s State) Terminal() bool {
	return slices.Contains([]State{Sent, Skipped, Failed, Expired, Cancelled, Uncertain, Merged, Expanded}, s)
}

// Leased reports whether a receipt in this state belongs to the holder of a lease.
func (s State) Leased() bool { return s == Resolving || s == Sending }

// Mover is the statement that makes a transition.
type Mover string

// The statements that move a receipt.
const (
	ByClaim   Mover = "claim"
	ByBind    Mover = "bind"
	ByRecord  Mover = "record"
	ByReclaim Mover = "reclaim"
	ByRelease Mover = "release"
	ByCancel  Mover = "cancel"
	BySendNow Mover = "send-now"
	ByReopen  Mover = "reopen"
)

// Transition is one allowed move.
type Transition struct {
	From, To State
	By       Mover
}

// Transitions is every allowed move, in the order of a receipt's life.
func Transitions() []Transition {
	all := []Transition{
		{Pending, Resolving, ByClaim},
		{Waiting, Resolving, ByClaim},
		{Resolving, Sending, ByBind},
	}
	for _, from := range []State{Resolving, Sending} {
		for _, to := range []State{Waiting, Skipped, Failed, Expired, Uncertain, Merged} {
			all = append(all, Transition{from, to, ByRecord})
		}
	}
	all = append(all,
		Transition{Resolving, Expanded, ByRecord},
		Transition{Sending, Sent, ByRecord},
		Transition{Resolving, Waiting, ByReclaim},
		Transition{Resolving, Failed, ByReclaim},
		Transition{Sending, Waiting, ByReclaim},
		Transition{Sending, Failed, ByReclaim},
		Transition{Sending, Uncertain, ByReclaim},
		Transition{Resolving, Pending, ByRelease},
		Transition{Resolving, Waiting, ByRelease},
		Transition{Pending, Cancelled, ByCancel},
		Transition{Waiting, Cancelled, ByCancel},
		Transition{Resolving, Cancelled, ByCancel},
		Transition{Waiting, Pending, BySendNow},
	)
	for _, from := range []State{Failed, Skipped, Expired, Cancelled, Uncertain} {
		all = append(all, Transition{from, Pending, ByReopen})
	}
	return all
}

// Allowed reports whether by may move a receipt from one state to another.
func Allowed(from, to State, by Mover) bool {
	return slices.Contains(Transitions(), Transition{from, to, by})
}

// Sources lists the states that by may move to the given one.
func Sources(to State, by Mover) []State {
	var from []State
	for _, t := range Transitions() {
		if t.To == to && t.By == by {
			from = append(from, t.From)
		}
	}
	return from
}
