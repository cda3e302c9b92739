package transports

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Class says what a failed send means for the message, the address and the account.
type Class string

// The classes of a result.
const (
	// OK is an accepted message.
	OK Class = "ok"
	// Transient is worth another try, and costs one. It is the class of every error that says nothing else.
	Transient Class = "transient"
	// Rate means that the provider asks us to wait; it costs no attempt.
	Rate Class = "rate"
	// Permanent means that this message will never be accepted.
	Permanent Class = "permanent"
	// Address means that nothing will be accepted for this address.
	Address Class = "address"
	// Configuration means that our credentials or settings are wrong; it costs no attempt.
	Configuration Class = "configuration"
	// Unknown means that the message may have been accepted: the answer was lost.
	Unknown Class = "unknown"
)

// Error is a classified failure of a send. Its text is stored and logged, so it must bear no secret, no address and
// no part of the message.
type Error struct {
	// Class decides what happens next.
	Class Class
	// Code is the provider's own code, such as "550 5.1.1"; it may be empty.
	Code string
	// Detail says what went wrong, in words that may be shown to an operator.
	Detail string
	// RetryAfter is how long the provider asked us to wait; 0 if it did not.
	RetryAfter time.Duration
	// Partly tells that the recipient has the message, in this try or an earlier one, and only further places of hers have
	// not. When no other try follows, the receipt ends as sent.
	Partly bool
	// Unclassified tells that nobody knew what this failure means, and that Class is a guess. It is counted.
	Unclassified bool
	// Err is the cause, for errors.Is. It is never printed, because libraries put URLs and addresses into theirs.
	Err error
}

// Error says class, code and detail.
func (e *Error) Error() string {
	text := string(e.Class)
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes a classified error whose detail is formatted from args. It does not wrap.
func Errorf(class Class, format string, args ...any) *Error {
	return &Error{Class: class, Detail: fmt.Sprintf(format, args...)}
}

// Classify returns err as an [Error]. An error that is none counts as [Transient], and its text is withheld because
// nobody vouched for it; a context that ended is named as such, and all else is marked as unclassified.
func Classify(err error) *Error {
	var classified *Error
	if errors.As(err, &classified) {
		if classified.Class == "" {
			withDefault := *classified
			withDefault.Class, withDefault.Unclassified = Transient, true
			return &withDefault
		}
		return classified
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Class: Transient, Detail: "the send deadline passed", Err: err}
	case errors.Is(err, context.Canceled):
		return &Error{Class: Transient, Detail: "the send was cancelled", Err: err}
	}
	return &Error{Class: Transient, Unclassified: true, Detail: fmt.Sprintf("unclassified error of type %T", err), Err: err}
}
