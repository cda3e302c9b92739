package templates_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-notify/carillon/templates"
	"github.com/stretchr/testify/require"
)

const shopPayload = `{
	"order_number": "A7", "vip": true, "blocked": false, "total": 1234567.50, "count": 3, "zero": 0.00, "nothing": null,
	"empty": "", "shop": "Brass & Co", "html": "yes", "recipient": {"name": "Ada", "address": {"city": "London"}},
	"items": [{"name": "Bell", "tags": ["loud", "new"]}, {"name": "Rope", "tags": []}], "none": [],
	"prices": {"bell": 10, "rope": 2.5}, "date": "2026-01-02T15:04:05Z", "order-number": "dashed"
}`

func TestExecute(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ source, want string }{
		"PlainTextStays":                {"no variables", "no variables"},
		"EmptySourceIsEmpty":            {"", ""},
		"OnlyACommentIsEmpty":           {"{{/* nothing */}}", ""},
		"BareNameIsAField":              {"#{{ order_number }}", "#A7"},
		"DottedNameIsAPath":             {"{{ recipient.address.city }}", "London"},
		"ExplicitDotWorks":              {"{{ .order_number }} {{ .recipient.name }}", "A7 Ada"},
		"ExplicitDotReadsShadowedField": {"{{ .date }}", "2026-01-02T15:04:05Z"},
		"DroppedBuiltinIsAField":        {"{{ html }}", "yes"},
		"FilterByPipe":                  {"{{ recipient.name | upper }}", "ADA"},
		"FiltersChain":                  {"{{ recipient.name | upper | printf \"%5s|\" }}", "  ADA|"},
		"IfTrue":                        {"{{ if vip }}yes{{ else }}no{{ end }}", "yes"},
		"IfFalse":                       {"{{ if blocked }}yes{{ else }}no{{ end }}", "no"},
		"IfNullIsFalse":                 {"{{ if nothing }}yes{{ else }}no{{ end }}", "no"},
		"IfWrittenZeroIsFalse":          {"{{ if zero }}yes{{ else }}no{{ end }}", "no"},
		"IfEmptyListIsFalse":            {"{{ if none }}yes{{ else }}no{{ end }}", "no"},
		"ElseIf":                        {"{{ if blocked }}a{{ else if vip }}b{{ end }}", "b"},
		"RangeReadsElements":            {"{{ range items }}{{ name }} of {{ $.shop }};{{ end }}", "Bell of Brass & Co;Rope of Brass & Co;"},
		"RangeNests":                    {"{{ range items }}{{ range tags }}{{ . }} {{ end }}{{ end }}", "loud new "},
		"RangeElse":                     {"{{ range none }}x{{ else }}{{ shop }}{{ end }}", "Brass & Co"},
		"RangeOverNullIsEmpty":          {"{{ range nothing }}x{{ else }}none{{ end }}", "none"},
		"RangeOverMapIsSorted":          {"{{ range $k, $v := prices }}{{ $k }}={{ $v }} {{ end }}", "bell=10 rope=2.5 "},
		"RangeVariables":                {"{{ range $i, $x := items }}{{ $i }}{{ $x.name }}{{ end }}", "0Bell1Rope"},
		"BreakAndContinue":              {"{{ range $i, $x := items }}{{ if $i }}{{ break }}{{ end }}{{ name }}{{ continue }}!{{ end }}", "Bell"},
		"WithChangesScope":              {"{{ with recipient }}{{ name }} in {{ address.city }}{{ end }}", "Ada in London"},
		"WithNullGoesToElse":            {"{{ with nothing }}x{{ else }}{{ shop }}{{ end }}", "Brass & Co"},
		"WithWrittenZeroGoesToElse":     {"{{ with zero }}x{{ else }}none{{ end }}", "none"},
		"WithDotIsRoot":                 {"{{ with . }}{{ shop }}{{ end }}", "Brass & Co"},
		"VariablesHold":                 {"{{ $n := recipient.name }}{{ with items }}{{ $n }}{{ end }}", "Ada"},
		"AssignmentChanges":             {"{{ $n := \"a\" }}{{ if vip }}{{ $n = \"b\" }}{{ end }}{{ $n }}", "b"},
		"ConditionVariableKeepsValue":   {"{{ if $n := recipient.name }}{{ $n }}{{ end }}", "Ada"},
		"LongFractionPrintsAsWritten":   {"{{ total }}", "1234567.50"},
		"ParenthesesAndFields":          {"{{ (index items 1).name }}", "Rope"},
		"IndexReadsOddNames":            {"{{ index . \"order-number\" }}", "dashed"},
		"AndStopsEarly":                 {"{{ if and none (index none 5) }}x{{ else }}fine{{ end }}", "fine"},
		"AndSeesWrittenZero":            {"{{ and zero \"x\" }}", "0"},
		"OrSkipsNull":                   {"{{ or nothing zero recipient.name }}", "Ada"},
		"OrReturnsTheLastAsWritten":     {"{{ or nothing zero }}", "0.00"},
		"PipedOr":                       {"{{ recipient.name | or nothing }}", "Ada"},
		"NotNull":                       {"{{ if not nothing }}x{{ end }}", "x"},
		"EqAcceptsNull":                 {"{{ if eq nothing nil }}x{{ end }}", "x"},
		"DefaultForAbsent":              {"{{ nickname | default \"friend\" }}", "friend"},
		"DefaultForNull":                {"{{ nothing | default \"friend\" }}", "friend"},
		"DefaultForEmpty":               {"{{ empty | default \"friend\" }}", "friend"},
		"DefaultKeepsFalse":             {"{{ blocked | default true }}", "false"},
		"DefaultKeepsZero":              {"{{ zero | default 5 }}", "0.00"},
		"DefaultForAbsentPath":          {"{{ a.b.c | default \"x\" }}", "x"},
		"DefaultAsPrefix":               {"{{ default \"x\" nickname | upper }}", "X"},
		"DefaultInParentheses":          {"{{ (recipient).nickname | default \"x\" }}", "x"},
		"DefaultInCondition":            {"{{ if nickname | default \"\" }}a{{ else }}b{{ end }}", "b"},
		"DefaultInVariable":             {"{{ $n := nickname | default \"x\" }}{{ $n }}", "x"},
		"TrimMarkers":                   {"a {{- order_number -}} b", "aA7b"},
		"ExpressionOfLiterals":          {`{{ "a" }}{{ 5 }}{{ true }}{{ 1.50 }}`, "a5true1.5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, render(t, tc.source, decode(t, shopPayload)))
		})
	}
}

