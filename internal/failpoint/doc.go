// Package failpoint names the steps at which the fault harness lets a process die.
//
// Without the build tag "fault" a [Pass] is an empty function, which the compiler removes. With it, the environment
// variable CARILLON_FAULT says what happens where:
//
//	CARILLON_FAULT=S3=kill:3            the process kills itself at the third pass of S3
//	CARILLON_FAULT=S3=block:1:30s       the goroutine that passes S3 first stays there for 30 s; without a time, for ever
//	CARILLON_FAULT=S1=kill~poison       the process kills itself at every pass that is about something with "poison" in it
//	CARILLON_FAULT=C1=panic:1,W1=kill:1 several, separated by commas
//
// What happens is told on standard error first, so that the harness knows that a point was reached.
package failpoint

// Variable is the environment variable that arms the points.
const Variable = "CARILLON_FAULT"

// Name is a step.
type Name string

// The steps, in the order in which an event passes them.
const (
	// E1 is after the statement of an emit, E2 before the commit of dispatch.Handle.Run, E3 after it.
	E1, E2, E3 Name = "E1", "E2", "E3"
	// R1 is before a chunk of recipients is written, R2 when its statement is under way, R3 after its commit.
	R1, R2, R3 Name = "R1", "R2", "R3"
	// C1 is after a claim has committed.
	C1 Name = "C1"
	// S1 is before a transport is asked to send. S2 is when an SMTP server has accepted the envelope, S3 when it has all
	// of the body but the dot that ends it. What would be S4, after the dot and before the answer, is in the hand of the
	// server that answers.
	S1, S2, S3 Name = "S1", "S2", "S3"
	// S5 is after a provider's acceptance and before its record, S6 when that statement is under way, S7 after its commit.
	S5, S6, S7 Name = "S5", "S6", "S7"
	// W1 is when expired leases have been reclaimed and nobody knows yet.
	W1 Name = "W1"
)
