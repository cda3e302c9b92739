package rig

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/internal/pushsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webpush"
	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

// pushKey is a private key of tests alone; no word fits into it.
const pushKey = transports.Secret("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")

// push has a browser of ann's and one of bob's.
func push(tb testing.TB, r *Rig, pool *pgxpool.Pool) {
	tb.Helper()
	var sink *pushsink.Server
	sink, err := pushsink.Start(&pushsink.Config{AnswerFunc: func(m pushsink.Message) *pushsink.Answer {
		switch r.take("") {
		case Refuse:
			return &pushsink.Answer{Status: 400, Body: string(m.Payload) + m.Device}
		case Fail:
			return &pushsink.Answer{Status: 503, Body: string(m.Payload) + m.Device}
		case Lose:
			return &pushsink.Answer{Cut: true, Keep: true}
		case Scripted:
			reply := r.scripted()
			return &pushsink.Answer{Status: reply.Status, Header: reply.Header, Body: reply.Body}
		case Hang:
			<-r.hung
		case Accept:
		}
		return nil
	}})
	check(tb, err)
	tb.Cleanup(func() { _ = sink.Close() })
	transport, err := webpush.New(&webpush.Config{
		PrivateKey: pushKey, Subject: "mailto:ops@example.com", Hosts: []string{"*"}, AllowHTTP: true, Allow: []string{"127.0.0.0/8"},
		Timeout: timeout,
	})
	check(tb, err)
	r.Transport = transport
	r.Ways = map[string]string{"Web push": ""}
	for _, person := range []string{"ann", "bob"} {
		subscribed, err := sink.Subscribe(sink.URL(), person+Private+Credential, "")
		check(tb, err)
		p, err := subscriptions.Parse(subscribed.JSON())
		check(tb, err)
		p.Person = person
		_, err = transport.Subscriptions().Add(tb.Context(), pool, p)
		check(tb, err)
	}
	r.Secrets = []string{pushKey.Reveal(), base64.StdEncoding.EncodeToString([]byte(pushKey.Reveal()))}
	r.raw = func() []string {
		var all []string
		for _, m := range sink.Messages() {
			device, _, _ := strings.Cut(m.Device, Private)
			all = append(all, fmt.Sprintf("device=%s topic=%t ttl=%d urgency=%s %s", device, m.Topic != "", m.TTL, m.Urgency, m.Payload))
		}
		return all
	}
}
