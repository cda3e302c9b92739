package templates_test

import (
	"slices"
	"testing"
	"time"

	"github.com/carillon-notify/carillon/templates"
	"github.com/stretchr/testify/require"
)

const functionPayload = `{
	"name": " Ada Lovelace ", "wide": "añb→c", "n": 5, "f": 2.50, "exp": 1e3, "same": 2.5, "big": 123456789012345678901234567890,
	"vast": 1e999999999, "t": true, "null": null, "list": ["a", 1, 2.50, true], "none": [], "o": {"k": "v", "none": null},
	"at": "2026-01-02T15:04:05.5+02:00", "day": "2026-01-02", "price": "1234.50", "neg": -1234567, "q": "a b&c=d/é"
}`

func TestFunctionBehaviour(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`{{ wide | upper }}{{ "ÀB" | lower }}[{{ name | trim }}]`:         "AÑB→Càb[Ada Lovelace]",
		`{{ n | upper }}{{ f | trim }}`:                                   "52.50",
		`{{ wide | truncate 5 }}`:                                         "añb→c",
		`{{ wide | truncate 4 }}`:                                         "añb…",
		`{{ "ab cd" | truncate 4 }}`:                                      "ab…",
		`{{ wide | truncate 1 }}`:                                         "…",
		`{{ list | join ", " }}`:                                          "a, 1, 2.50, true",
		`{{ none | join "," }}`:                                           "",
		`{{ none | default "x" }}`:                                        "x",
		`{{ at | date "2 January 2006 15:04" }}`:                          "2 January 2026 15:04",
		`{{ at | date "date" }} {{ at | date "time" }}`:                   "2026-01-02 15:04",
		`{{ date "datetime" day }}`:                                       "2026-01-02 00:00",
		`{{ n | number }} {{ neg | number }} {{ f | number }}`:            "5 -1,234,567 2.50",
		`{{ price | number }} {{ exp | number }}`:                         "1,234.50 1,000",
		`{{ big | number }}`:                                              "123,456,789,012,345,678,901,234,567,890",
		`{{ 123 | number }} {{ 1234 | number }} {{ -1 | number }}`:        "123 1,234 -1",
		`{{ len wide }}{{ len list }}{{ len o }}{{ len null }}`:           "5420",
		`{{ index list 0 }}{{ index o "k" }}`:                             "av",
		`{{ slice wide 1 3 }}{{ slice wide 3 }}`:                          "ñb→c",
		`{{ join "" (slice list 1 3) }}`:                                  "12.50",
		`{{ print "a" n 1 }} {{ print 1 2 "x" true false }}`:              "a5 1 1 2xtrue false",
		`{{ printf "%s %v %q %5.1f %05d %x %t%%" "a" n "q" f n "z" t }}`:  `a 5 "q"   2.5 00005 7a true%`,
		`{{ printf "%s" f }} {{ printf "%.2f" n }} {{ printf "%g" exp }}`: "2.50 5.00 1000",
		`{{ q | urlquery }}`:                                              "a+b%26c%3Dd%2F%C3%A9",
		`{{ eq n 5 }}{{ eq n 4 5 }}{{ eq f same }}{{ eq f 2.5 }}{{ eq exp 1000 }}{{ eq "a" "b" }}{{ eq t true }}`: "truetruetruetruetruefalsetrue",
		`{{ eq null nil }}{{ eq n nil }}{{ ne n 5 }}{{ ne null 1 }}`:                                              "truefalsefalsetrue",
		`{{ lt n f }}{{ le f same }}{{ gt n f }}{{ ge f n }}{{ lt "a" "b" }}{{ gt exp 999 }}`:                     "falsetruetruefalsetruetrue",
		`{{ gt big 9223372036854775807 }}{{ lt f vast }}`:                                                         "truetrue",
		`{{ not t }}{{ not "" }}{{ not f }}{{ not none }}{{ not 0 }}{{ not o }}`:                                  "falsetruefalsetruetruefalse",
		`{{ and 1 2 }}{{ or 0 2 }}{{ and 0 2 }}{{ or "" 0 }}`:                                                     "2200",
		`{{ false | default "x" }}{{ 0 | default 1 }}`:                                                            "false0",
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want, render(t, source, decode(t, functionPayload)))
		})
	}
}

func TestFunctionsRefuse(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`{{ list | upper }}`:                   "upper wants a text, not a list",
		`{{ upper (index o "none") }}`:         "upper: argument 1 is null",
		`{{ wide | truncate 0 }}`:              "truncate wants a whole number above 0",
		`{{ wide | truncate f }}`:              "truncate wants a whole number above 0",
		`{{ wide | join "," }}`:                "join wants a list, not a text",
		`{{ join "," (slice list 9) }}`:        "slice is out of range",
		`{{ slice wide 2 1 }}`:                 "slice is out of range",
		`{{ slice wide -1 }}`:                  "slice is out of range",
		`{{ index list -1 }}`:                  "index is out of range",
		`{{ index list 9223372036854775807 }}`: "index is out of range",
		`{{ index o "x" }}`:                    "index: the object does not have the key",
		`{{ eq "1" 1 }}`:                       "eq cannot compare a text with a number",
		`{{ eq o o }}`:                         "eq cannot compare an object with an object",
		`{{ lt t t }}`:                         "lt cannot compare true or false with true or false",
		`{{ wide | number }}`:                  "number wants a number, not a text",
		`{{ vast | number }}`:                  "number wants a number, not a number",
		`{{ n | date "date" }}`:                "date wants a time or a text, not a number",
		`{{ name | date "date" }}`:             "no time in the form of RFC 3339",
		`{{ day | date name }}`:                "the layout has no part of a date",
		`{{ printf "%d" f }}`:                  "printf: %d does not take a number",
		`{{ printf "%s" list }}`:               "printf: %s does not take a list",
		`{{ list }}`:                           `"list" is a list and cannot be printed`,
		`{{ 1i }}`:                             "of a type that cannot be printed",
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, source, templates.Text).Execute(decode(t, functionPayload))
			require.ErrorContains(t, err, want)
		})
	}
}

func TestTimesCompare(t *testing.T) {
	t.Parallel()
	now := time.Now()
	source := `{{ lt a b }}{{ eq a a }}{{ if a }}{{ not a }}{{ end }}`
	require.Equal(t, "truetruefalse", render(t, source, object{"a": now, "b": now.Add(1)}))
}

func TestFunctionsAreListed(t *testing.T) {
	t.Parallel()
	names := templates.Functions()
	require.True(t, slices.IsSorted(names))
	require.Contains(t, names, "default")
	for _, name := range names {
		require.True(t, templates.IsFunction(name))
		require.True(t, templates.IsReserved(name))
	}
	for _, name := range []string{"call", "html", "js", "println", "order_number", ""} {
		require.False(t, templates.IsFunction(name), name)
		require.False(t, templates.IsReserved(name), name)
	}
	for _, name := range []string{"end", "range", "true", "nil", "template"} {
		require.False(t, templates.IsFunction(name), name)
		require.True(t, templates.IsReserved(name), name)
	}
}

// Every reserved name is refused without a dot and readable with one, so that a field is never shadowed in silence.
func TestReservedNamesNeedADot(t *testing.T) {
	t.Parallel()
	reserved := append(templates.Functions(), "block", "break", "continue", "define", "else", "end", "if", "range", "template", "with")
	for _, name := range reserved {
		_, err := templates.Parse("test", "{{ "+name+" }}", templates.Text)
		require.Error(t, err, name)
		require.Equal(t, "x", render(t, "{{ ."+name+" }}", object{name: "x"}), name)
	}
}
