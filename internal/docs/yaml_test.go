package docs_test

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/bridge"
	"github.com/carillon-notify/carillon/transports/broadcast"
	"github.com/carillon-notify/carillon/transports/broadcast/nats"
	"github.com/carillon-notify/carillon/transports/discord"
	"github.com/carillon-notify/carillon/transports/email"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/job"
	"github.com/carillon-notify/carillon/transports/slack"
	"github.com/carillon-notify/carillon/transports/sms"
	"github.com/carillon-notify/carillon/transports/webhook"
	"github.com/carillon-notify/carillon/transports/webpush"
)

// builders are those of cmd/carillon.
func builders() []config.Builder {
	return []config.Builder{
		{Spec: transports.EmailSpec(), New: func(decode func(any) error) (transports.Transport, error) {
			var c email.Config
			if err := decode(&c); err != nil {
				return nil, err
			}
			t, err := email.New(&c)
			if err != nil {
				return nil, err
			}
			return t, nil
		}},
		{
			Spec: transports.InAppSpec(), NoConfig: true,
			New: func(func(any) error) (transports.Transport, error) { return inapp.New(), nil },
		},
		{Spec: transports.BroadcastSpec(), NoConfig: true, New: func(decode func(any) error) (transports.Transport, error) {
			return broadcast.New(), decode(&struct {
				NATS *nats.Config `yaml:"nats"`
			}{})
		}},
		{Spec: transports.JobSpec(), New: func(decode func(any) error) (transports.Transport, error) {
			var c job.Config
			if err := decode(&c); err != nil {
				return nil, err
			}
			return job.New(&c)
		}},
		{Spec: transports.DiscordSpec(), New: func(decode func(any) error) (transports.Transport, error) {
			var c discord.Config
			if err := decode(&c); err != nil {
				return nil, err
			}
			t, err := discord.New(&c)
			if err != nil {
				return nil, err
			}
			return t, nil
		}},
		{Spec: transports.BridgeSpec(), New: func(decode func(any) error) (transports.Transport, error) {
			var c bridge.Config
			if err := decode(&c); err != nil {
				return nil, err
			}
			t, err := bridge.New(&c)
			if err != nil {
				return nil, err
			}
			return t, nil
		}},
		{Spec: transports.SMSSpec(), New: func(decode func(any) error) (transports.Transport, error) {
			var c sms.Config
			if err := decode(&c); err != nil {
				return nil, err
			}
			t, err := sms.New(&c)
			if err != nil {
				return nil, err
			}
			return t, nil
		}},
		{Spec: transports.SlackSpec(), New: func(decode func(any) error) (transports.Transport, error) {
			var c slack.Config
			if err := decode(&c); err != nil {
				return nil, err
			}
			t, err := slack.New(&c)
			if err != nil {
				return nil, err
			}
			return t, nil
		}},
		{Spec: transports.WebhookSpec(), New: func(decode func(any) error) (transports.Transport, error) {
			var c webhook.Config
			if err := decode(&c); err != nil {
				return nil, err
			}
			t, err := webhook.New(&c)
			if err != nil {
				return nil, err
			}
			return t, nil
		}},
		{Spec: transports.WebPushSpec(), New: func(decode func(any) error) (transports.Transport, error) {
			var c webpush.Config
			if err := decode(&c); err != nil {
				return nil, err
			}
			t, err := webpush.New(&c)
			if err != nil {
				return nil, err
			}
			return t, nil
		}},
	}
}

// base is what a part of a file is completed with: the sections that it does not have.
const base = `audiences:
  user: { field: user_id }
categories:
  orders: { name: Order updates }
transports:
  email: { smtp: "smtp://localhost:1025", from: "shop@example.com" }
events:
  orders.created:
    category: orders
    sample: { user_id: "1" }
    channels: [{ transport: in_app, audience: user }]
    content: { title: Created, message: Created }
`

var section = regexp.MustCompile(`(?m)^(\w+):.*\n(?: .*\n)*`)

// complete adds the sections of base that the source lacks.
func complete(source string) string {
	has := map[string]bool{}
	for _, s := range section.FindAllStringSubmatch(source, -1) {
		has[s[1]] = true
	}
	for _, s := range section.FindAllStringSubmatch(base, -1) {
		if !has[s[1]] {
			source += s[0]
		}
	}
	return source
}

// dkimKey stands for a private key: an Ed25519 key whose every byte is zero.
var dkimKey = base64.StdEncoding.EncodeToString(append(
	[]byte{0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20}, make([]byte, 32)...,
))

func load(name, source string) (*config.File, error) {
	return config.Parse(name, []byte(complete(source)), builders(), func(name string) (string, bool) {
		value, set := map[string]string{
			"DATABASE_URL": "postgres://localhost/shop", "SMTP_PASSWORD": "secret", "DKIM_KEY": dkimKey,
			"WEBHOOK_ENCRYPTION_KEY": base64.StdEncoding.EncodeToString(make([]byte, 32)),
			"SLACK_BOT_TOKEN":        "xoxb-1", "SLACK_BILLING_URL": "https://hooks.slack.com/services/T/B/x",
			"TWILIO_AUTH_TOKEN": "token", "SMS_KEY": "key", "TELEGRAM_TOKEN": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "RESEND_API_KEY": "re_key",
			"VAPID_PRIVATE_KEY": "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94",
			"DISCORD_BOT_TOKEN": "bot", "DISCORD_BILLING_URL": "https://discord.com/api/webhooks/1/x",
		}[name]
		return value, set
	})
}

func TestYAMLLoads(t *testing.T) {
	t.Parallel()
	n := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks(t) {
			if b.language != "yaml" {
				continue
			}
			n++
			_, err := load(p.name, p.text(b))
			require.NoError(t, err, "%s:%d", p.name, b.first)
		}
	}
	require.Positive(t, n)
}

func TestCompletingKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	got := complete("worker:\n  batch: 7\ncategories:\n  news: {}\n")
	require.Equal(t, 1, strings.Count(got, "categories:"))
	require.Contains(t, got, "audiences:")
	_, err := load("part", "worker:\n  batch: 7\n")
	require.NoError(t, err)
	_, err = load("part", "worker:\n  batches: 7\n")
	require.ErrorContains(t, err, "batches")
}
