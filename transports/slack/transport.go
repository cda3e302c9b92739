package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
	"github.com/carillon-notify/carillon/transports/internal/chat"
	"github.com/carillon-notify/carillon/transports/internal/provider"
)

var (
	_ transports.Transport      = (*Transport)(nil)
	_ transports.Closer         = (*Transport)(nil)
	_ transports.AddressChecker = (*Transport)(nil)
	_ transports.Targeted       = (*Transport)(nil)
	_ transports.Router         = (*Transport)(nil)
)

// Transport posts messages to Slack. It is safe for concurrent use.
type Transport struct {
	base *chat.Base
	cfg  Config
}

// New returns a transport. The error lists every problem of the configuration, each with its field, and quotes no secret.
func New(config *Config) (*Transport, error) {
	var c Config
	if config != nil {
		c = *config
	}
	cfg, base, err := c.check()
	if err != nil {
		return nil, err
	}
	return &Transport{base: base, cfg: cfg}, nil
}

// Name is "slack".
func (t *Transport) Name() string { return transports.Slack }

// Spec is [transports.SlackSpec].
func (t *Transport) Spec() transports.Spec { return transports.SlackSpec() }

// String tells nothing of the credentials.
func (t *Transport) String() string { return "slack transport" }

// Destination is the channel, or the webhook, which has a credential of its own and so an account of its own. Slack takes
// a message a second for each. https://docs.slack.dev/apis/web-api/rate-limits
func (t *Transport) Destination(m transports.Message) transports.Destination {
	to, err := t.base.Ways.Room(m.Recipient.Address)
	if err != nil {
		return transports.Destination{}
	}
	d := transports.Destination{Rate: transports.Limit{Count: 1, Per: time.Second}}
	if to.Hook != nil {
		d.Account, d.Host, d.Key = to.Key, to.Hook.Hostname(), to.Key
		return d
	}
	d.Account, d.Host, d.Key = t.cfg.Workspace, t.base.Ways.API.Hostname(), to.Name
	return d
}

// Send posts m. Success means that Slack took it. What is wrong with the message itself is found before anything is
// sent, and a room that is known to be gone costs no request.
func (t *Transport) Send(ctx context.Context, m transports.Message) (transports.Result, error) {
	compose := func(to chat.Room) ([]byte, error) { return t.compose(m, to) }
	return t.base.Deliver(ctx, m, compose, func(to chat.Room, body []byte) (transports.Result, *transports.Error) {
		return t.post(ctx, m, to, body)
	})
}

func (t *Transport) post(ctx context.Context, m transports.Message, to chat.Room, body []byte) (transports.Result, *transports.Error) {
	if to.Hook != nil {
		return t.postWebhook(ctx, m, to.Hook, body)
	}
	header := http.Header{"Authorization": {"Bearer " + t.cfg.Token.Reveal()}}
	target := t.base.Ways.API.JoinPath("chat.postMessage")
	answer, failed := t.base.Client.Post(ctx, target.String(), header, body)
	if failed != nil {
		failed.Attempt = m.Attempt
		return transports.Result{}, classify.Slack().Classify(*failed)
	}
	var reply struct {
		slack.SlackResponse
		TS string `json:"ts"`
	}
	err := json.NewDecoder(bytes.NewReader(answer.Body)).Decode(&reply)
	if err == nil && reply.Ok && answer.Status < http.StatusMultipleChoices {
		return transports.Result{Provider: target.Hostname(), ProviderMessageID: reply.TS}, nil
	}
	o := provider.Answered(answer, reply.Error, "", m.Attempt, t.cfg.NowFunc())
	if answer.Status < http.StatusMultipleChoices && err != nil {
		// A success that cannot be read may be one.
		o.Fault = classify.FaultProtocol
	}
	return transports.Result{}, classify.Slack().Classify(o)
}

// postWebhook posts to an incoming webhook, whose answer is a word.
func (t *Transport) postWebhook(ctx context.Context, m transports.Message, to *url.URL, body []byte) (transports.Result, *transports.Error) {
	answer, failed := t.base.Client.Post(ctx, to.String(), nil, body)
	if failed != nil {
		failed.Attempt = m.Attempt
		return transports.Result{}, classify.SlackWebhook().Classify(*failed)
	}
	if answer.Status/100 == 2 {
		return transports.Result{Provider: to.Hostname()}, nil
	}
	code, _, _ := strings.Cut(strings.TrimSpace(string(answer.Body)), "\n")
	return transports.Result{}, classify.SlackWebhook().Classify(
		provider.Answered(answer, strings.TrimSpace(code), "", m.Attempt, t.cfg.NowFunc()))
}

// Targets finds the thread of each message that has one, and skips what would go to a room that is gone.
func (t *Transport) Targets(
	ctx context.Context, db transports.Querier, now time.Time, ms []transports.Message,
) ([]transports.Target, error) {
	targets, err := t.base.Targets(ctx, db, now, ms)
	if err != nil {
		return nil, err
	}
	err = chat.Threads(ctx, db, transports.Slack, now, ms, targets, func(m transports.Message) bool {
		options, err := transports.Options[transports.SlackOptions](m)
		to, unknown := t.base.Ways.Room(m.Recipient.Address)
		return err == nil && options.Thread && unknown == nil && to.Hook == nil
	})
	return targets, err
}

// CheckAddress finds addresses that lead nowhere.
func (t *Transport) CheckAddress(address string) error { return t.base.CheckAddress(address) }

// Report remembers rooms that are gone.
func (t *Transport) Report(
	ctx context.Context, db transports.Querier, now time.Time, outcomes []transports.Outcome,
) ([]transports.Notice, error) {
	return t.base.Report(ctx, db, now, outcomes)
}

// Close closes the idle connections. A Send after Close fails as transient.
func (t *Transport) Close(ctx context.Context) error { return t.base.Client.Close(ctx) }
