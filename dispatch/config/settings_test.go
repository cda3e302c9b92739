package config_test

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
)

// find returns the setting of a key.
func find(t *testing.T, file *config.File, key string) config.Setting {
	t.Helper()
	i := slices.IndexFunc(file.Settings, func(s config.Setting) bool { return s.Key == key })
	require.GreaterOrEqual(t, i, 0, "no setting %s", key)
	return file.Settings[i]
}

func TestSettingsSayWhereAValueComesFrom(t *testing.T) {
	t.Parallel()
	file := parse(t, `database_url: ${DATABASE_URL}
transports:
  email: { smtp: "smtps://shop:${SMTP_PASSWORD}@mail.example.com", from: shop@example.com }
  gongs:
    extra: { token: xoxb-1 }
audiences:
  user: { field: user_id }
events:
  shop.created:
    sample: { user_id: "1", n: 2 }
    channels:
      - { transport: in_app, audience: user }
    content: { title: "About ${WORD}", message: Hello }
worker:
  senders: "${SENDERS}"
  batch:
`)
	for _, want := range []config.Setting{
		{Key: "database_url", Value: config.Redacted, Line: 1, Variable: "DATABASE_URL"},
		{Key: "public_url"},
		{Key: "transports.email.smtp", Value: config.Redacted, Line: 3, Variable: "SMTP_PASSWORD"},
		{Key: "transports.email.from", Value: "shop@example.com", Line: 3},
		{Key: "transports.email.helo"},
		{Key: "transports.gongs.webhook_url"},
		{Key: "audiences.user.field", Value: "user_id", Line: 7},
		{Key: "events.shop.created.sample", Value: `{"n":2,"user_id":"1"}`, Line: 10},
		{Key: "events.shop.created.channels[0].transport", Value: "in_app", Line: 12},
		{Key: "events.shop.created.content.title", Value: "About orders", Line: 13, Variable: "WORD"},
		{Key: "worker.senders", Value: "12", Line: 15, Variable: "SENDERS"},
		{Key: "worker.batch"},
		{Key: "worker.retry.cap"},
		{Key: "worker.retry.deadline"},
	} {
		require.Equal(t, want, find(t, file, want.Key))
	}
	require.NotContains(t, fmt.Sprint(file.Settings), "xoxb-1")
	require.False(t, slices.ContainsFunc(file.Settings, func(s config.Setting) bool {
		return regexp.MustCompile(`^events.*html|sql$`).MatchString(s.Key) && s.Key != "people.sql"
	}), "what a name does not set is not listed")
}

func TestSettingsOfAFreeValueFromTheEnvironmentAreRedacted(t *testing.T) {
	t.Parallel()
	file := parse(t, `
audiences: { user: { field: user_id } }
events:
  a.b:
    sample: { user_id: "1", deep: [{ word: "${WORD}" }] }
    channels: [{ transport: in_app, audience: user }]
    content: { title: Hello, message: Hello }
`)
	require.Equal(t, config.Setting{Key: "events.a.b.sample", Value: config.Redacted, Line: 5, Variable: "WORD"},
		find(t, file, "events.a.b.sample"))
}

// A key that [config.Keys] lists and full.yaml sets is a setting, with names and indices of its own.
func TestEveryKeyIsASetting(t *testing.T) {
	t.Parallel()
	file := parse(t, string(testdata(t, "full.yaml")))
	for _, key := range config.Keys(three()...) {
		pattern := regexp.QuoteMeta(key)
		pattern = regexp.MustCompile(`\\\*`).ReplaceAllString(pattern, `.+`)
		pattern = regexp.MustCompile(`\\\[\\\]`).ReplaceAllString(pattern, `\[\d+\]`)
		require.True(t, slices.ContainsFunc(file.Settings, func(s config.Setting) bool {
			return regexp.MustCompile("^"+pattern+"$").MatchString(s.Key) && s.Line > 0
		}), "no setting for %s", key)
	}
	for _, secret := range []string{"s3cret", "T0PSECRET"} {
		require.NotContains(t, fmt.Sprintf("%v %+v", file.Settings, *file), secret)
	}
}
