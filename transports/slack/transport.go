package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
	"github.com/carillon-notify/carillon/transports/internal/chat"
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
	settings *settings
	client   *chat.Client
	rooms    *chat.Rooms
}

// New returns a transport. The error lists every problem of the configuration, each with its field, and quotes no secret.
func New(config *Config) (*Transport, error) {
	var c Config
	if config != nil {
		c = *config
	}
	s, err := c.check()
	if err != nil {
		return nil, err
	}
	client, err := chat.NewClient(s.urls, s.Timeout, s.secrets)
	if err != nil {
		return nil, err
	}
	t := &Transport{settings: s, client: client}
	t.rooms = chat.NewRooms(transports.Slack, func(m transports.Message) (chat.Room, bool) {
		to, err := t.route(m.Recipient.Address)
		return to.room(), err == nil
	})
	return t, nil
}

// Name is "slack".
func (t *Transport) Name() string { return transports.Slack }

// Spec is [transports.SlackSpec].
func (t *Transport) Spec() transports.Spec { return transports.SlackSpec() }

// String tells nothing of the credentials.
func (t *Transport) String() string { return "slack transport" }

// route is the way to one address.
type route struct {
	webhook *url.URL // nil for the bot
	channel string
	key     string
}

func (r route) room() chat.Room {
	return chat.Room{Key: r.key, Name: r.channel, Webhook: r.webhook != nil}
}

// route finds the way to an address. The error does not repeat it.
func (t *Transport) route(address string) (route, error) {
	if hook := t.settings.webhooks[address]; hook != nil {
		return route{webhook: hook, channel: address, key: "webhook:" + chat.Fingerprint(hook.String())}, nil
	}
	if err := chat.CheckLabel(address); err != nil {
		return route{}, errors.New("the address " + err.Error())
	}
	if t.settings.api != nil && channel.MatchString(address) {
		return route{channel: address, key: "bot:" + chat.Fingerprint(t.settings.Token.Reveal()) + ":" + address}, nil
	}
	switch {
	case t.settings.webhook != nil:
		return route{
			webhook: t.settings.webhook, channel: address, key: "webhook:" + chat.Fingerprint(t.settings.webhook.String()),
		}, nil
	case t.settings.api != nil:
		return route{}, errors.New("the address is no channel (#name or C012AB3CD), no member (U012AB3CD) and none of webhooks")
	}
	return route{}, errors.New("the address is none of webhooks (and there is no webhook_url)")
}

// Destination is the channel, or the webhook, which has a credential of its own and so an account of its own. Slack takes
// a message a second for each. https://docs.slack.dev/apis/web-api/rate-limits
func (t *Transport) Destination(m transports.Message) transports.Destination {
	to, err := t.route(m.Recipient.Address)
	if err != nil {
		return transports.Destination{}
	}
	d := transports.Destination{Rate: transports.Limit{Count: 1, Per: time.Second}}
	if to.webhook != nil {
		d.Account, d.Host, d.Key = to.key, to.webhook.Hostname(), to.key
		return d
	}
	d.Account, d.Host, d.Key = t.settings.Workspace, t.settings.api.Hostname(), to.channel
	return d
}

// CheckAddress finds addresses that lead nowhere.
func (t *Transport) CheckAddress(address string) error {
	_, err := t.route(address)
	return err
}

// Send posts m. Success means that Slack took it. What is wrong with the message itself is found before anything is
// sent, and a room that is known to be gone costs no request.
func (t *Transport) Send(ctx context.Context, m transports.Message) (transports.Result, error) {
	if err := ctx.Err(); err != nil {
		return transports.Result{}, transports.Classify(err)
	}
	to, err := t.route(m.Recipient.Address)
	if err != nil {
		return transports.Result{}, transports.Errorf(transports.Address, "%s", err)
	}
	if t.rooms.Gone(to.room(), t.settings.NowFunc()) {
		return transports.Result{}, &transports.Error{
			Class: transports.Address, Code: chat.CodeGone, Detail: "Slack said before that the channel or webhook is gone",
		}
	}
	body, err := t.compose(m, to)
	if err != nil {
		return transports.Result{}, err
	}
	result, failed := t.post(ctx, m, to, body)
	if failed == nil {
		return result, nil
	}
	if failed.Class == transports.Address {
		t.rooms.Close(to.room(), t.settings.NowFunc())
	}
	return transports.Result{}, failed
}

func (t *Transport) post(ctx context.Context, m transports.Message, to route, body []byte) (transports.Result, *transports.Error) {
	if to.webhook != nil {
		return t.postWebhook(ctx, m, to.webhook, body)
	}
	header := http.Header{"Authorization": {"Bearer " + t.settings.Token.Reveal()}}
	target := t.settings.api.JoinPath("chat.postMessage")
	answer, failed := t.client.Post(ctx, target.String(), header, body)
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
	o := chat.Answered(answer, reply.Error, "", m.Attempt, t.settings.NowFunc())
	if answer.Status < http.StatusMultipleChoices && err != nil {
		// A success that cannot be read may be one.
		o.Fault = classify.FaultProtocol
	}
	return transports.Result{}, classify.Slack().Classify(o)
}

// postWebhook posts to an incoming webhook, whose answer is a word.
func (t *Transport) postWebhook(ctx context.Context, m transports.Message, to *url.URL, body []byte) (transports.Result, *transports.Error) {
	answer, failed := t.client.Post(ctx, to.String(), nil, body)
	if failed != nil {
		failed.Attempt = m.Attempt
		return transports.Result{}, classify.SlackWebhook().Classify(*failed)
	}
	if answer.Status/100 == 2 {
		return transports.Result{Provider: to.Hostname()}, nil
	}
	code, _, _ := strings.Cut(strings.TrimSpace(string(answer.Body)), "\n")
	return transports.Result{}, classify.SlackWebhook().Classify(
		chat.Answered(answer, strings.TrimSpace(code), "", m.Attempt, t.settings.NowFunc()))
}

// Targets finds the thread of each message that has one, and skips what would go to a room that is gone.
func (t *Transport) Targets(
	ctx context.Context, db transports.Querier, now time.Time, ms []transports.Message,
) ([]transports.Target, error) {
	targets, err := t.rooms.Targets(ctx, db, now, ms)
	if err != nil {
		return nil, err
	}
	err = chat.Threads(ctx, db, transports.Slack, now, ms, targets, func(m transports.Message) bool {
		options, err := transports.Options[transports.SlackOptions](m)
		to, unknown := t.route(m.Recipient.Address)
		return err == nil && options.Thread && unknown == nil && to.webhook == nil
	})
	return targets, err
}

// Report remembers rooms that are gone.
func (t *Transport) Report(
	ctx context.Context, db transports.Querier, now time.Time, outcomes []transports.Outcome,
) ([]transports.Notice, error) {
	return t.rooms.Report(ctx, db, now, outcomes)
}

// Close closes the idle connections. A Send after Close fails as transient.
func (t *Transport) Close(ctx context.Context) error { return t.client.Close(ctx) }
