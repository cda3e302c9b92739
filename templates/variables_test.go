package templates_test

import (
	"testing"

	"github.com/carillon-notify/carillon/templates"
	"github.com/stretchr/testify/require"
)

// A question mark is an optional variable.
func TestVariables(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		source string
		want   []string
	}{
		"None":                       {"text {{ \"a\" }}", nil},
		"SortedAndOnce":              {"{{ b }}{{ a }}{{ b }}", []string{"a", "b"}},
		"Paths":                      {"{{ recipient.name }}{{ .recipient.city }}", []string{"recipient.city", "recipient.name"}},
		"Arguments":                  {"{{ printf \"%s%s\" a (b | upper) }}", []string{"a", "b"}},
		"Conditions":                 {"{{ if and a (not b) }}{{ c }}{{ else }}{{ d }}{{ end }}", []string{"a", "b", "c", "d"}},
		"RangeElements":              {"{{ range items }}{{ name }}{{ end }}", []string{"items", "items[].name"}},
		"RangeDot":                   {"{{ range tags }}{{ . }}{{ end }}", []string{"tags", "tags[]"}},
		"RangeElseIsOutside":         {"{{ range items }}{{ else }}{{ name }}{{ end }}", []string{"items", "name"}},
		"RangeNested":                {"{{ range a.b }}{{ range c }}{{ d.e }}{{ end }}{{ end }}", []string{"a.b", "a.b[].c", "a.b[].c[].d.e"}},
		"RangeOfLists":               {"{{ range rows }}{{ range . }}{{ x }}{{ end }}{{ end }}", []string{"rows", "rows[]", "rows[][].x"}},
		"RootInRange":                {"{{ range items }}{{ $.shop }}{{ end }}", []string{"items", "shop"}},
		"RangeVariables":             {"{{ range $i, $x := items }}{{ $i }}{{ $x.name }}{{ end }}", []string{"items", "items[].name"}},
		"RangeVariableInElse":        {"{{ range $x := items }}{{ else }}{{ $x.name }}{{ end }}", []string{"items"}},
		"With":                       {"{{ with recipient }}{{ name }}{{ else }}{{ b }}{{ end }}", []string{"b", "recipient", "recipient.name"}},
		"WithParentheses":            {"{{ with (recipient) }}{{ name }}{{ end }}", []string{"recipient", "recipient.name"}},
		"WithVariable":               {"{{ with $r := recipient }}{{ $r.name }}{{ $.a }}{{ end }}", []string{"a", "recipient", "recipient.name"}},
		"Variable":                   {"{{ $r := recipient }}{{ $r.name }}", []string{"recipient", "recipient.name"}},
		"VariableOfTheDot":           {"{{ range items }}{{ $x := . }}{{ range tags }}{{ $x.name }}{{ end }}{{ end }}", []string{"items", "items[]", "items[].name", "items[].tags"}},
		"VariableEndsWithItsBlock":   {"{{ $r := a }}{{ if b }}{{ $r := c }}{{ $r.x }}{{ end }}{{ $r.y }}", []string{"a", "a.y", "b", "c", "c.x"}},
		"AssignedVariableIsLeftOut":  {"{{ $r := a }}{{ if b }}{{ $r = c }}{{ end }}{{ $r.name }}", []string{"a", "b", "c"}},
		"ResultsAreLeftOut":          {"{{ (index items 0).name }}{{ with or a b }}{{ c }}{{ end }}", []string{"a", "b", "items"}},
		"Chain":                      {"{{ (recipient).name }}", []string{"recipient", "recipient.name"}},
		"WithRoot":                   {"{{ with . }}{{ a }}{{ end }}{{ with $ }}{{ b }}{{ end }}", []string{"a", "b"}},
		"Default":                    {"{{ nickname | default \"x\" }}", []string{"nickname?"}},
		"DefaultOfAField":            {"{{ nickname | default name }}", []string{"name", "nickname?"}},
		"DefaultPath":                {"{{ a.b | default \"x\" }}", []string{"a.b?"}},
		"DefaultElsewhereIsNoExcuse": {"{{ a | default \"x\" }}{{ a }}", []string{"a"}},
		"FilterBeforeDefault":        {"{{ a | upper | default \"x\" }}", []string{"a"}},
		"DefaultThenFilter":          {"{{ a | default \"x\" | upper }}", []string{"a?"}},
		"DefaultThroughVariable":     {"{{ $n := a | default \"x\" }}{{ $n }}", []string{"a?"}},
		"DefaultThroughWith":         {"{{ with a | default \"\" }}{{ . }}{{ b }}{{ end }}", []string{"a?", "a.b?"}},
		"ShadowedField":              {"{{ .date | date \"date\" }}", []string{"date"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []templates.Kind{templates.Text, templates.HTML} {
				var got []string
				for _, v := range parse(t, tc.source, kind).Variables() {
					if v.Optional {
						v.Path += "?"
					}
					got = append(got, v.Path)
				}
				require.Equal(t, tc.want, got)
			}
		})
	}
}

func TestVariablesIsACopy(t *testing.T) {
	t.Parallel()
	tmpl := parse(t, "{{ a }}", templates.Text)
	tmpl.Variables()[0].Path = "changed"
	require.Equal(t, []templates.Variable{{Path: "a"}}, tmpl.Variables())
}
