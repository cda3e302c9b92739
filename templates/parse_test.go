package templates_test

import (
	"strings"
	"testing"

	"github.com/carillon-notify/carillon/templates"
	"github.com/stretchr/testify/require"
)

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ source, want string }{
		"Syntax":                     {"a\n{{ if x }}", "parse template test: 2: unexpected EOF"},
		"UnknownFilter":              {"a\n\n{{ name | uper }}", `test: 3: unknown function "uper"`},
		"UnknownFunction":            {"{{ shout name }}", `1: unknown function "shout"`},
		"UnknownFunctionInArgument":  {"{{ upper (shout name) }}", `unknown function "shout"`},
		"UnknownFunctionInCondition": {"{{ if shout name }}{{ end }}", `unknown function "shout"`},
		"UnknownFunctionInRange":     {"{{ range sorted items }}{{ end }}", `unknown function "sorted"`},
		"Call":                       {"{{ call f }}", `unknown function "call"`},
		"PipeToCall":                 {"{{ f | call }}", `unknown function "call"`},
		"EscapersAreTheEngines":      {"{{ name | html }}", `unknown function "html"`},
		"JS":                         {"{{ name | js }}", `unknown function "js"`},
		"Println":                    {"{{ println name }}", `unknown function "println"`},
		"InternalFunction":           {"{{ carillon_read $ 0 . }}", `unknown function "carillon_read"`},
		"InternalFilter":             {"{{ 1 | _html_template_htmlescaper }}", "unknown function"},
		"FunctionReadAsField":        {"{{ date }}", `"date" is a function and takes 2 arguments (write .date to read the field)`},
		"FunctionReadInArgument":     {"{{ upper date }}", `write .date to read the field`},
		"FunctionReadAsObject":       {"{{ number.value }}", `"number" is a function and takes 1 argument (write .number to read the field)`},
		"FunctionReadInRange":        {"{{ range index }}{{ end }}", `"index" is a function and takes at least 2 arguments (write .index`},
		"TooFewArguments":            {"{{ name | truncate }}", "truncate takes 2 arguments, not 1"},
		"TooManyArguments":           {"{{ upper a b }}", "upper takes 1 argument, not 2"},
		"TooManyForARange":           {"{{ slice a 1 2 3 }}", "slice takes 2 to 3 arguments, not 4"},
		"FieldWithArguments":         {"{{ .name 1 }}", `".name" has arguments, but is no function`},
		"PathWithArguments":          {"{{ a.b 1 }}", "has arguments, but is no function"},
		"LiteralWithArguments":       {"{{ \"a\" 1 }}", "has arguments, but is no function"},
		"PathAfterPipe":              {"{{ a | b.c }}", `"b.c" follows a pipe, but is no function`},
		"FieldAfterPipe":             {"{{ a | .b }}", "follows a pipe, but is no function"},
		"VariableAfterPipe":          {"{{ $x := 1 }}{{ a | $x }}", "follows a pipe"},
		"UndefinedVariable":          {"{{ $x }}", "undefined variable"},
		"DeclaringTheRoot":           {"{{ $ := 1 }}", "$ is the payload and cannot be declared"},
		"AssigningTheRoot":           {"{{ $ = 1 }}", "$ is the payload"},
		"RangingIntoTheRoot":         {"{{ range $, $x := items }}{{ end }}", "$ is the payload"},
		"DeclarationInParentheses":   {"{{ upper ($x := a) }}", "not in parentheses"},
		"RangeOverNumber":            {"{{ range 1000000000 }}{{ end }}", "range wants a list or an object, not a literal"},
		"RangeOverHiddenNumber":      {"{{ range ((5)) }}{{ end }}", "not a literal"},
		"RangeOverNumberVariable":    {"{{ range $i := 5 }}{{ end }}", "not a literal"},
		"Define":                     {"{{ define \"x\" }}{{ end }}", "partials are not supported yet"},
		"DefineOfItself":             {"{{ define \"test\" }}x{{ end }}", "partials are not supported yet"},
		"Block":                      {"{{ block \"x\" . }}{{ end }}", "partials are not supported yet"},
		"TemplateCall":               {"{{ template \"x\" }}", "partials are not supported yet"},
		"RecursiveTemplate":          {"{{ template \"test\" . }}", "partials are not supported yet"},
		"FormatFromData":             {"{{ printf name 1 }}", "printf: the format must be a literal text"},
		"PipedFormat":                {"{{ name | printf 1 }}", "the format must be a literal text"},
		"WideFormat":                 {`{{ printf "%1000000000d" 1 }}`, "more than 2 digits"},
		"PreciseFormat":              {`{{ printf "%.1000000000f" 1 }}`, "more than 2 digits"},
		"StarFormat":                 {`{{ printf "%*d" 1 2 }}`, "a verb that is not one of"},
		"IndexedFormat":              {`{{ printf "%[1]s%[1]s" a }}`, "a verb that is not one of"},
		"GoSyntaxFormat":             {`{{ printf "%#v" a }}`, "a verb that is not one of"},
		"UnfinishedFormat":           {`{{ printf "%5" a }}`, "ends inside a verb"},
		"FormatWithoutVerbs":         {`{{ printf "a" a }}`, "the format has 0 verbs for 1 argument"},
		"LayoutOfAnotherLanguage":    {`{{ d | date "YYYY-MM-DD" }}`, "the layout has no part of a date"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []templates.Kind{templates.Text, templates.HTML} {
				_, err := templates.Parse("test", tc.source, kind)
				require.ErrorContains(t, err, tc.want)
			}
		})
	}
}

