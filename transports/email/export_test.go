package email

import (
	"context"
	"net/textproto"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
)

// ClassifyReply classifies a reply that no server here can be made to give.
func ClassifyReply(at classify.Stage, code int, text string, attempt int) *transports.Error {
	f := newFailure(context.Background(), at, &textproto.Error{Code: code, Msg: text})
	return classify.SMTP().Classify(f.outcome(attempt, 0))
}

// Compose is the message as it would be sent.
func (t *Transport) Compose(m transports.Message) ([]byte, error) {
	l, err := t.settings.compose(m)
	if err != nil {
		return nil, err
	}
	return l.raw, nil
}

// Mailbox parses an address and renders it again, for a header and for a command.
func Mailbox(text string) (header, path string, err error) {
	m, err := parseMailbox(text)
	if err != nil {
		return "", "", err
	}
	return m.header().String(), m.path(), nil
}

// Headers checks fields and puts them in front of a message; ok tells whether they were accepted.
func Headers(headers map[string]string, raw []byte) (built []byte, ok bool) {
	ok = true
	fields := checkHeaders(headers, func(string, string, ...any) { ok = false })
	return prepend(fields, raw), ok
}
