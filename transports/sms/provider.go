package sms

import (
	"context"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/transports"
)

// Provider is a service that sends texts. Twilio and services described in the configuration are here; an application
// may bring its own in [Config.Service]. It is safe for concurrent use, and may implement [transports.Closer].
type Provider interface {
	// Name is the service's for operators, such as a host. It bears no secret, and is always the same.
	Name() string
	// Send hands over one text, once, by the rules of a transport's Send: no retry and no waiting; a nil error means that
	// the service took it; an error is a [transports.Error] whose text has neither secret nor number nor text. Where the
	// text may have been taken the class is [transports.Unknown], as it is of any other error.
	Send(ctx context.Context, t Text) (transports.Result, error)
}

// Text is one message: the same on every try, but for Attempt.
type Text struct {
	// ReceiptID identifies the promise that it fulfils, for services that take a key or report back.
	ReceiptID uuid.UUID
	// From is the sender; it may be empty where the service chooses one.
	From string
	// To is the recipient's number in E.164 form.
	To string
	// Body is what to send. It has neither control characters, apart from line feeds, nor more segments than are allowed.
	Body string
	// Segments and Encoding are those of Body.
	Segments int
	Encoding Encoding
	// Attempt is 1 on the first try. It is for the classification only.
	Attempt int
}
