package webpush_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/pushsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

// secretPart is of an endpoint, which whoever knows it can send to.
const secretPart = "canaryEndpointS3cret"

// not parallel: the suite looks for goroutines that were left behind
func TestTheTransportConforms(t *testing.T) {
	answers := map[string]transporttest.Answer{
		"":             {Status: 201},
		"takes later":  {Status: 202},
		"hangs up":     {HangUp: true},
		"slow down":    {Status: 429, Header: map[string]string{"Retry-After": "7"}},
		"not now":      {Status: 406},
		"rejects":      {Status: 400, Body: "bad"},
		"too big":      {Status: 413},
		"unknown":      {Status: 404},
		"gone":         {Status: 410},
		"not our keys": {Status: 403},
		"who":          {Status: 401},
		"broken":       {Status: 500},
		"redirects":    {Status: 307, Header: map[string]string{"Location": "http://127.0.0.1:1/"}},
	}
	devices := sync.Map{}
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			service := pushsink.New(pushsink.Config{})
			p := transporttest.NewHTTP(tb, transporttest.HTTPConfig{Answers: answers, DecodeFunc: decodeWith(service)})
			transport := newTransport(tb, local())
			subscribed, err := service.Subscribe(p.URL, secretPart, transport.PublicKey())
			require.NoError(tb, err)
			devices.Store(transport, deviceOf(tb, subscribed))
			return transport, p
		},
		SendFunc: func(ctx context.Context, t transports.Transport, m transports.Message) (transports.Result, error) {
			d, _ := devices.Load(t)
			m.Target = &subscriptions.Target{Devices: []subscriptions.Device{d.(subscriptions.Device)}}
			return t.Send(ctx, m)
		},
		Secrets: []string{privateKey.Reveal(), secretPart},
		Behaviours: []transporttest.Behaviour{
			{Name: "takes later", Class: transports.OK},
			{Name: "hangs up", Class: transports.Unknown},
			{Name: "slow down", Class: transports.Rate, RetryAfter: 7 * time.Second},
			{Name: "not now", Class: transports.Rate},
			{Name: "rejects", Class: transports.Permanent},
			{Name: "too big", Class: transports.Permanent},
			{Name: "unknown", Class: transports.Address},
			{Name: "gone", Class: transports.Address},
			{Name: "not our keys", Class: transports.Address},
			{Name: "who", Class: transports.Address},
			{Name: "broken", Class: transports.Transient},
			{Name: "redirects", Class: transports.Transient},
		},
	})
}

// decodeWith reads a request as the browser behind the service does.
func decodeWith(service *pushsink.Server) func(r *http.Request, body []byte) (transporttest.Delivery, error) {
	return func(r *http.Request, body []byte) (transporttest.Delivery, error) {
		m, refused := service.Decode(r, body)
		if refused != nil {
			return transporttest.Delivery{}, errors.New(refused.Body)
		}
		var said struct{ Title, Body, URL, Action, Tag string }
		if err := json.Unmarshal(m.Payload, &said); err != nil || said.Tag != m.Topic {
			return transporttest.Delivery{}, errors.New("the payload is not what a page reads")
		}
		return transporttest.Delivery{Key: m.Topic, Body: m.Payload, Content: transports.Content{
			Title: said.Title, Message: said.Body, ActionURL: said.URL, ActionLabel: said.Action,
		}}, nil
	}
}
