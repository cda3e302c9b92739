package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
)

func parseFirst(t *testing.T, source string, env map[string]string) *config.File {
	t.Helper()
	file, err := config.Parse(defaultConfig, []byte(source), builders(), func(name string) (string, bool) {
		value, set := env[name]
		return value, set
	})
	require.NoError(t, err)
	return file
}

func TestTheFirstFileLoadsAsItIs(t *testing.T) {
	t.Parallel()
	file := parseFirst(t, firstConfig, nil)
	require.Len(t, file.Dispatcher.Registry().Events(), 1)
}

// Lines that begin with # and a key are settings that are not in effect: with the # away they load, and so every key
// stands in the file, with a value that it can have.
func TestTheFirstFileHasEveryKey(t *testing.T) {
	t.Parallel()
	whole := regexp.MustCompile(`(?m)^(\s*)#(\S)`).ReplaceAllString(firstConfig, "$1$2")
	require.NotEqual(t, firstConfig, whole)
	file := parseFirst(t, whole, map[string]string{
		"DISCORD_WEBHOOK_URL": "https://discord.com/api/webhooks/1/x", "DISCORD_BOT_TOKEN": "bot",
		"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x", "SLACK_ORDERS_URL": "https://hooks.slack.com/services/T/B/y",
		"SLACK_BOT_TOKEN": "xoxb-1", "TWILIO_AUTH_TOKEN": "token", "SMS_KEY": "key", "TELEGRAM_TOKEN": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "RESEND_API_KEY": "re_key",
		"DATABASE_URL": "postgres://localhost/shop", "SMTP_URL": "smtp://localhost:1025",
		"DKIM_KEY":               dkimKey(t),
		"VAPID_PRIVATE_KEY":      "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94",
		"WEBHOOK_ENCRYPTION_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "WEBHOOK_KEY": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
	})
	for _, key := range config.Keys(builders()...) {
		// They exclude others, beside which a comment names them.
		if name, excluded := excludedKeys[key]; excluded {
			require.Contains(t, firstConfig, name)
			continue
		}
		pattern := strings.NewReplacer(`\*`, `.+`, `\[\]`, `\[\d+\]`).Replace(regexp.QuoteMeta(key))
		at := slices.IndexFunc(file.Settings, func(s config.Setting) bool {
			return s.Line > 0 && regexp.MustCompile("^"+pattern+"$").MatchString(s.Key)
		})
		require.GreaterOrEqual(t, at, 0, "%s is not in the file", key)
	}
	for _, s := range file.Settings {
		numeric := regexp.MustCompile(`^[0-9]+(ms|s|h)?$`).MatchString(defaults()[s.Key])
		if numeric {
			require.Equal(t, defaults()[s.Key], s.Value, "%s is shown with its default", s.Key)
		}
	}
}

// excludedKeys are those that cannot stand beside others of the file.
var excludedKeys = map[string]string{
	"transports.slack.icon_url":            "icon_url in place of",
	"transports.sms.twilio.api_key":        "api_key and",
	"transports.sms.twilio.api_key_secret": "api_key_secret",
	"transports.sms.http.form.*":           "form in its place",
}

// dkimKey is a private key as the environment has it.
func dkimKey(t *testing.T) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(der)
}

func TestShellWord(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a/carillon.yaml": "a/carillon.yaml", "": "''", "my file": "'my file'", "it's": `'it'\''s'`, "$HOME": "'$HOME'",
	} {
		require.Equal(t, want, shellWord(in))
	}
}
