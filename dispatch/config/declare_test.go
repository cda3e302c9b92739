package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"c.yaml:1:13: public_url: url contains a user name (it can pass for the host) (such as https://shop.example.com)",
		"c.yaml:2:1: people: needs sql (without it remove people: the table carillon.people is read then)",
	}, problems(t, "public_url: https://me@shop.example.com\npeople: {}\n", nil))
	for _, url := range []string{"postgres://db/shop", "postgresql://db/shop", "host=db dbname=shop"} {
		require.Equal(t, url, parse(t, "database_url: "+url).DatabaseURL.Reveal())
	}
}

func TestSampleMustHaveWhatAudiencesRead(t *testing.T) {
	t.Parallel()
	const events = `
events:
  a.b:
    channels: [{ transport: in_app, audience: u }]
    content: { title: t, message: m }
`
	parse(t, "audiences: { u: { field: buyer.id } }"+events)
	parse(t, "audiences: { u: { field: buyer.id } }"+events+"    sample: { buyer: { id: 7 } }\n")
	for _, sample := range []string{"{}", "{ buyer: 7 }", "{ buyer: { id: ~ } }"} {
		require.Equal(t, []string{
			`c.yaml:4:47: events.a.b.channels[0].audience: audience "u" reads buyer.id, ` +
				"which the sample does not have (add it to the sample)",
		}, problems(t, "audiences: { u: { field: buyer.id } }"+events+"    sample: "+sample+"\n", two()))
	}
	require.Equal(t, []string{
		"c.yaml:6:22: events.a.b.sample.x[1]: the environment variable NOPE is not set",
	}, problems(t, "audiences: { u: { field: buyer.id } }"+events+"    sample: { x: [1, \"${NOPE}\"] }\n", two()), "nothing follows")
}

// A template that several channels share is wrong once, where it is written.
func TestContentProblemsStandWhereTheContentDoes(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		`c.yaml:9:16: events.a.b.content.message: unknown placeholder "one" (add the field to the payload or, in YAML, to the sample)`,
		`c.yaml:9:16: events.a.b.content.message: unknown placeholder "two" (add the field to the payload or, in YAML, to the sample)`,
		`c.yaml:10:38: events.a.b.content_for.email.subject: unknown placeholder "three" (add the field to the payload or, in YAML, to the sample)`,
	}, problems(t, `audiences: { u: { field: id } }
transports: { email: { smtp: "smtp://localhost", from: a@example.com } }
events:
  a.b:
    channels:
      - { transport: in_app, audience: u }
      - { transport: email, audience: u }
    content: { title: t,
      message: "{{ one }} {{ two }}" }
    content_for: { email: { subject: "{{ three }}" } }
`, two()))
}
