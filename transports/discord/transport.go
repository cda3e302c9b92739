package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/carillon-notify/carillon/internal/egress"
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

// Transport posts messages to Discord. It is safe for concurrent use.
type Transport struct {
	base     *chat.Base
	cfg      Config
	refusals refusals
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

// Name is "discord".
func (t *Transport) Name() string { return transports.Discord }

// Spec is [transports.DiscordSpec].
func (t *Transport) Spec() transports.Spec { return transports.DiscordSpec() }

// String tells nothing of the credentials.
func (t *Transport) String() string { return "discord transport" }

// Destination is the bot, whose requests Discord limits to 50 a second, or the webhook, which has a credential of its own
// and so an account of its own, and takes about 30 messages a minute.
// https://discord.com/developers/docs/topics/rate-limits#global-rate-limit
func (t *Transport) Destination(m transports.Message) transports.Destination {
	to, err := t.base.Ways.Room(m.Recipient.Address)
	if err != nil {
		return transports.Destination{}
	}
	if to.Hook != nil {
		return transports.Destination{
			Account: to.Key, Host: to.Hook.Hostname(), Key: to.Key, Rate: transports.Limit{Count: 30, Per: time.Minute},
		}
	}
	return transports.Destination{
		Account: t.cfg.Application, Host: t.base.Ways.API.Hostname(), Key: "bot", Rate: transports.Limit{Count: 50, Per: time.Second},
	}
}

// Send posts m. Success means that Discord took it and told its id. What is wrong with the message itself is found before anything is
// sent, and a room that is known to be gone costs no request.
func (t *Transport) Send(ctx context.Context, m transports.Message) (transports.Result, error) {
	compose := func(to chat.Room) ([]byte, error) { return t.compose(m, to) }
	return t.base.Deliver(ctx, m, compose, func(to chat.Room, body []byte) (transports.Result, *transports.Error) {
		if wait := t.refusals.wait(t.cfg.NowFunc()); wait > 0 {
			return transports.Result{}, &transports.Error{
				Class: transports.Rate, Code: "refusals", RetryAfter: wait,
				Detail: "Discord refused so many requests that more of them would get this address banned",
			}
		}
		return t.post(ctx, m, to, body)
	})
}

func (t *Transport) post(ctx context.Context, m transports.Message, to chat.Room, body []byte) (transports.Result, *transports.Error) {
	table, target, header := classify.Discord(), &url.URL{}, http.Header{}
	if to.Hook != nil {
		table = classify.DiscordWebhook()
		*target = *to.Hook
		// Without wait the answer comes before the message is posted, and says nothing of it.
		// https://discord.com/developers/docs/resources/webhook#execute-webhook
		target.RawQuery = "wait=true"
	} else {
		target = t.base.Ways.API.JoinPath("channels", to.Name, "messages")
		header.Set("Authorization", "Bot "+t.cfg.Token.Reveal())
	}
	answer, failed := t.base.Client.Post(ctx, target.String(), header, body)
	if failed != nil {
		failed.Attempt, failed.Keyed = m.Attempt, to.Hook == nil
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
	now := t.cfg.NowFunc()
	t.refusals.note(answer.Status, now)
	return transports.Result{}, table.Classify(outcome(answer, m.Attempt, to.Hook == nil, now))
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
	o := provider.Answered(answer, code, reply.RetryAfter.String(), attempt, now)
	o.Keyed = keyed
	return o
}

// CheckAddress finds addresses that lead nowhere.
func (t *Transport) CheckAddress(address string) error { return t.base.CheckAddress(address) }

// Targets skips what would go to a room that is gone.
func (t *Transport) Targets(
	ctx context.Context, db transports.Querier, now time.Time, ms []transports.Message,
) ([]transports.Target, error) {
	return t.base.Targets(ctx, db, now, ms)
}

// Report remembers rooms that are gone.
func (t *Transport) Report(
	ctx context.Context, db transports.Querier, now time.Time, outcomes []transports.Outcome,
) ([]transports.Notice, error) {
	return t.base.Report(ctx, db, now, outcomes)
}

// Close closes the idle connections. A Send after Close fails as transient.
func (t *Transport) Close(ctx context.Context) error { return t.base.Client.Close(ctx) }
