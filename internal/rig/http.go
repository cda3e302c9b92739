package rig

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/bridge"
	"github.com/carillon-notify/carillon/transports/discord"
	"github.com/carillon-notify/carillon/transports/slack"
	"github.com/carillon-notify/carillon/transports/sms"
	"github.com/carillon-notify/carillon/transports/webhook"
)

// timeout bounds a send, so that a test of one that hangs is short. Transports take no less than a second.
const timeout = time.Second

// maxBody bounds what is read of a request.
const maxBody = 1 << 20

// serve listens on loopback; accepted is what the service says to a message that it takes.
func (r *Rig) serve(tb testing.TB, accepted string) string {
	tb.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(io.LimitReader(request.Body, maxBody))
		if err != nil {
			return
		}
		kind, text := request.Header.Get("Content-Type"), string(body)
		if form, err := url.QueryUnescape(text); err == nil && kind == "application/x-www-form-urlencoded" {
			text = form
		}
		sent := fmt.Sprintf("%s %s %s\n%s\n", request.Method, request.URL.Path, kind, text)
		echo := fmt.Sprintf("%s %s %v", request.URL, body, request.Header)
		switch r.take(sent) {
		case Accept:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, accepted)
		case Refuse:
			http.Error(w, echo, http.StatusBadRequest)
		case Fail:
			http.Error(w, echo, http.StatusServiceUnavailable)
		case Lose:
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = conn.Close()
			}
		case Scripted:
			reply := r.scripted()
			for name, value := range reply.Header {
				w.Header().Set(name, value)
			}
			w.WriteHeader(reply.Status)
			_, _ = io.WriteString(w, reply.Body)
		case Hang:
			select {
			case <-request.Context().Done():
			case <-r.hung:
			}
		}
	}))
	tb.Cleanup(func() {
		// A transport may have left a send behind that nothing else would end.
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

func slackBot(tb testing.TB, r *Rig, _ *pgxpool.Pool) {
	tb.Helper()
	base := r.serve(tb, `{"ok":true,"ts":"1774746123.000001","channel":"C0CANARY"}`)
	var err error
	r.Transport, err = slack.New(&slack.Config{
		Token: "xoxb-" + Credential, APIURL: base + "/api", Timeout: timeout,
		Webhooks: map[string]transports.Secret{"hook": transports.Secret(base + "/services/T000/B000/" + Credential)},
	})
	check(tb, err)
	r.Ways = map[string]string{"Slack": "C0ROOM", "Slack incoming webhook": "hook"}
	r.Address, r.Other = "C0"+strings.ToUpper(Private), "C0OTHER"
}

func discordBot(tb testing.TB, r *Rig, _ *pgxpool.Pool) {
	tb.Helper()
	base := r.serve(tb, `{"id":"1","nonce":"1"}`)
	var err error
	r.Transport, err = discord.New(&discord.Config{
		Token: "bot-" + Credential, APIURL: base + "/api", Timeout: timeout,
		Webhooks: map[string]transports.Secret{Private: transports.Secret(base + "/api/webhooks/123456789012345678/" + Credential)},
	})
	check(tb, err)
	r.Address, r.Other = Private, "123456789012345679"
	r.Ways = map[string]string{"Discord": r.Other, "Discord webhook": Private}
}

func twilio(tb testing.TB, r *Rig, _ *pgxpool.Pool) {
	tb.Helper()
	base := r.serve(tb, `{"sid":"SM1","status":"queued"}`)
	var err error
	r.Transport, err = sms.New(&sms.Config{From: "+15005550006", Timeout: timeout, Twilio: &sms.TwilioConfig{
		AccountSID: "AC0123456789abcdef0123456789abcdef", AuthToken: "token-" + Credential, APIURL: base,
	}})
	check(tb, err)
	r.Ways = map[string]string{"Twilio": "+4915112345678"}
	// A number has no room for words.
	r.Address, r.Other = "+4915112345678", "+4915112345679"
}

func bridged(tb testing.TB, r *Rig, _ *pgxpool.Pool) {
	tb.Helper()
	to := transports.Secret("generic+" + r.serve(tb, "ok") + "/hook?@X-Token=" + Credential)
	var err error
	r.Transport, err = bridge.New(&bridge.Config{URLs: map[string]transports.Secret{Private: to, "other": to}, Timeout: timeout})
	check(tb, err)
	r.Address, r.Other = Private, "other"
}

func fixedURL(tb testing.TB, r *Rig, _ *pgxpool.Pool) {
	tb.Helper()
	base := r.serve(tb, "ok")
	var err error
	r.Transport, err = webhook.New(&webhook.Config{
		Keys: []transports.Secret{secretKey}, AllowHTTP: true, Allow: []string{"127.0.0.0/8"}, Timeout: timeout, ConnectTimeout: timeout,
		Excerpt: true,
	})
	check(tb, err)
	r.Address, r.Other = base+"/"+Private, base+"/other"
	r.Secrets = []string{secretKey.Reveal()}
	r.Ways = map[string]string{"Webhook": r.Address}
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
