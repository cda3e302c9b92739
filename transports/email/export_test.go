package email

import (
	"context"
	"net/textproto"

	"github.com/carillon-notify/carillon/transports"
)

// Stages are the names of the stages, for the table's test.
var Stages = []string{
	string(stageConnect), string(stageGreeting), string(stageHello), string(stageTLS), string(stageAuth),
	string(stageMail), string(stageRcpt), string(stageData), string(stageBody), string(stageEnd),
}

// ClassifyReply classifies a reply that no server here can be made to give.
func ClassifyReply(at string, code int, text string, attempt int) *transports.Error {
	return classify(newFailure(context.Background(), stage(at), &textproto.Error{Code: code, Msg: text}), attempt)
}

// Compose is the message as it would be sent.
func (t *Transport) Compose(m transports.Message) ([]byte, error) {
	l, err := t.settings.compose(m)
	if err != nil {
		return nil, err
	}
	return l.raw, nil
}
