package pager_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/examples/pager"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

const token = "pager-token-7d2c"

func setup(tb testing.TB) (transports.Transport, transporttest.Provider) {
	service := transporttest.NewHTTP(tb, transporttest.HTTPConfig{
		DecodeFunc: func(r *http.Request, body []byte) (transporttest.Delivery, error) {
			var page struct{ To, Text, Tone string }
			err := json.Unmarshal(body, &page)
			return transporttest.Delivery{
				Key: r.Header.Get("Idempotency-Key"), Body: body, Address: page.To, Content: transports.Content{Message: page.Text},
			}, err
		},
		Answers: map[string]transporttest.Answer{
			"bad request": {Status: 400}, "unauthorized": {Status: 401}, "no such number": {Status: 404},
			"too fast": {Status: 429}, "broken": {Status: 500}, "hangs up": {HangUp: true},
		},
	})
	client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	tb.Cleanup(client.CloseIdleConnections)
	return &pager.Transport{URL: service.URL, Token: token, Client: client}, service
}

// not parallel: the suite looks for goroutines that were left behind
func TestConforms(t *testing.T) {
	transporttest.Run(t, transporttest.Harness{
		NewFunc: setup,
		Secrets: []string{token},
		Behaviours: []transporttest.Behaviour{
			{Name: "bad request", Class: transports.Permanent},
			{Name: "unauthorized", Class: transports.Configuration},
			{Name: "no such number", Class: transports.Address},
			{Name: "too fast", Class: transports.Rate},
			{Name: "broken", Class: transports.Transient},
			{Name: "hangs up", Class: transports.Transient},
		},
	})
}

func TestAnEventIsPaged(t *testing.T) {
	t.Parallel()
	alarms := dispatch.Resource[dispatch.Data]{
		Name:      "alarms",
		Audiences: map[string]dispatch.Audience{"on_call": dispatch.Field("on_call")},
		Events: []dispatch.Event[dispatch.Data]{{
			Name:     "raised",
			Channels: []dispatch.Channel{{Transport: "pager", Audience: "on_call", Options: pager.Options{Tone: "loud"}}},
			Content:  dispatch.Content{Message: "Fire in {{ where }}"},
			Sample:   &dispatch.Data{"on_call": "ann", "where": "the archive"},
		}},
	}
	d, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{alarms}, Transports: []transports.Spec{pager.Spec()},
	})
	require.NoError(t, err)
	tx := dispatchtest.Tx(t)
	transport, service := setup(t)
	kit := dispatchtest.New(t, tx, d, transport)
	kit.People("", people.Person{ID: "ann", Phone: "+4930123456"})
	emitted, err := dispatch.For(d, alarms).EmitTx(t.Context(), tx, "raised",
		dispatch.Data{"on_call": "ann", "where": "the archive"}, nil)
	require.NoError(t, err)
	kit.Deliver()
	require.Equal(t, []string{"pager.on_call to ann: sent(accepted)"}, kit.Outcomes(emitted.EventID))
	require.JSONEq(t, `{"to": "+4930123456", "text": "Fire in the archive", "tone": "loud"}`, string(service.Deliveries()[0].Body))
}
