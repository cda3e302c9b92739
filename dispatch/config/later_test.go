package config_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/transports"
)

func TestPlannedKeysAreRefusedByName(t *testing.T) {
	t.Parallel()
	for _, section := range []struct {
		source, path string
		keys         []string
	}{
		{"%s: {}", "", []string{"counters", "tenants", "realtime", "templates"}},
		{
			"events: { a.b: { %s: x, channels: [{transport: in_app, audience: u}], content: {title: t, message: m} } }\n" +
				"audiences: { u: { field: id } }", "events.a.b.",
			[]string{"digest", "throttle", "quiet_hours", "locales"},
		},
		{
			"events: { a.b: { channels: [{transport: in_app, audience: u, %s: x}], content: {title: t, message: m} } }\n" +
				"audiences: { u: { field: id } }", "events.a.b.channels[0].",
			[]string{"digest", "throttle", "locale", "variant", "fallback"},
		},
		{"audiences: { u: { %s: x } }", "audiences.u.", []string{"roles", "watch", "union", "except"}},
	} {
		for _, key := range section.keys {
			found := problems(t, fmt.Sprintf(section.source, key), two())
			require.Len(t, found, 1)
			require.Regexp(t, `^c\.yaml:1:\d+: `+quote(section.path+key)+": "+key+
				` (is|are) not built yet \(remove the key; a later version reads it\)$`, found[0])
		}
	}
}

func TestTransportThatIsNotLinkedIsRefusedByName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{transports.Email} {
		require.Equal(t, []string{
			"c.yaml:1:15: transports." + name + ": " + notBuilt(name),
			"c.yaml:2:28: audiences.ops.fixed." + name + ": " + notBuilt(name),
			"c.yaml:5:31: events.a.b.channels[0].transport: " + notBuilt(name),
		}, problems(t, fmt.Sprintf(`transports: { %[1]s: {} }
audiences: { ops: {fixed: {%[1]s: x}} }
events:
  a.b:
    channels: [ {  transport: %[1]s, audience: ops } ]
    content: { subject: s, message: m }
`, name), []config.Builder{inAppBuilder()}))
	}
}

func notBuilt(name string) string {
	return "transport " + name + " is not part of this program (give config.Load a Builder for it)"
}

func TestTransportOfTheProgramsOwnIsBuilt(t *testing.T) {
	t.Parallel()
	file := parse(t, `transports: { gongs: {} }`)
	require.Len(t, file.Transports, 2)
	require.Equal(t, "gongs", file.Transports[1].Name())
}

func TestUnconfiguredTransport(t *testing.T) {
	t.Parallel()
	const source = `audiences: { u: { field: id } }
events:
  a.b:
    channels:
      - { transport: email, audience: u }
      - { transport: in_app, audience: u }
    content: { subject: s, title: t, message: m }
`
	require.Equal(t, []string{
		"c.yaml:5:22: events.a.b.channels[0].transport: transport email is not configured (add transports.email)",
	}, problems(t, source, two()))
	require.Equal(t, []string{
		"c.yaml:5:22: events.a.b.channels[0].transport: " + notBuilt("email"),
	}, problems(t, source, []config.Builder{inAppBuilder()}))
	require.Equal(t, []string{
		"c.yaml:5:22: events.a.b.channels[0].transport: " + notBuilt("email"),
		"c.yaml:6:22: events.a.b.channels[1].transport: " + notBuilt("in_app"),
	}, problems(t, source, nil))
}

func TestEmptySectionIsASection(t *testing.T) {
	t.Parallel()
	found := problems(t, "transports:\n  email:\n", two())
	require.Len(t, found, 2)
	require.Contains(t, found[0], "c.yaml:2:3: transports.email.from: is required")
	require.Contains(t, found[1], "c.yaml:2:3: transports.email.smtp: is required")
	file := parse(t, "transports:\n  in_app:\n")
	require.Equal(t, transports.InApp, file.Transports[0].Name())
}
