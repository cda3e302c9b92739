package email_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
)

func TestNewReportsAllProblems(t *testing.T) {
	t.Parallel()
	_, err := email.New(&email.Config{
		SMTP: "ftp://canary", From: "canary", ReplyTo: "canary", ReturnPath: "a@b\r\nx", MessageIDDomain: "a b", HELO: "a b",
		MaxConnections: -1, IdleTimeout: -1, DialTimeout: -1, ReplyTimeout: -1, SendTimeout: -1,
	})
	require.Error(t, err)
	for _, field := range []string{
		"smtp", "from", "reply_to", "return_path", "message_id_domain", "helo",
		"max_connections", "idle_timeout", "dial_timeout", "reply_timeout", "send_timeout",
	} {
		require.Contains(t, err.Error(), "email: "+field+" ")
	}
	require.NotContains(t, err.Error(), "canary")
}

func TestNewWithoutConfig(t *testing.T) {
	t.Parallel()
	_, err := email.New(nil)
	require.ErrorContains(t, err, "email: smtp is required")
	require.ErrorContains(t, err, "email: from is required")
}

func TestSMTPURL(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ // the URL, and a part of the problem; empty if there is none
		"smtp://mail.example.com":                      "",
		"smtp://mail.example.com:25/":                  "",
		"smtp://user:p%40ss%2Fw%23rd@mail.example.com": "",
		"smtps://user:pass@mail.example.com":           "",
		"smtp://mail.example.com?tls=off":              "",
		"smtp://mail_relay:2525?tls=off":               "",
		"smtp://[::1]:25":                              "",
		"smtp://user:pass@[::1]:25?tls=off":            "",
		"smtp://user:pass@localhost":                   "",
		"mail.example.com:25":                          "must begin with",
		"http://mail.example.com":                      "must begin with",
		"smtp://":                                      "names no host",
		"smtp://:25":                                   "names no host",
		"smtp://mail.example.com:0":                    "port",
		"smtp://mail.example.com:99999":                "port",
		"smtp://mail.example.com/queue":                "path",
		"smtp://mail.example.com#x":                    "fragment",
		"smtp://user:canary#1@mail.example.com":        "not a URL",
		"smtp://user:canary/1@mail.example.com":        "not a URL",
		"smtp://user@mail.example.com":                 "credentials",
		"smtp://:canary@mail.example.com":              "credentials",
		"smtp://user:a%00b@mail.example.com":           "zero byte",
		"smtp://mail.example.com?tls=maybe":            "neither off nor starttls",
		"smtp://mail.example.com?ssl=off":              "not known",
		"smtps://mail.example.com?tls=off":             "smtps:// excludes",
		"smtp://user:canary@mail.example.com?tls=off":  "clear text",
		"smtp://user:canary@[::ffff:10.0.0.1]?tls=off": "clear text",
		"smtp://mail.example.com?%zz":                  "query",
	}
	for url, problem := range tests {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			transport, err := email.New(&email.Config{SMTP: transports.Secret(url), From: "shop@example.com"})
			if problem == "" {
				require.NoError(t, err)
				require.NoError(t, transport.Close(t.Context()))
				return
			}
			require.ErrorContains(t, err, problem)
			require.NotContains(t, err.Error(), "canary")
			require.True(t, strings.HasPrefix(err.Error(), "email: smtp "))
		})
	}
}

func TestHELO(t *testing.T) {
	t.Parallel()
	for helo, ok := range map[string]bool{
		"": true, "mail.example.com": true, "worker": true, "[192.0.2.1]": true, "[IPv6:2001:db8::1]": true,
		"[192.0.2.1": false, "[x]": false, "a b": false, "a..b": false, "x\r\nMAIL FROM:<>": false,
		strings.Repeat("a", 64) + ".example": false, strings.Repeat("a.", 200) + "example": false,
	} {
		transport, err := email.New(&email.Config{SMTP: "smtp://localhost", From: "shop@example.com", HELO: helo})
		if !ok {
			require.ErrorContains(t, err, "email: helo ", helo)
			continue
		}
		require.NoError(t, err, helo)
		require.NoError(t, transport.Close(t.Context()))
	}
}

func TestConfigFromYAML(t *testing.T) {
	t.Parallel()
	const text = `
smtp: smtp://localhost:1025
from: Shop <shop@example.com>
reply_to: help@example.com
return_path: bounces@example.com
message_id_domain: mail.example.com
helo: worker.example.com
max_connections: 4
idle_timeout: 20s
dial_timeout: 5s
reply_timeout: 5m
send_timeout: 6m
`
	var got email.Config
	require.NoError(t, yaml.UnmarshalWithOptions([]byte(text), &got, yaml.Strict()))
	require.Equal(t, email.Config{
		SMTP: "smtp://localhost:1025", From: "Shop <shop@example.com>", ReplyTo: "help@example.com",
		ReturnPath: "bounces@example.com", MessageIDDomain: "mail.example.com", HELO: "worker.example.com",
		MaxConnections: 4, IdleTimeout: 20 * time.Second, DialTimeout: 5 * time.Second,
		ReplyTimeout: 5 * time.Minute, SendTimeout: 6 * time.Minute,
	}, got)
	transport, err := email.New(&got)
	require.NoError(t, err)
	require.NoError(t, transport.Close(t.Context()))
	require.Error(t, yaml.UnmarshalWithOptions([]byte("smtp_url: x"), &got, yaml.Strict()))
}

func TestNothingPrintsTheCredentials(t *testing.T) {
	t.Parallel()
	config := email.Config{SMTP: "smtp://user:canary@mail.example.com", From: "shop@example.com"}
	transport := newTransport(t, &config)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", config, config, config), fmt.Sprintf("%v %+v", transport, transport)} {
		require.NotContains(t, text, "canary")
	}
}
