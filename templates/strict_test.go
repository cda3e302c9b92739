package templates_test

import (
	"errors"
	"testing"

	"github.com/carillon-notify/carillon/templates"
	"github.com/stretchr/testify/require"
)

func TestMissingVariables(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ source, variable string }{
		"Printed":                 {"{{ order_number }}", "order_number"},
		"WithADot":                {"{{ .order_number }}", "order_number"},
		"FromTheRoot":             {"{{ $.order_number }}", "order_number"},
		"Filtered":                {"{{ order_number | upper }}", "order_number"},
		"AsAnArgument":            {"{{ eq order_number 1 }}", "order_number"},
		"InIf":                    {"{{ if order_number }}{{ end }}", "order_number"},
		"InNot":                   {"{{ if not order_number }}{{ end }}", "order_number"},
		"InAnd":                   {"{{ if and yes order_number }}{{ end }}", "order_number"},
		"InOr":                    {"{{ or nothing order_number }}", "order_number"},
		"InRange":                 {"{{ range order_number }}{{ end }}", "order_number"},
		"InWith":                  {"{{ with order_number }}{{ end }}", "order_number"},
		"InADeclaration":          {"{{ $x := order_number }}", "order_number"},
		"BelowAnObject":           {"{{ recipient.city }}", "recipient.city"},
		"BelowNull":               {"{{ nothing.city }}", "nothing.city"},
		"BelowAnAbsentObject":     {"{{ a.b.c }}", "a.b.c"},
		"InARangeBody":            {"{{ range items }}{{ price }}{{ end }}", "items[].price"},
		"InARangeVariable":        {"{{ range $x := items }}{{ $x.price }}{{ end }}", "items[].price"},
		"InAWithBody":             {"{{ with recipient }}{{ city }}{{ end }}", "recipient.city"},
		"OfAnIndexedElement":      {"{{ (index items 0).price }}", "price"},
		"AsTheDefault":            {"{{ nickname | default order_number }}", "order_number"},
		"BeforeAFilterAndDefault": {"{{ order_number | upper | default 1 }}", "order_number"},
		"NullPrinted":             {"{{ nothing }}", "nothing"},
		"NullFiltered":            {"{{ nothing | upper }}", "nothing"},
		"NullElementPrinted":      {"{{ range holes }}{{ . }}{{ end }}", "holes[]"},
		"NullVariablePrinted":     {"{{ $x := nothing }}{{ $x }}", "nothing"},
		"NullFromOr":              {"{{ or nothing nothing }}", "nothing"},
		"NullFromDefault":         {"{{ nickname | default nothing }}", "nickname"},
		"NullFromIndex":           {"{{ index holes 0 }}", "holes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []templates.Kind{templates.Text, templates.HTML} {
				out, err := parse(t, tc.source, kind).Execute(decode(t, `{
					"yes": true, "nothing": null, "recipient": {"name": "Ada"}, "items": [{"name": "Bell"}], "holes": [null]
				}`))
				var missing *templates.MissingError
				require.ErrorAs(t, err, &missing)
				require.Equal(t, tc.variable, missing.Variable)
				require.Equal(t, `variable "`+tc.variable+`" is missing`, missing.Error())
				require.Empty(t, out)
			}
		})
	}
}

// Each source fails on the secret in a different way, and none may tell it.
func TestErrorsNeverContainValues(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		"{{ range secret }}{{ end }}",
		"{{ range amount }}{{ end }}",
		"{{ range big }}{{ end }}",
		"{{ range yes }}{{ end }}",
		"{{ secret.field }}",
		"{{ list }}",
		"{{ object }}",
		"{{ print list }}",
		"{{ list | upper }}",
		"{{ eq secret 1 }}",
		"{{ lt secret 1 }}",
		"{{ lt yes yes }}",
		"{{ eq list list }}",
		"{{ index list secret }}",
		"{{ index list amount }}",
		"{{ index object secret }}",
		"{{ index object amount }}",
		"{{ index secret 1 }}",
		"{{ index list yes }}",
		"{{ slice secret 1 amount }}",
		"{{ slice secret secret }}",
		"{{ slice object 1 }}",
		"{{ len amount }}",
		"{{ secret | date \"date\" }}",
		"{{ amount | date \"date\" }}",
		"{{ date secret amount }}",
		"{{ secret | number }}",
		"{{ list | join secret | join secret }}",
		"{{ join amount list }}",
		"{{ join \",\" nested }}",
		"{{ truncate secret secret }}",
		"{{ printf \"%d\" secret }}",
		"{{ printf \"%f\" secret }}",
		"{{ printf \"%t\" secret }}",
		"{{ printf \"%x\" list }}",
		"{{ alien }}",
		"{{ alien.secret }}",
		"{{ if alien }}{{ end }}",
		"{{ upper alien }}",
		"{{ index aliens 0 }}",
		"{{ range alien }}{{ end }}",
		"{{ bomb }}",
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []templates.Kind{templates.Text, templates.HTML} {
				data := decode(t, `{"secret": "hunter2", "amount": 424242, "big": 424242.5, "yes": true, "list": ["hunter2"],
					"object": {"a": "hunter2"}, "nested": [["hunter2"]]}`)
				data["alien"] = struct{ Secret string }{"hunter2"}
				data["aliens"] = []any{data["alien"]}
				data["bomb"] = bomb{}
				_, err := parse(t, source, kind).Execute(data)
				require.Error(t, err)
				require.NotContains(t, err.Error(), "hunter2")
				require.NotContains(t, err.Error(), "424242")
				require.NotContains(t, err.Error(), "carillon_")
			}
		})
	}
}

// bomb panics when it is printed.
type bomb struct{}

func (bomb) String() string { panic("hunter2") }

func TestMethodsAreOutOfReach(t *testing.T) {
	t.Parallel()
	called := errors.New("called")
	for _, source := range []string{"{{ x.Run }}", "{{ x.run }}", "{{ x }}", "{{ f }}", "{{ index f 1 }}", "{{ range f }}{{ end }}", "{{ range c }}{{ end }}"} {
		_, err := parse(t, source, templates.Text).Execute(object{
			"x": &runner{called}, "f": func(func(int) bool) { panic(called) }, "c": make(chan int),
		})
		require.Error(t, err, source)
	}
}

type runner struct{ err error }

func (r *runner) Run() string { panic(r.err) }
