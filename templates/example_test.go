package templates_test

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/carillon-notify/carillon/templates"
)

func Example() {
	tmpl, err := templates.Parse("orders.created/email", `Order #{{ order_number }} for {{ recipient.name }}
{{ range items }}- {{ name | upper }} from {{ $.shop }}
{{ end }}Total: {{ total | number }}. Thank you, {{ nickname | default "friend" }}!`, templates.Text)
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := templates.Decode([]byte(`{
		"order_number": "A7", "recipient": {"name": "Ada"}, "shop": "Brass & Co", "total": 1250.50,
		"items": [{"name": "Bell"}, {"name": "Rope"}]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := tmpl.Execute(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(text)
	// Output:
	// Order #A7 for Ada
	// - BELL from Brass & Co
	// - ROPE from Brass & Co
	// Total: 1,250.50. Thank you, friend!
}

// Values are escaped by where they stand.
func ExampleParse_html() {
	tmpl, err := templates.Parse("hello", `<a href="{{ url }}" title="{{ name }}">{{ name }}</a>`, templates.HTML)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tmpl.Execute(map[string]any{"url": "javascript:alert(1)", "name": `<b>"Ada"</b>`}))
	// Output: <a href="#ZgotmplZ" title="&lt;b&gt;&#34;Ada&#34;&lt;/b&gt;">&lt;b&gt;&#34;Ada&#34;&lt;/b&gt;</a> <nil>
}

func ExampleParse_unknownFunction() {
	_, err := templates.Parse("hello", "Hello {{ name | uper }}", templates.Text)
	fmt.Println(err)
	// Output: parse template hello: 1: unknown function "uper"
}

func ExampleTemplate_Execute_missing() {
	tmpl, err := templates.Parse("hello", "Order #{{ order_number }}", templates.Text)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = tmpl.Execute(map[string]any{"number": "A7"})
	var missing *templates.MissingError
	fmt.Println(errors.As(err, &missing), missing)
	// Output: true variable "order_number" is missing
}

// What a template reads is compared with what an event offers before the first message is due.
func ExampleShape_Missing() {
	type orderEvent struct {
		Number string `json:"order_number"`
		Note   string `json:"note,omitempty"`
	}
	shape, errs := templates.ShapeOfType(reflect.TypeFor[orderEvent]())
	tmpl, err := templates.Parse("hello", `#{{ number_of_order }} {{ order_number }} {{ note }}{{ nickname | default "" }}`, templates.Text)
	fmt.Println(errs, err)
	fmt.Println(tmpl.Variables())
	fmt.Println("missing:", shape.Missing(tmpl.Variables()))
	fmt.Println("not always there:", shape.Uncertain(tmpl.Variables()))
	// Output:
	// [] <nil>
	// [{nickname true} {note false} {number_of_order false} {order_number false}]
	// missing: [number_of_order]
	// not always there: [note]
}

func ExampleTextFromHTML() {
	fmt.Println(templates.TextFromHTML(`<p>See <a href="https://example.com/1">your order</a>.</p>`))
	// Output: See your order ( https://example.com/1 ). <nil>
}

func ExampleOneLine() {
	fmt.Println(templates.OneLine("Order\r\n#A7\n"))
	// Output: Order #A7
}

func ExampleCheckURL() {
	fmt.Println(templates.CheckURL("https://example.com/orders/7"))
	fmt.Println(templates.CheckURL("javascript:alert(1)"))
	// Output:
	// <nil>
	// url is not absolute http or https
}
