package templates_test

import (
	"strings"
	"testing"

	"github.com/carillon-notify/carillon/templates"
)

var seeds = []string{
	"", "{{", "{{ a }}", "{{ a.b | upper }}", "{{ range a }}{{ . }}{{ else }}{{ b }}{{ end }}", "{{ with $x := a }}{{ $x.b }}{{ end }}",
	"{{ if and a (or b c) }}{{ else if not d }}{{ end }}", "{{ a | default (index b 0) | printf \"%5.2s\" }}", "{{ $ := 1 }}{{ $.a }}",
	"{{ define \"x\" }}{{ template \"x\" }}{{ end }}", "{{ range 1000000000 }}{{ end }}", "{{ printf \"%1000000000d\" 1 }}",
	"<a href=\"{{ a }}\" {{ b }}=c onclick='{{ d }}'>{{ urlquery a }}</a>", "<script>var a = `${ {{ a }} }`</script>", "<!-- {{ a }} -->",
	"{{ slice a 1 2 }}{{ len b }}{{ join a b }}{{ date \"date\" a }}{{ number b }}", "{{- /* c */ -}}", "{{ range $i, $e := . }}{{ break }}{{ end }}",
	"{{ $s := a }}{{ range b }}{{ $s = print $s $s }}{{ end }}", "{{ nil }}{{ eq nil a }}", "{{ (a).b.c }}{{ (((a))) }}{{ ($x := 1) }}",
	"{{ 1i }}{{ 'a' }}{{ 0x1p4 }}{{ 1e1000 }}{{ 99999999999999999999 }}", "{{ and }}{{ urlquery nil }}{{ a | and }}", "{{ .date.end }}{{ $.a.b }}",
}

// FuzzParse looks for sources that panic, hang or compile to something that misbehaves on an empty payload.
func FuzzParse(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, source string, html bool) {
		tmpl, err := templates.Parse("fuzz", source, kindOf(html))
		if err != nil {
			check(t, source, err)
			return
		}
		vars := tmpl.Variables()
		for i, v := range vars {
			if v.Path == "" || i > 0 && vars[i-1].Path >= v.Path {
				t.Fatalf("variables of %q are empty or out of order: %v", source, vars)
			}
		}
		_, err = tmpl.Execute(nil)
		check(t, source, err)
	})
}

// FuzzExecute looks for payloads that panic, that leak into errors, or that pass the limits. The secret is a value that
// no template contains.
func FuzzExecute(f *testing.F) {
	payloads := []string{
		`{"a": "x", "b": ["y", 1, null], "c": null, "d": {"b": 1.50}}`, `{"a": {"b": {"c": "<b>"}}, "b": [[1]], "c": 1e6}`,
		`{"a": [], "b": "2026-01-02T03:04:05Z", "c": 0.0, "d": "javascript:x"}`, `{"a": 5, "b": {"x": -1}, "date": {"end": 1}}`,
	}
	for i, seed := range seeds {
		f.Add(seed, payloads[i%len(payloads)], i%2 == 0)
		f.Add(seed, payloads[(i+1)%len(payloads)], i%2 == 1)
	}
	f.Fuzz(func(t *testing.T, source, payload string, html bool) {
		tmpl, err := templates.Parse("fuzz", source, kindOf(html))
		if err != nil {
			return
		}
		data, err := templates.Decode([]byte(payload))
		if err != nil {
			return
		}
		const secret = "s3cr3t-value"
		data["a_secret"] = secret
		data["secrets"] = []any{secret}
		if _, ok := data["a"]; !ok {
			data["a"] = secret
		}
		out, err := tmpl.Execute(data)
		if err == nil {
			if len(out) > 1<<20 {
				t.Fatalf("output has %d bytes", len(out))
			}
			return
		}
		check(t, source, err)
		if strings.Contains(err.Error(), secret) && !strings.Contains(source, secret) {
			t.Fatalf("error of %q contains a value: %v", source, err)
		}
		if out != "" {
			t.Fatalf("half a message was returned: %q", out)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a": [1, 2.50, {"b": null}], "c": 1e400}`))
	f.Add([]byte(`{"a": [[[[[[[[[[]]]]]]]]]]} x`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		data, err := templates.Decode(payload)
		if (err == nil) == (data == nil) {
			t.Fatalf("got %v, %v", data, err)
		}
		if err == nil {
			templates.ShapeOfValue(data)
		}
	})
}

func FuzzTextFromHTML(f *testing.F) {
	f.Add(`<p>Hello <a href="https://example.com">you</a></p><table><tr><td>a</td></tr></table>`)
	f.Add(`<blockquote><pre>a<br>b</pre><img alt="c"></blockquote>`)
	f.Fuzz(func(t *testing.T, html string) {
		_, err := templates.TextFromHTML(html)
		check(t, html, err)
		_ = templates.CheckURL(html)
		if line := templates.OneLine(html); strings.ContainsAny(line, "\r\n\x00") {
			t.Fatalf("%q is not one line", line)
		}
	})
}

func kindOf(html bool) templates.Kind {
	if html {
		return templates.HTML
	}
	return templates.Text
}

// check fails for errors that tell of a contained panic: that is a mistake of ours all the same.
func check(t *testing.T, source string, err error) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), "panicked") && !strings.Contains(source, "panicked") {
		t.Fatalf("%q: %v", source, err)
	}
}
