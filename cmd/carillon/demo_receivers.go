package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/carillon-notify/carillon/internal/discordsink"
	"github.com/carillon-notify/carillon/internal/httpsink"
	"github.com/carillon-notify/carillon/internal/pushsink"
	"github.com/carillon-notify/carillon/internal/slacksink"
	"github.com/carillon-notify/carillon/internal/twiliosink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/discord"
	"github.com/carillon-notify/carillon/transports/slack"
	"github.com/carillon-notify/carillon/transports/sms"
	"github.com/carillon-notify/carillon/transports/webhook"
	"github.com/carillon-notify/carillon/transports/webhook/endpoints"
	"github.com/carillon-notify/carillon/transports/webhook/signature"
	"github.com/carillon-notify/carillon/transports/webpush"
	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

// demoCallback is where Twilio would report, which says of which receipt a text is. Nobody asks for it here.
const demoCallback = "https://herodispatch.example/sms"

// demoReceivers are servers inside this command that speak the protocols of Slack, Discord, Twilio and push services,
// and somebody who takes webhooks. Each refuses what the real one refuses.
type demoReceivers struct {
	slack   *slacksink.Server
	discord *discordsink.Server
	twilio  *twiliosink.Server
	push    *pushsink.Server
	hooks   *demoHooks
	// devices are the browsers of people.
	devices map[string][]string
}

// startReceivers brings the servers up, and has the stage take them down.
func (s *demoStage) startReceivers() (err error) {
	r := &demoReceivers{devices: map[string][]string{demoReporter: {"laptop", "phone"}}}
	s.receivers = r
	if r.slack, err = slacksink.Start(nil); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return r.slack.Close() })
	if r.discord, err = discordsink.Start(nil); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return r.discord.Close() })
	if r.twilio, err = twiliosink.Start(nil); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return r.twilio.Close() })
	if r.push, err = pushsink.Start(nil); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return r.push.Close() })
	if r.hooks, err = startDemoHooks(); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return r.hooks.Close() })
	return nil
}

// carriers are the transports that lead to the receivers, with the endpoint and the subscriptions that they are known by.
func (s *demoStage) carriers(ctx context.Context) ([]transports.Transport, error) {
	r := s.receivers
	toSlack, err := slack.New(&slack.Config{Token: transports.Secret(r.slack.Token()), APIURL: r.slack.APIURL()})
	if err != nil {
		return nil, err
	}
	s.onClose(toSlack.Close)
	toDiscord, err := discord.New(&discord.Config{Token: transports.Secret(r.discord.Token()), APIURL: r.discord.APIURL()})
	if err != nil {
		return nil, err
	}
	s.onClose(toDiscord.Close)
	toPhones, err := sms.New(&sms.Config{From: "+15005550006", Twilio: &sms.TwilioConfig{
		AccountSID: r.twilio.AccountSID(), AuthToken: transports.Secret(r.twilio.AuthToken()), APIURL: r.twilio.URL(),
		StatusCallback: demoCallback,
	}})
	if err != nil {
		return nil, err
	}
	s.onClose(toPhones.Close)
	toHooks, err := s.hookUp(ctx)
	if err != nil {
		return nil, err
	}
	toBrowsers, err := s.subscribe(ctx)
	if err != nil {
		return nil, err
	}
	return []transports.Transport{toSlack, toDiscord, toPhones, toHooks, toBrowsers}, nil
}

// hookUp stores the city hall's endpoint, and tells the city hall the key.
func (s *demoStage) hookUp(ctx context.Context) (*webhook.Transport, error) {
	t, err := webhook.New(&webhook.Config{Source: "/herodispatch", AllowHTTP: true, Allow: []string{"127.0.0.0/8"}})
	if err != nil {
		return nil, err
	}
	s.onClose(t.Close)
	_, key, err := t.Endpoints().Add(ctx, s.pool, endpoints.AddParams{
		Tenant: s.city, URL: s.receivers.hooks.URL() + "/city-hall", Description: "the city hall", Events: []string{"incidents.*"},
	})
	if err != nil {
		return nil, err
	}
	s.receivers.hooks.trust(key)
	return t, nil
}

// subscribe has people's browsers ask for notifications.
func (s *demoStage) subscribe(ctx context.Context) (*webpush.Transport, error) {
	keys, err := webpush.NewKeys()
	if err != nil {
		return nil, err
	}
	t, err := webpush.New(&webpush.Config{
		PrivateKey: keys.Private, Subject: "mailto:office@herodispatch.example",
		Hosts: []string{"*"}, AllowHTTP: true, Allow: []string{"127.0.0.0/8"},
	})
	if err != nil {
		return nil, err
	}
	s.onClose(t.Close)
	for person, devices := range s.receivers.devices {
		for _, device := range devices {
			subscribed, err := s.receivers.push.Subscribe(s.receivers.push.URL(), device, t.PublicKey())
			if err != nil {
				return nil, err
			}
			p, err := subscriptions.Parse(subscribed.JSON())
			if err != nil {
				return nil, err
			}
			p.Tenant, p.Person, p.Device = s.city, person, device
			if _, err := t.Subscriptions().Add(ctx, s.pool, p); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

// demoHooks takes webhooks whose signature is right, as a program of somebody else's would.
type demoHooks struct {
	*httpsink.Sink[signature.Webhook]

	mu  sync.Mutex
	key []signature.Key
}

func startDemoHooks() (*demoHooks, error) {
	h := &demoHooks{}
	h.Sink = httpsink.New(httpsink.Service[signature.Webhook]{
		Name:       "webhook receiver",
		DecodeFunc: h.decode,
		KeepFunc:   func(_ []signature.Webhook, w signature.Webhook) (signature.Webhook, bool) { return w, true },
		AcceptFunc: func(*http.Request, signature.Webhook) *httpsink.Answer {
			return &httpsink.Answer{Status: http.StatusNoContent}
		},
	})
	if err := h.Listen(""); err != nil {
		return nil, err
	}
	return h, nil
}

// trust names the key that requests must be signed with.
func (h *demoHooks) trust(key signature.Key) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.key = []signature.Key{key}
}

func (h *demoHooks) decode(r *http.Request, body []byte) (signature.Webhook, *httpsink.Answer) {
	h.mu.Lock()
	keys := h.key
	h.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	w, err := signature.Receive(r, keys, nil)
	switch {
	case errors.Is(err, signature.ErrBody):
		return signature.Webhook{}, &httpsink.Answer{Status: http.StatusBadRequest}
	case err != nil:
		return signature.Webhook{}, &httpsink.Answer{Status: http.StatusUnauthorized}
	}
	return *w, nil
}
