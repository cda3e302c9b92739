package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSyntaxErrorsStandAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, source, want string }{
		{"Quote", "unknown: 1\npublic_url: \"x\n", "c.yaml:2:13: not YAML: could not find end character of double-quoted text"},
		{"Colon", "a: b: c", "c.yaml:1:4: not YAML: mapping value is not allowed in this context"},
		{"Tab", "a:\n\tb: 1", "c.yaml:2:1: not YAML: found character '\t' that cannot start any token"},
		{"Header", "a: |x\n  b", "c.yaml:1:4: not YAML: invalid header option"},
		{
			"BareReference", "transports: { gongs: { webhook_url: ${URL} } }",
			`c.yaml:1:38: not YAML: ',' or '}' must be specified (inside { } and [ ] put "${…}" into quotes)`,
		},
		{"TwoDocuments", "a: 1\n---\nb: 2", "c.yaml:3:1: the file has a second document (put everything into one)"},
		{"NotText", "\xff\xfe", "c.yaml:1:1: the file is not text in UTF-8"},
		{"List", "- a", "c.yaml:1:1: must be a mapping, not a list"},
		{"Word", "carillon", "c.yaml:1:1: must be a mapping, not a single value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, []string{c.want}, problems(t, c.source, three()))
		})
	}
}

// The parser is recursive and quadratic: without limits these would take minutes, or all of the stack.
func TestHugeFilesAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	const size = 200_000
	bombs := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for _, name := range strings.Split("bcdefghij", "") {
		above := "*" + string(name[0]-1)
		bombs += name + ": &" + name + " [" + strings.TrimSuffix(strings.Repeat(above+",", 10), ",") + "]\n"
	}
	for _, c := range []struct{ name, source, want string }{
		{"Size", strings.Repeat("#", size*6), "c.yaml:1:1: the file is larger than 1048576 bytes"},
		{"Flow", strings.Repeat("[", size), "c.yaml:1:65: nested more than 64 levels deep"},
		{"FlowOverLines", strings.Repeat("{a:\n ", size/5), "c.yaml:65:2: nested more than 64 levels deep"},
		{"Lists", strings.Repeat("- ", size/2), "c.yaml:1:129: nested more than 64 levels deep"},
		{"Keys", strings.Repeat("? ", size/2), "c.yaml:1:129: nested more than 64 levels deep"},
		{"Aliases", bombs, "c.yaml:1:1: the file's aliases make it larger than 100000 values"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			require.Equal(t, []string{c.want}, problems(t, c.source, nil))
			require.Less(t, time.Since(began), 20*time.Second)
		})
	}
}

func TestAnchorsAndMerges(t *testing.T) {
	t.Parallel()
	file := parse(t, `
audiences: { u: { field: id } }
events:
  a.b: &base
    category: &orders orders
    priority: bulk
    channels: [{ transport: in_app, audience: u }]
    content: { title: T, message: M }
  a.c:
    <<: *base
    priority: critical
    content: { <<: [{ title: X }, { title: Y, message: Z }] }
categories: { orders: { name: *orders } }
`)
	event, found := file.Dispatcher.Registry().Event("a.c")
	require.True(t, found)
	require.Equal(t, "critical", event.Priority.String())
	require.Equal(t, "orders", event.Category.Label)
	content, err := event.Channels[0].Render(nil)
	require.NoError(t, err)
	require.Equal(t, [2]string{"X", "Z"}, [2]string{content.Title, content.Message})
}

func TestUnsupportedYAML(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"c.yaml:1:13: public_url: tags are not supported (leave !… away)",
		"c.yaml:3:16: people.sql: the alias names no anchor that stands before it",
		"c.yaml:4:15: audiences: a merge key (<<) takes a mapping, or a list of mappings",
		"c.yaml:5:23: worker.senders: the alias names no anchor that stands before it",
		"c.yaml:6:23: transports.email: tags are not supported (leave !… away)",
	}, problems(t, `public_url: !!str x
people:
  sql:         *nope
audiences: {  <<: x }
worker: &w { senders: *w }
transports: {  email: !x {} }
`, two()))
}
