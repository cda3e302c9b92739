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
