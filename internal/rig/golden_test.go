package rig_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/transports"
)

var update = flag.Bool("update", false, "write the golden files")

// drawn is what is another in every run: ids, times, ports, and what is made of them.
var drawn = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`(carillon|"nonce":")[0-9a-f]{16,64}`), "${1}DIGEST"},
	{regexp.MustCompile(`"tag":"[^"]+"`), `"tag":"DIGEST"`},
	{regexp.MustCompile(`"nonce":"[^"]+"`), `"nonce":"DIGEST"`},
	{regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)`), "TIME"},
	{regexp.MustCompile(`Date: [A-Z][^\n]+`), "Date: TIME"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "HOST"},
	{regexp.MustCompile(`<!date\^\d+|"(ts|timestamp|event_ts)":\d+`), "${1}TIME"},
}

// arrived is what one play brought to the receiver, without what is another in every run.
func (s *stage) arrived(t *testing.T, p *play) string {
	t.Helper()
	story := s.told(t, p)
	_, got, found := strings.Cut(story, "now got 1\nnow got: ")
	require.True(t, found, story)
	got, _, _ = strings.Cut(got, "\nlater receipt")
	for _, d := range drawn {
		got = d.pattern.ReplaceAllString(got, d.by)
	}
	return strings.TrimRight(got, "\n") + "\n"
}

// readAs says where a text of a full event is to be found; most stand for themselves.
var readAs = map[string]string{
	transports.FieldSubject: "MarkSubject plain", transports.FieldHTML: "MarkHTML", transports.FieldActionURL: "https://markurl.example.com/A7",
}

// TestGoldenPayloads pins what each transport sends of one full event, and finds every field of it there.
func TestGoldenPayloads(t *testing.T) {
	t.Parallel()
	for _, spec := range transports.Builtin() {
		t.Run(spec.Name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, spec)
			got := s.arrived(t, s.full())
			path := filepath.Join("testdata", spec.Name+".golden")
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
			for _, f := range marks.Fields() {
				text := *f.Value
				if other, has := readAs[f.Name]; has {
					text = other
				}
				// A mail has one plain text; the message is it where there is no longer one.
				sent := slices.Contains(spec.Fields(), f.Name) && (spec.Name != transports.Email || f.Name != transports.FieldMessage)
				require.Equal(t, sent, strings.Contains(got, text), "%s of %s", f.Name, spec.Name)
			}
		})
	}
}

// TestAFieldThatIsNotThereTakesNothingAlong: what one field leaves out, the others say all the same.
func TestAFieldThatIsNotThereTakesNothingAlong(t *testing.T) {
	t.Parallel()
	for _, spec := range transports.Builtin() {
		t.Run(spec.Name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, spec)
			for _, absent := range spec.Fields() {
				if slices.Contains(spec.Required, absent) {
					continue
				}
				p := s.full()
				p.event.Content = without(p.event.Content, absent)
				if absent == transports.FieldActionURL {
					p.event.Content = without(p.event.Content, transports.FieldActionLabel) // A label needs its link.
				}
				got := s.arrived(t, p)
				for _, f := range p.event.Content.Fields() {
					text := *f.Value
					if other, has := readAs[f.Name]; has && text != "" {
						text = other
					}
					if text == "" || spec.Name == transports.Email && f.Name == transports.FieldMessage {
						// Its plain text is the longer one, or that of the HTML.
						continue
					}
					require.Contains(t, got, text, "%s without %s", f.Name, absent)
				}
				require.NotContains(t, got, "null", "without %s", absent)
			}
		})
	}
}

func without(c dispatch.Content, name string) dispatch.Content {
	for _, f := range c.Fields() {
		if f.Name == name {
			*f.Value = ""
		}
	}
	return c
}
