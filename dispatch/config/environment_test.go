package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEnvironment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"Whole", "${WORD}", "orders"},
		{"Partial", "all ${WORD} and ${WORD}!", "all orders and orders!"},
		{"Quoted", `"${WORD}"`, "orders"},
		{"Block", "|-\n        ${WORD}", "orders"},
		{"Empty", "x${EMPTY}y", "xy"},
		{"Escaped", "$${WORD}", "${WORD}"},
		{"EscapedBeforeReference", "$${${WORD}}", "${orders}"},
		{"DollarBeforePlaceholder", `"${{ public_url }}"`, "$https://shop.example.com"},
		{"Parameter", "$1", "$1"},
		{"NotReplacedAgain", `${NESTED}`, "${WORD}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file, err := parseWith(`public_url: https://shop.example.com
audiences: { u: { field: id } }
events:
  a.b:
    channels: [{ transport: in_app, audience: u }]
    content:
      title: t
      message: `+c.text+"\n", map[string]string{"WORD": "orders", "EMPTY": "", "NESTED": "${WORD}"})
			require.NoError(t, err)
			event, found := file.Dispatcher.Registry().Event("a.b")
			require.True(t, found)
			content, err := event.Channels[0].Render(map[string]any{"public_url": "https://shop.example.com"})
			require.NoError(t, err)
			require.Equal(t, c.want, content.Message)
		})
	}
}

func TestEnvironmentHoldsAnyKind(t *testing.T) {
	t.Parallel()
	file, err := parseWith(`
worker: { senders: "${SENDERS}", lease: "${LEASE}s" }
categories: { orders: { mandatory: "${YES}" } }`, map[string]string{"SENDERS": "12", "LEASE": "30", "YES": "true"})
	require.NoError(t, err)
	require.Equal(t, 12, file.Worker.Senders)
	require.Equal(t, "30s", file.Worker.Lease.String())
	require.True(t, file.Dispatcher.Registry().Categories["orders"].Mandatory)
}

func TestEnvironmentProblems(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"c.yaml:1:15: database_url: the environment variable NOPE is not set",
		"c.yaml:2:13: public_url: ${ begins a reference to the environment (write ${NAME}, or $${ for the characters themselves)",
		"c.yaml:4:15: transports.gongs.webhook_url: the environment variable NEITHER is not set",
		"c.yaml:4:15: transports.gongs.webhook_url: the environment variable NOPE is not set",
		"c.yaml:5:20: worker.senders: must be a whole number (it comes from ${WORD})",
	}, problems(t, `database_url: ${NOPE}
public_url: ${my-url}
transports: { gongs: {
 webhook_url: "${NOPE}${NEITHER}" } }
worker: { senders: "${WORD}" }
`, three()))
}