func TestParseReturnsAllErrors(t *testing.T) {
	t.Parallel()
	_, err := templates.Parse("test", "{{ a | b }}\n{{ c | d }}", templates.Text)
	require.ErrorContains(t, err, `1: unknown function "b"`)
	require.ErrorContains(t, err, `2: unknown function "d"`)
}

func TestParseChecksMarkup(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ source, want string }{
		"OpenAttribute":    {`<a href="{{ url }}`, "the markup ends inside a tag"},
		"OpenScript":       {`<script>{{ x }}`, "the markup ends inside a tag"},
		"BranchesDisagree": {"\n<a {{ if x }}href=\"{{ end }}>", "2: a condition or loop leaves the markup in different places"},
		"AmbiguousURL":     {`<a href="{{ if x }}/a?{{ end }}{{ url }}">x</a>`, "its context in a URL is not certain"},
		"LoopDisagrees":    {`<p {{ range x }}title="{{ end }}>`, "1: a condition or loop leaves"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := templates.Parse("test", tc.source, templates.HTML)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "carillon_")
			_, err = templates.Parse("test", tc.source, templates.Text)
			require.NoError(t, err)
		})
	}
}

func TestParseRefusesUnknownKind(t *testing.T) {
	t.Parallel()
	_, err := templates.Parse("test", "x", "markdown")
	require.ErrorContains(t, err, `unknown kind "markdown"`)
}

func TestParseLimitsSources(t *testing.T) {
	t.Parallel()
	_, err := templates.Parse("test", strings.Repeat("x", 256<<10), templates.Text)
	require.NoError(t, err)
	_, err = templates.Parse("test", strings.Repeat("x", 256<<10+1), templates.Text)
	require.ErrorIs(t, err, templates.ErrTooLarge)

	for name, source := range map[string]string{
		"Ifs":         strings.Repeat("{{if x}}", 20_000) + strings.Repeat("{{end}}", 10_000),
		"ClosedIfs":   strings.Repeat("{{if x}}", 10_000) + strings.Repeat("{{end}}", 10_000),
		"ElseIfs":     "{{if x}}" + strings.Repeat("{{else if x}}", 10_000) + "{{end}}",
		"Parentheses": "{{" + strings.Repeat("(", 9_000) + "x" + strings.Repeat(")", 9_000) + "}}",
		"Ranges":      strings.Repeat("{{range x}}", 9) + strings.Repeat("{{end}}", 9),
	} {
		for _, kind := range []templates.Kind{templates.Text, templates.HTML} {
			_, err := templates.Parse("test", source, kind)
			require.Error(t, err, name)
		}
	}
	parse(t, strings.Repeat("{{range x}}", 8)+strings.Repeat("{{end}}", 8), templates.HTML)
	parse(t, strings.Repeat("{{if x}}", 25)+strings.Repeat("{{end}}", 25), templates.HTML)
	parse(t, "{{if x}}"+strings.Repeat("{{else if x}}", 25)+"{{end}}", templates.HTML)
}
