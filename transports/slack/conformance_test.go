package slack_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/slacksink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/slack"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

const (
	token  = "xoxb-canary-4711-s3cr3t"
	secret = "canaryHookS3cr3tPart"
	room   = "C0CANARY42"
)

// delivery is a message as its readers get it.
func delivery(m slacksink.Message) transporttest.Delivery {
	receipt, _ := m.Metadata.EventPayload["receipt_id"].(string)
	d := transporttest.Delivery{Key: receipt, Body: m.Raw, Address: m.Channel}
	if m.Webhook != "" {
		d.Address = room // The webhook's own; the address is a label.
	}
	for _, block := range m.Blocks {
		text := slacksink.TextOf(block)
		object, _ := block["text"].(map[string]any)
		switch {
		case block["type"] == "header":
			d.Content.Title = text
		case object["type"] == "plain_text":
			d.Content.Message = text
		case strings.HasPrefix(object["text"].(string), "<https://canary.example.com/orders/A7|"):
			_, label, _ := strings.Cut(strings.TrimSuffix(object["text"].(string), ">"), "|")
			d.Content.ActionLabel = slacksink.Unescape(label)
		}
	}
	return d
}

func provider(tb testing.TB, answers map[string]transporttest.Answer) *transporttest.HTTP {
	sink := slacksink.New(slacksink.Config{Token: token, Channels: []string{room}, Webhooks: []string{secret}})
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
	m := transporttest.NewMessage(transports.SlackSpec())
	m.Recipient.Address = room
	return m
}

// not parallel: the suite looks for goroutines that were left behind
func TestTheBotConforms(t *testing.T) {
	answers := map[string]transporttest.Answer{
		"":            {Body: `{"ok":true,"ts":"1774746123.000001"}`},
		"hangs up":    {HangUp: true},
		"slow down":   {Status: 429, Header: map[string]string{"Retry-After": "7"}, Body: `{"ok":false,"error":"ratelimited"}`},
		"no answer":   {Body: "<html>", Accept: true},
		"unavailable": {Status: 503, Body: "upstream"},
		"unauthorized": {
			Status: 401, Body: `{"ok":false,"error":"invalid_auth"}`,
		},
		"redirects": {Status: 302, Header: map[string]string{"Location": "http://127.0.0.1:1/"}},
	}
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			p := provider(tb, answers)
			transport, err := slack.New(&slack.Config{Token: token, APIURL: p.URL + "/api"})
			require.NoError(tb, err)
			return transport, p
		},
		MessageFunc: message,
		Secrets:     []string{token},
		Behaviours: []transporttest.Behaviour{
			{Name: "hangs up", Class: transports.Unknown},
			{Name: "slow down", Class: transports.Rate, RetryAfter: 7 * time.Second},
			{Name: "no answer", Class: transports.Unknown},
			{Name: "unavailable", Class: transports.Unknown},
			{Name: "unauthorized", Class: transports.Configuration},
			{Name: "redirects", Class: transports.Transient},
		},
	})
}

// not parallel: the suite looks for goroutines that were left behind
func TestAWebhookConforms(t *testing.T) {
	answers := map[string]transporttest.Answer{
		"":          {Body: "ok"},
		"hangs up":  {HangUp: true},
		"slow down": {Status: 429, Header: map[string]string{"Retry-After": "2.5"}},
		"rejected":  {Status: 400, Body: "invalid_payload\n"},
		"gone":      {Status: 404, Body: "no_service\n"},
		"rollup":    {Status: 500, Body: "rollup_error\n"},
	}
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			p := provider(tb, answers)
			transport, err := slack.New(&slack.Config{
				WebhookURL: transports.Secret(p.URL + "/services/T000/B000/" + secret),
			})
			require.NoError(tb, err)
			return transport, p
		},
		MessageFunc: message,
		Secrets:     []string{secret},
		Behaviours: []transporttest.Behaviour{
			{Name: "hangs up", Class: transports.Unknown},
			{Name: "slow down", Class: transports.Rate, RetryAfter: 2500 * time.Millisecond},
			{Name: "rejected", Class: transports.Permanent},
			{Name: "gone", Class: transports.Address},
			{Name: "rollup", Class: transports.Transient},
		},
	})
}
