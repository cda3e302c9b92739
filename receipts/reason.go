package receipts

import "slices"

// Reason says why a receipt is in its state. Every terminal state, and waiting, has one from a closed list.
type Reason string

// The reasons.
const (
	// Delayed waits for the channel's delay to pass.
	Delayed Reason = "delayed"
	// Retry waits for another try after a failure that may pass.
	Retry Reason = "retry"
	// RateLimited waits because the provider asked us to, or for its turn in a budget; it costs no attempt.
	RateLimited Reason = "rate_limited"
	// Misconfigured waits for credentials or settings to be mended; it costs no attempt.
	Misconfigured Reason = "misconfigured"
	// BreakerOpen waits for a destination to be well again; it costs no attempt.
	BreakerOpen Reason = "breaker"
	// Undeclared waits for a worker that knows the event and channel.
	Undeclared Reason = "undeclared"
	// Reclaimed waits for another try after its worker was lost.
	Reclaimed Reason = "reclaimed"

	// Accepted was taken by the provider.
	Accepted Reason = "accepted"
	// Confirmed turned out to have been accepted: the answer was lost, and the provider was asked.
	Confirmed Reason = "confirmed"

	// NoRecipients had an audience of nobody.
	NoRecipients Reason = "no_recipients"
	// NoAddress had a recipient whom the transport cannot reach.
	NoAddress Reason = "no_address"
	// OptedOut had a recipient who switched the category off.
	OptedOut Reason = "opted_out"
	// Guarded was refused by the event's guard.
	Guarded Reason = "guarded"
	// SwitchedOff had a recipient that takes nothing at present, such as a disabled endpoint.
	SwitchedOff Reason = "switched_off"
	// Captured was kept from leaving by the mode of delivery, as on a developer's machine.
	Captured Reason = "captured"
	// AlreadyRead had a recipient who read the same event's notification first.
	AlreadyRead Reason = "already_read"

	// Rejected was refused by the provider for good.
	Rejected Reason = "rejected"
	// BadAddress is an address that the provider says does not exist.
	BadAddress Reason = "bad_address"
	// Exhausted used up its attempts.
	Exhausted Reason = "exhausted"
	// RenderFailed could not be rendered, for instance because a variable was missing.
	RenderFailed Reason = "render"
	// Poison lost its worker too many times in a row.
	Poison Reason = "poison"

	// Deadline passed before it could be sent.
	Deadline Reason = "deadline"
	// GaveUp was tried, or kept from being tried, for as long as its retry policy allows.
	GaveUp Reason = "gave_up"
	// ByOperator was ended by a person.
	ByOperator Reason = "operator"
	// AnswerLost may have been accepted; an operator decides.
	AnswerLost Reason = "answer_lost"
	// Digested went out as part of a digest.
	Digested Reason = "digest"
	// FannedOut became one receipt per recipient.
	FannedOut Reason = "fan_out"
)

// Reasons lists the reasons that a receipt in state s can have; none for pending and leased receipts.
func Reasons(s State) []Reason {
	switch s {
	case Waiting:
		return []Reason{Delayed, Retry, RateLimited, Misconfigured, BreakerOpen, Undeclared, Reclaimed}
	case Sent:
		return []Reason{Accepted, Confirmed}
	case Skipped:
		return []Reason{NoRecipients, NoAddress, OptedOut, Guarded, SwitchedOff, AlreadyRead, Captured}
	case Failed:
		return []Reason{Rejected, BadAddress, Exhausted, RenderFailed, Poison}
	case Expired:
		return []Reason{Deadline, GaveUp}
	case Cancelled:
		return []Reason{ByOperator}
	case Uncertain:
		return []Reason{AnswerLost}
	case Merged:
		return []Reason{Digested}
	case Expanded:
		return []Reason{FannedOut}
	case Pending, Resolving, Sending:
		return nil
	}
	return nil
}

func validReason(s State, r Reason) bool { return slices.Contains(Reasons(s), r) }
