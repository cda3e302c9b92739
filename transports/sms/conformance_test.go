package sms_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/twiliosink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/sms"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

const token = "canary-4711-s3cr3t"

// delivery is a text as its reader gets it, whose link stands in the last line.
func delivery(key, to, body string, raw []byte) transporttest.Delivery {
	d := transporttest.Delivery{Key: key, Body: raw, Address: to}
	if at := strings.LastIndex(body, "\n"); at >= 0 {
		d.Content.Message, d.Content.ActionURL = body[:at], body[at+1:]
	}
	return d
}

// not parallel: the suite looks for goroutines that were left behind
func TestTwilioConforms(t *testing.T) {
	sink := twiliosink.New(twiliosink.Config{AuthToken: token})
	answers := map[string]transporttest.Answer{
		"":             {Status: 201, Body: `{"sid":"SM1","status":"queued","error_code":null}`},
		"hangs up":     {HangUp: true},
		"slow down":    {Status: 429, Header: map[string]string{"Retry-After": "7"}, Body: `{"code":20429}`},
		"no answer":    {Status: 200, Body: "<html>", Accept: true},
		"unavailable":  {Status: 503, Body: "upstream"},
		"unauthorized": {Status: 401, Body: `{"code":20003,"message":"` + token + `"}`},
		"no number":    {Status: 400, Body: `{"code":21211}`},
		"too long":     {Status: 400, Body: `{"code":21617}`},
		"redirects":    {Status: 302, Header: map[string]string{"Location": "http://127.0.0.1:1/"}},
	}
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			p := transporttest.NewHTTP(tb, transporttest.HTTPConfig{
				Answers: answers,
				DecodeFunc: func(r *http.Request, body []byte) (transporttest.Delivery, error) {
					m, refused := sink.Decode(r, body)
					if refused != nil {
						return transporttest.Delivery{}, errors.New(refused.Body)
					}
					// Twilio knows no key; the receipt is told by the callback.
					_, key, _ := strings.Cut(m.StatusCallback, "receipt=")
					return delivery(key, m.To, m.Body, m.Raw), nil
				},
			})
			transport, err := sms.New(&sms.Config{From: "+15005550006", Twilio: &sms.TwilioConfig{
				AccountSID: sink.AccountSID(), AuthToken: token, APIURL: p.URL, StatusCallback: "https://shop.example.com/twilio",
			}})
			require.NoError(tb, err)
			return transport, p
		},
		Secrets: []string{token},
		Behaviours: []transporttest.Behaviour{
			{Name: "hangs up", Class: transports.Unknown},
			{Name: "slow down", Class: transports.Rate, RetryAfter: 7 * time.Second},
			{Name: "no answer", Class: transports.Unknown},
			{Name: "unavailable", Class: transports.Unknown},
			{Name: "unauthorized", Class: transports.Configuration},
			{Name: "no number", Class: transports.Address},
			{Name: "too long", Class: transports.Permanent},
			{Name: "redirects", Class: transports.Transient},
		},
	})
}

// not parallel: the suite looks for goroutines that were left behind
func TestAConfiguredServiceConforms(t *testing.T) {
	answers := map[string]transporttest.Answer{
		"":          {Body: `{"id":"m-1"}`},
		"hangs up":  {HangUp: true},
		"slow down": {Status: 429, Header: map[string]string{"Retry-After": "2.5"}},
		"rejected":  {Status: 400, Body: `{"code":"` + token + `"}`},
		"gone":      {Status: 422, Body: `{"code":"gone"}`},
		"failed":    {Status: 500},
	}
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			p := transporttest.NewHTTP(tb, transporttest.HTTPConfig{
				Answers: answers,
				DecodeFunc: func(r *http.Request, body []byte) (transporttest.Delivery, error) {
					var m struct{ To, Text, ID string }
					if err := json.Unmarshal(body, &m); err != nil || r.Header.Get("Authorization") != "Bearer "+token {
						return transporttest.Delivery{}, errors.New("refused")
					}
					return delivery(m.ID, m.To, m.Text, body), nil
				},
			})
			transport, err := sms.New(&sms.Config{HTTP: &sms.HTTPConfig{
				URL: transports.Secret(p.URL), Headers: map[string]transports.Secret{"Authorization": "Bearer " + token},
				JSON:      map[string]any{"to": "{{ to }}", "text": "{{ text }}", "id": "{{ id }}"},
				MessageID: "id", ErrorCode: "code", Codes: map[string]string{"gone": "address"},
			}})
			require.NoError(tb, err)
			return transport, p
		},
		Secrets: []string{token},
		Behaviours: []transporttest.Behaviour{
			{Name: "hangs up", Class: transports.Unknown},
			{Name: "slow down", Class: transports.Rate, RetryAfter: 2500 * time.Millisecond},
			{Name: "rejected", Class: transports.Permanent},
			{Name: "gone", Class: transports.Address},
			{Name: "failed", Class: transports.Unknown},
		},
	})
}
