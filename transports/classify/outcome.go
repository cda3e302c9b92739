package classify

import "time"

// Stage is a step of a dialogue, named for people.
type Stage string

// The stages of an HTTP exchange.
const (
	// StageRequest is all until the request has left.
	StageRequest Stage = "request"
	// StageAnswer is when it may have left, and with it the message.
	StageAnswer Stage = "answer"
)

// The stages of an SMTP dialogue.
const (
	StageConnect  Stage = "connect"
	StageGreeting Stage = "greeting"
	StageHello    Stage = "EHLO"
	StageTLS      Stage = "TLS"
	StageAuth     Stage = "AUTH"
	StageCheck    Stage = "check" // of the message against what the server offers
	StageMail     Stage = "MAIL"
	StageRcpt     Stage = "RCPT"
	StageData     Stage = "DATA"
	StageBody     Stage = "message"     // written, the final dot excluded
	StageEnd      Stage = "end of DATA" // the final dot was sent
)

// SMTPStages lists the stages of an SMTP dialogue in order.
func SMTPStages() []Stage {
	return []Stage{
		StageConnect, StageGreeting, StageHello, StageTLS, StageAuth, StageCheck, StageMail, StageRcpt, StageData, StageBody,
		StageEnd,
	}
}

// Outcome is what happened to one try. The zero values mean that nothing is known.
type Outcome struct {
	// Stage is how far the dialogue had come.
	Stage Stage
	// Fault is what went wrong when the provider did not say it; [FaultNone] if it did.
	Fault Fault
	// Status is the code of the answer: of SMTP or HTTP.
	Status int
	// Code is the finer code: an enhanced status code, or a provider's own name or number for the failure.
	Code string
	// Text is the answer in lower case. It is matched and never shown.
	Text string
	// RetryAfter is how long the answer asks to wait; 0 if it does not.
	RetryAfter time.Duration
	// Keyed tells that the provider recognises a repetition by its key, so that a lost answer costs nothing.
	Keyed bool
	// Attempt is the message's, from 1.
	Attempt int
	// InARow is how many messages ended by the same rule since the provider last accepted one, this one included.
	InARow int
	// Failing is how long the destination has had nothing but failures; 0 if that is not known.
	Failing time.Duration
	// Err is the cause, kept for errors.Is and never printed.
	Err error
}
