package discord_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/discordsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/discord"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

const (
	token  = "canary-4711-s3cr3t"
	secret = "canaryHookS3cr3tPart"
	room   = "123456789012345678"
)

// delivery is a message as its readers get it. A webhook has no key that Discord would know; the receipt is told by its
// text.
func delivery(m discordsink.Message) transporttest.Delivery {
	d := transporttest.Delivery{Key: m.Nonce, Body: m.Raw, Address: m.Channel}
	if m.Webhook != "" {
		d.Address = room // The webhook's own; the address is a label.
	}
	e := m.Embeds[0]
	d.Content.Title = discordsink.Unescape(e.Title)
	text, link, _ := strings.Cut(e.Description, "\n\n[")
	for strings.Contains(link, "\n\n[") {
		more, rest, _ := strings.Cut(link, "\n\n[")
		text, link = text+"\n\n["+more, rest
	}
	d.Content.Message = discordsink.Unescape(text)
	label := strings.TrimSuffix(link, "](https://canary.example.com/orders/A7)")
	if label != link {
		d.Content.ActionLabel = discordsink.Unescape(label)
	}
	return d
}

func provider(tb testing.TB, answers map[string]transporttest.Answer) *transporttest.HTTP {
	sink := discordsink.New(discordsink.Config{Token: token, Channels: []string{room}, Webhooks: []string{secret}})
	return transporttest.NewHTTP(tb, transporttest.HTTPConfig{
		Answers: answers,
		DecodeFunc: func(r *http.Request, body []byte) (transporttest.Delivery, error) {
			m, refused := sink.Decode(r, body)
			if refused != nil {
				return transporttest.Delivery{}, errors.New(refused.Body)
			}
			return delivery(m), nil
		},
	})
}

func message() transports.Message {
	m := transporttest.NewMessage(transports.DiscordSpec())
	m.Recipient.Address = room
	return m
}

// not parallel: the suite looks for goroutines that were left behind
func TestTheBotConforms(t *testing.T) {
	answers := map[string]transporttest.Answer{
		"":             {Body: `{"id":"1"}`},
		"hangs up":     {HangUp: true},
		"slow down":    {Status: 429, Header: map[string]string{"Retry-After": "1"}, Body: `{"retry_after":0.35}`},
		"unavailable":  {Status: 503, Body: "upstream"},
		"unauthorized": {Status: 401, Body: `{"code":0}`},
		"too long":     {Status: 400, Body: `{"code":50035}`},
		"no access":    {Status: 403, Body: `{"code":50001}`},
		"redirects":    {Status: 302, Header: map[string]string{"Location": "http://127.0.0.1:1/"}},
	}
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			p := provider(tb, answers)
			transport, err := discord.New(&discord.Config{Token: token, APIURL: p.URL + "/api/v10"})
			require.NoError(tb, err)
			return transport, p
		},
		MessageFunc: message,
		Secrets:     []string{token},
		Behaviours: []transporttest.Behaviour{
			{Name: "hangs up", Class: transports.Unknown},
			{Name: "slow down", Class: transports.Rate, RetryAfter: 350 * time.Millisecond},
			{Name: "unavailable", Class: transports.Transient},
			{Name: "unauthorized", Class: transports.Configuration},
			{Name: "too long", Class: transports.Permanent},
			{Name: "no access", Class: transports.Address},
			{Name: "redirects", Class: transports.Transient},
		},
	})
}

// not parallel: the suite looks for goroutines that were left behind
func TestAWebhookConforms(t *testing.T) {
	answers := map[string]transporttest.Answer{
		"":            {Body: `{"id":"1"}`},
		"hangs up":    {HangUp: true},
		"slow down":   {Status: 429, Body: `{"retry_after":2.5}`},
		"rejected":    {Status: 400, Body: `{"code":50035}`},
		"gone":        {Status: 404, Body: `{"code":10015}`},
		"token gone":  {Status: 401, Body: `{"code":50027}`},
		"unavailable": {Status: 502},
	}
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			p := provider(tb, answers)
			transport, err := discord.New(&discord.Config{
				WebhookURL: transports.Secret(p.URL + "/api/webhooks/1/" + secret),
			})
			require.NoError(tb, err)
			return transport, p
		},
		MessageFunc: message,
		Skip: map[string]string{
			"Delivers": "a webhook's message bears no key", "DifferentReceipts": "a webhook's message bears no key",
			"Concurrent": "it tells messages by their keys",
		},
		Secrets: []string{secret},
		Behaviours: []transporttest.Behaviour{
			{Name: "hangs up", Class: transports.Unknown},
			{Name: "slow down", Class: transports.Rate, RetryAfter: 2500 * time.Millisecond},
			{Name: "rejected", Class: transports.Permanent},
			{Name: "gone", Class: transports.Address},
			{Name: "token gone", Class: transports.Address},
			{Name: "unavailable", Class: transports.Unknown},
		},
	})
}
