package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/carillon-notify/carillon/internal/egress"
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

// Transport posts messages to Discord. It is safe for concurrent use.
type Transport struct {
	settings *settings
	client   *chat.Client
	rooms    *chat.Rooms
	refusals refusals
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
	t.rooms = chat.NewRooms(transports.Discord, func(m transports.Message) (chat.Room, bool) {
		to, err := t.route(m.Recipient.Address)
		return to.room(), err == nil
	})
	return t, nil
}

// Name is "discord".
func (t *Transport) Name() string { return transports.Discord }

// Spec is [transports.DiscordSpec].
func (t *Transport) Spec() transports.Spec { return transports.DiscordSpec() }

// String tells nothing of the credentials.
func (t *Transport) String() string { return "discord transport" }

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
	switch {
	case t.settings.api != nil && channel.MatchString(address):
		return route{channel: address, key: "bot:" + chat.Fingerprint(t.settings.Token.Reveal()) + ":" + address}, nil
	case t.settings.webhook != nil:
		return route{
			webhook: t.settings.webhook, channel: address, key: "webhook:" + chat.Fingerprint(t.settings.webhook.String()),
		}, nil
	case t.settings.api != nil:
		return route{}, errors.New("the address is no channel's id and none of webhooks")
	}
	return route{}, errors.New("the address is none of webhooks (and there is no webhook_url)")
}

// Destination is the bot, whose requests Discord limits to 50 a second, or the webhook, which has a credential of its own
// and so an account of its own, and takes about 30 messages a minute.
// https://discord.com/developers/docs/topics/rate-limits#global-rate-limit
func (t *Transport) Destination(m transports.Message) transports.Destination {
	to, err := t.route(m.Recipient.Address)
	if err != nil {
		return transports.Destination{}
	}
	if to.webhook != nil {
		return transports.Destination{
			Account: to.key, Host: to.webhook.Hostname(), Key: to.key, Rate: transports.Limit{Count: 30, Per: time.Minute},
		}
	}
	return transports.Destination{
		Account: t.settings.Application, Host: t.settings.api.Hostname(), Key: "bot", Rate: transports.Limit{Count: 50, Per: time.Second},
	}
}

// CheckAddress finds addresses that lead nowhere.
func (t *Transport) CheckAddress(address string) error {
	_, err := t.route(address)
	return err
}

// Send posts m. Success means that Discord took it and told its id. What is wrong with the message itself is found
// before anything is sent, and a room that is known to be gone costs no request.
func (t *Transport) Send(ctx context.Context, m transports.Message) (transports.Result, error) {
	if err := ctx.Err(); err != nil {
		return transports.Result{}, transports.Classify(err)
	}
	to, err := t.route(m.Recipient.Address)
	if err != nil {
		return transports.Result{}, transports.Errorf(transports.Address, "%s", err)
	}
	now := t.settings.NowFunc()
	if t.rooms.Gone(to.room(), now) {
		return transports.Result{}, &transports.Error{
			Class: transports.Address, Code: chat.CodeGone, Detail: "Discord said before that the channel or webhook is gone",
		}
	}
	body, err := t.compose(m, to)
	if err != nil {
		return transports.Result{}, err
	}
	if wait := t.refusals.wait(now); wait > 0 {
		return transports.Result{}, &transports.Error{
			Class: transports.Rate, Code: "refusals", RetryAfter: wait,
			Detail: "Discord refused so many requests that more of them would get this address banned",
		}
	}
	result, failed := t.post(ctx, m, to, body)
	if failed == nil {
		return result, nil
	}
	if failed.Class == transports.Address {
		t.rooms.Close(to.room(), now)
	}
	return transports.Result{}, failed
}

func (t *Transport) post(ctx context.Context, m transports.Message, to route, body []byte) (transports.Result, *transports.Error) {
	table, target, header := classify.Discord(), &url.URL{}, http.Header{}
	if to.webhook != nil {
		table = classify.DiscordWebhook()
		*target = *to.webhook
		// Without wait the answer comes before the message is posted, and says nothing of it.
		// https://discord.com/developers/docs/resources/webhook#execute-webhook
		target.RawQuery = "wait=true"
	} else {
		target = t.settings.api.JoinPath("channels", to.channel, "messages")
		header.Set("Authorization", "Bot "+t.settings.Token.Reveal())
	}
	answer, failed := t.client.Post(ctx, target.String(), header, body)
	if failed != nil {
		failed.Attempt, failed.Keyed = m.Attempt, to.webhook == nil
		return transports.Result{}, table.Classify(*failed)
	}
	if answer.Status/100 == 2 {
		var message struct {
			ID string `json:"id"`
		}
		// Who answers 2xx has taken it, whatever else the answer says.
		_ = json.NewDecoder(bytes.NewReader(answer.Body)).Decode(&message)
		return transports.Result{Provider: target.Hostname(), ProviderMessageID: message.ID}, nil
	}
	now := t.settings.NowFunc()
	t.refusals.note(answer.Status, now)
	return transports.Result{}, table.Classify(outcome(answer, m.Attempt, to.webhook == nil, now))
}

// outcome reads an answer that refuses. The body's own number of seconds is finer than the header's.
func outcome(answer *egress.Response, attempt int, keyed bool, now time.Time) classify.Outcome {
	var reply struct {
		Code       int         `json:"code"`
		RetryAfter json.Number `json:"retry_after"`
	}
	_ = json.NewDecoder(bytes.NewReader(answer.Body)).Decode(&reply) // What cannot be read says nothing more.
	code := ""
	if reply.Code != 0 {
		code = strconv.Itoa(reply.Code)
	}
	o := chat.Answered(answer, code, reply.RetryAfter.String(), attempt, now)
	o.Keyed = keyed
	return o
}

// Targets skips what would go to a room that is gone.
func (t *Transport) Targets(
	ctx context.Context, db transports.Querier, now time.Time, ms []transports.Message,
) ([]transports.Target, error) {
	return t.rooms.Targets(ctx, db, now, ms)
}

// Report remembers rooms that are gone.
func (t *Transport) Report(
	ctx context.Context, db transports.Querier, now time.Time, outcomes []transports.Outcome,
) ([]transports.Notice, error) {
	return t.rooms.Report(ctx, db, now, outcomes)
}

// Close closes the idle connections. A Send after Close fails as transient.
func (t *Transport) Close(ctx context.Context) error { return t.client.Close(ctx) }
