package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
)

// withOptions is a file with one channel to Slack whose options begin in line 8.
func withOptions(options string) string {
	return `transports: { gongs: {}, email: { smtp: "smtp://localhost", from: a@example.com } }
audiences: { ops: { fixed: { gongs: "#ops", email: ops@example.com } } }
events:
  a.b:
    channels:
      - transport: gongs
        audience: ops
        options: ` + options + `
    content: { message: m, title: t, subject: s }
    sample: { code: A7 }
`
}

func TestOptionsArriveRenderedAndWithDefaults(t *testing.T) {
	t.Parallel()
	file := parse(t, withOptions(`{ thread: "order-{{ code }}", tags: ["{{ code }}"], details: { Code: "{{ code }}" }, loud: true }`))
	event, _ := file.Dispatcher.Registry().Event("a.b")
	raw, err := event.Channels[0].Options.Render(map[string]any{"code": "B8\x00"})
	require.NoError(t, err)
	got, err := transports.Options[slackOptions](transports.Message{Options: raw})
	require.NoError(t, err)
	require.Equal(t, slackOptions{
		Thread: "order-B8\uFFFD", Color: "green", Loud: true, Height: 3, After: 300e9, Tags: []string{"B8\uFFFD"},
		Details: map[string]string{"Code": "B8\uFFFD"},
	}, got)
	_, err = event.Channels[0].Options.Render(map[string]any{})
	require.ErrorContains(t, err, "options.")
}

func TestOptionsAreRefusedAtTheirPlace(t *testing.T) {
	t.Parallel()
	for options, want := range map[string][]string{
		`{ colour: red }`:              {`8:20: events.a.b.channels[0].options.colour: unknown key (did you mean color? keys: thread, color, loud, height, weight, after, tags, details)`},
		`{ color: blue }`:              {`8:27: events.a.b.channels[0].options.color: must be one of red, green, not "blue"`},
		`{ loud: yes please }`:         {`8:26: events.a.b.channels[0].options.loud: must be true or false, not "yes please"`},
		`{ height: tall, tags: a }`:    {`8:28: events.a.b.channels[0].options.height: must be a whole number, not "tall"`, `8:40: events.a.b.channels[0].options.tags: must be a list, not a single value`},
		`{ thread: "{{ vanished }}" }`: {`8:28: events.a.b.channels[0].options.thread: unknown placeholder "vanished" (add the field to the payload or, in YAML, to the sample)`},
		`{ details: { a: "{{" } }`:     {`8:34: events.a.b.channels[0].options.details.a: `},
		`{ height: 10 }`:               {`8:9: events.a.b.channels[0].options: the whole is too high`, `8:28: events.a.b.channels[0].options.height: must be at most 9`},
		`[ red ]`:                      {`8:9: events.a.b.channels[0].options: must be a mapping, not a list`},
	} {
		found := problems(t, withOptions(options), three())
		require.Len(t, found, len(want), "%s: %v", options, found)
		for i := range want {
			require.Contains(t, found[i], "c.yaml:"+want[i], options)
		}
	}
}

func TestOptionsOfATransportWithout(t *testing.T) {
	t.Parallel()
	source := withOptions(`{ thread: x }`)
	source = source[:len(source)-1] + "\n  a.c:\n    channels: [{ transport: email, audience: ops, options: { thread: x } }]\n    content: { message: m, subject: s }\n"
	require.Equal(t, []string{
		"c.yaml:12:51: events.a.c.channels[0].options: transport email takes no options (remove the key)",
	}, problems(t, source, three()))
}

func TestFixedAddressesAreCheckedByTheirTransports(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"c.yaml:2:37: audiences.ops.fixed.gongs: a channel's name begins with #",
	}, problems(t, "transports: { gongs: {} }\naudiences: { ops: { fixed: { gongs: ops } } }\n", three()))
}
