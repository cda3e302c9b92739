package templates_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/carillon-notify/carillon/templates"
	"github.com/stretchr/testify/require"
)

func TestExecuteStopsLoops(t *testing.T) {
	t.Parallel()
	thousand := make([]any, 1000)
	for _, source := range []string{
		"{{ range x }}{{ range $.x }}{{ end }}{{ end }}",
		"{{ range x }}{{ range $.x }}{{ continue }}{{ end }}{{ end }}",
		"{{ range x }}{{ range $.x }}{{ else }}{{ end }}{{ end }}",
		"{{ range $i, $e := x }}{{ range $j, $e := $.x }}{{ if $j }}{{ end }}{{ end }}{{ end }}",
	} {
		for _, kind := range []templates.Kind{templates.Text, templates.HTML} {
			out, err := parse(t, source, kind).Execute(object{"x": thousand})
			require.ErrorIs(t, err, templates.ErrTooManySteps, source)
			require.Empty(t, out)
		}
	}
	exact := "{{ range x }}{{ range $.y }}{{ end }}{{ end }}"
	data := object{"x": thousand, "y": make([]any, 99)} // 1000 + 1000*99 steps.
	require.Empty(t, render(t, exact, data))
	data["y"] = make([]any, 100)
	_, err := parse(t, exact, templates.Text).Execute(data)
	require.ErrorIs(t, err, templates.ErrTooManySteps)
}

func TestExecuteLimitsOutput(t *testing.T) {
	t.Parallel()
	require.Len(t, render(t, "{{ x }}", object{"x": strings.Repeat("x", 1<<20)}), 1<<20)
	_, err := parse(t, "{{ x }}.", templates.Text).Execute(object{"x": strings.Repeat("x", 1<<20)})
	require.ErrorIs(t, err, templates.ErrTooLarge)
	_, err = parse(t, "{{ range x }}"+strings.Repeat("y", 1000)+"{{ end }}", templates.HTML).Execute(object{"x": make([]any, 2000)})
	require.ErrorIs(t, err, templates.ErrTooLarge)
}

// Values grow without ever being printed.
func TestExecuteLimitsValues(t *testing.T) {
	t.Parallel()
	data := object{"x": make([]any, 100), "big": strings.Repeat("x", 1<<20), "bigs": []any{}}
	for range 100 {
		data["bigs"] = append(data["bigs"].([]any), data["big"])
	}
	data["parts"] = []any{data["big"]}
	keys := object{}
	for i := range 20_000 {
		keys[strconv.Itoa(i)] = i
	}
	data["map"] = keys
	for source, want := range map[string]error{
		`{{ $s := "xx" }}{{ range x }}{{ $s = print $s $s }}{{ end }}`:         templates.ErrTooLarge,
		`{{ $s := "xx" }}{{ range x }}{{ $s = printf "%s%s" $s $s }}{{ end }}`: templates.ErrTooLarge,
		`{{ $s := "%%" }}{{ range x }}{{ $s = $s | urlquery }}{{ end }}`:       nil, // 2 characters more each time.
		`{{ $s := "%%" }}{{ range x }}{{ $s = printf "%q" $s }}{{ end }}`:      templates.ErrTooLarge,

		`{{ $s := join "" bigs }}`:                                              templates.ErrTooLarge,
		`{{ range x }}{{ $s := join "" $.parts }}{{ end }}`:                     templates.ErrTooManySteps,
		`{{ range x }}{{ range $.map }}{{ break }}{{ end }}{{ end }}`:           templates.ErrTooManySteps,
		`{{ $s := print big big big }}`:                                         templates.ErrTooLarge,
		`{{ range x }}{{ $s := big | upper }}{{ end }}`:                         templates.ErrTooManySteps,
		`{{ range x }}{{ if eq $.big $.big }}{{ end }}{{ end }}`:                templates.ErrTooManySteps,
		`{{ range x }}{{ $s := $.big | truncate 2 }}{{ end }}`:                  templates.ErrTooManySteps,
		`{{ printf "%99d%99d" 1 2 | len | print }}{{ printf "%.99f" 1 | len }}`: nil,
	} {
		source = strings.ReplaceAll(source, "{{ $s := big | upper }}", "{{ $s := $.big | upper }}")
		_, err := parse(t, source, templates.Text).Execute(data)
		require.ErrorIs(t, err, want, source)
	}
}