func TestExecuteTakesGoValues(t *testing.T) {
	t.Parallel()
	type status string
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	name := "Ada"
	data := object{
		"status": status("open"), "when": when, "at": &when, "ratio": 1e6, "small": float32(0.1), "big": uint64(1) << 63,
		"labels": map[string]string{"a": "b"}, "list": []int{1, 2}, "array": [3]int{1, 2, 3}, "name": &name, "wait": time.Minute, "byte": uint8(7),
	}
	source := `{{ status }} {{ at }} {{ ratio }} {{ small }} {{ big }} {{ labels.a }} {{ join "+" list }} {{ join "+" (slice array 1) }} {{ join "+" (slice list 1 2) }} {{ name }} {{ wait }} {{ byte }} {{ date "date" when }}`
	require.Equal(t, "open 2026-01-02T03:04:05Z 1000000 0.1 9223372036854775808 b 1+2 2+3 2 Ada 1m0s 7 2026-01-02", render(t, source, data))
}

func TestExecuteIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	for _, kind := range []templates.Kind{templates.Text, templates.HTML} {
		tmpl := parse(t, `<p title="{{ title }}">{{ range items }}{{ name | upper }}{{ end }}</p>`, kind)
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				title := strings.Repeat("x", i)
				for range 50 {
					out, err := tmpl.Execute(object{"title": title, "items": []any{object{"name": "bell"}}})
					if err != nil || out != `<p title="`+title+`">BELL</p>` {
						t.Errorf("got %q, %v", out, err)
					}
				}
			})
		}
		wg.Wait()
	}
}
