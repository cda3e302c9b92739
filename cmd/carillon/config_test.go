package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/transports/bridge"
	"github.com/carillon-notify/carillon/transports/discord"
	"github.com/carillon-notify/carillon/transports/email"
	"github.com/carillon-notify/carillon/transports/slack"
	"github.com/carillon-notify/carillon/transports/sms"
	"github.com/carillon-notify/carillon/transports/webhook"
	"github.com/carillon-notify/carillon/transports/webpush"
)

// A default has one home, the comment of the field that it is for.
func TestDefaultsAreThoseOfTheFieldsComments(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, section := range []struct {
		prefix, file, name string
		keys               reflect.Type
	}{
		{"worker.", "../../dispatch/worker/config.go", "Config", reflect.TypeFor[config.Worker]()},
		{"worker.retry.", "../../dispatch/flow/retry.go", "RetryPolicy", reflect.TypeFor[config.Retry]()},
		{"transports.email.", "../../transports/email/config.go", "Config", reflect.TypeFor[email.Config]()},
		{"transports.discord.", "../../transports/discord/config.go", "Config", reflect.TypeFor[discord.Config]()},
		{"transports.slack.", "../../transports/slack/config.go", "Config", reflect.TypeFor[slack.Config]()},
		{"transports.email.resend.", "../../transports/email/resend.go", "ResendConfig", reflect.TypeFor[email.ResendConfig]()},
		{"transports.bridge.", "../../transports/bridge/config.go", "Config", reflect.TypeFor[bridge.Config]()},
		{"transports.sms.", "../../transports/sms/config.go", "Config", reflect.TypeFor[sms.Config]()},
		{"transports.sms.twilio.", "../../transports/sms/twilio.go", "TwilioConfig", reflect.TypeFor[sms.TwilioConfig]()},
		{"transports.sms.http.", "../../transports/sms/http.go", "HTTPConfig", reflect.TypeFor[sms.HTTPConfig]()},
		{"transports.webhook.", "../../transports/webhook/config.go", "Config", reflect.TypeFor[webhook.Config]()},
		{"transports.web_push.", "../../transports/webpush/config.go", "Config", reflect.TypeFor[webpush.Config]()},
	} {
		for field, text := range statedDefaults(t, section.file, section.name) {
			known, ok := section.keys.FieldByName(field)
			key := known.Tag.Get("yaml")
			if ok && key != "-" && text != "none" {
				want[section.prefix+key] = text
			}
		}
	}
	want["worker.monitor"] = defaultMonitor // The command's own; an address has dots, which would end the sentence.
	require.Equal(t, want, defaults())
	keys := config.Keys(builders()...)
	for key := range defaults() {
		require.True(t, slices.Contains(keys, key), "%s is no key", key)
	}
}

var statedDefault = regexp.MustCompile(`Defaults to ([^.;]+?)(?:, which[^.]*)?[.;](?:\s|$)`)

// statedDefaults reads what the fields of a struct say that they default to.
func statedDefaults(t *testing.T, path, name string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	require.NoError(t, err)
	found := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != name {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			m := statedDefault.FindStringSubmatch(strings.ReplaceAll(field.Doc.Text(), "\n", " "))
			if m == nil {
				continue
			}
			text := regexp.MustCompile(`^(\d+) (ms|s|h)$`).ReplaceAllString(m[1], "$1$2")
			found[field.Names[0].Name] = strings.NewReplacer(
				", as servers want,", ",", "else to the", "else the", "domain of From", "domain of from").Replace(text)
		}
		return true
	})
	return found
}
