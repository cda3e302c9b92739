package templates_test

import (
	htmltemplate "html/template"
	"strings"
	"testing"

	"github.com/carillon-notify/carillon/templates"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
	"pgregory.net/rapid"
)

func TestHTMLEscapesByContext(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ source, value, want string }{
		"Text":             {`<p>{{ x }}</p>`, `<b>&"`, `<p>&lt;b&gt;&amp;&#34;</p>`},
		"Attribute":        {`<p title="{{ x }}">`, `" onclick="y`, `<p title="&#34; onclick=&#34;y">`},
		"BareAttribute":    {`<p title={{ x }}>`, `a onclick=y`, `<p title=a&#32;onclick&#61;y>`},
		"AttributeName":    {`<p {{ x }}="y">`, `onclick`, `<p ZgotmplZ="y">`},
		"JavaScriptURL":    {`<a href="{{ x }}">`, `javascript:alert(1)`, `<a href="#ZgotmplZ">`},
		"DataURL":          {`<a href="{{ x }}">`, `data:text/html,x`, `<a href="#ZgotmplZ">`},
		"WebURL":           {`<a href="{{ x }}">`, `https://a.example/?b=c&d="`, `<a href="https://a.example/?b=c&amp;d=%22">`},
		"Query":            {`<a href="/?q={{ x }}">`, `a b&c`, `<a href="/?q=a%20b%26c">`},
		"URLQueryInQuery":  {`<a href="/?q={{ x | urlquery }}">`, `a b&c`, `<a href="/?q=a&#43;b%26c">`},
		"URLQueryAsPrefix": {`<a href="/?q={{ urlquery x }}">`, `a&c`, `<a href="/?q=a%26c">`},
		"URLQueryInPrint":  {`<a href="{{ print "https://a.example/?q=" (x | urlquery) }}">`, `a&c`, `<a href="https://a.example/?q=a%26c">`},
		"URLQueryInText":   {`<p>{{ x | urlquery }}</p>`, `<b>`, `<p>%3Cb%3E</p>`},
		"Script":           {`<script>var x = {{ x }}</script>`, `</script>"`, `<script>var x = "\u003c/script\u003e\""</script>`},
		"Style":            {`<p style="color: {{ x }}">`, `expression(alert(1))`, `<p style="color: ZgotmplZ">`},
		"Filtered":         {`<p>{{ x | upper | truncate 4 }}</p>`, `<bold>`, `<p>&lt;BO…</p>`},
		"Default":          {`<p>{{ y | default x }}</p>`, `<b>`, `<p>&lt;b&gt;</p>`},
		"Literal":          {`<p>{{ "<b>" }}</p>`, ``, `<p>&lt;b&gt;</p>`},
		"Loop":             {`<ul>{{ range list }}<li class="{{ . }}">{{ . }}{{ end }}</ul>`, `">`, `<ul><li class="&#34;&gt;">&#34;&gt;</ul>`},
		"LoopInAttribute":  {`<p class="{{ range list }}{{ . }} {{ end }}">`, `">`, `<p class="&#34;&gt; ">`},
		"TextKindIsPlain":  {`TEXT <p>{{ x }}</p>`, `<b>&"`, `TEXT <p><b>&"</p>`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind := templates.HTML
			if strings.HasPrefix(tc.source, "TEXT") {
				kind = templates.Text
			}
			out, err := parse(t, tc.source, kind).Execute(object{"x": tc.value, "list": []string{tc.value}})
			require.NoError(t, err)
			require.Equal(t, tc.want, out)
		})
	}
}

// A payload cannot declare itself safe, not even one that was put together in Go.
func TestHTMLTrustsNoType(t *testing.T) {
	t.Parallel()
	tmpl := parse(t, `<a href="{{ url }}" {{ attr }}>{{ html }}{{ range list }}{{ . }}{{ end }}{{ print html }}{{ or html 1 }}</a>`, templates.HTML)
	out, err := tmpl.Execute(object{
		"html": htmltemplate.HTML("<b>"), "url": htmltemplate.URL("javascript:x"), "attr": htmltemplate.HTMLAttr("onclick=x"),
		"list": []htmltemplate.HTML{"<i>"},
	})
	require.NoError(t, err)
	require.Equal(t, `<a href="#ZgotmplZ" ZgotmplZ>&lt;b&gt;&lt;i&gt;&lt;b&gt;&lt;b&gt;</a>`, out)
}

// The same template rendered with a harmless value has the elements and attributes that it must have with any other.
func TestNoValueChangesTheMarkup(t *testing.T) {
	t.Parallel()
	sources := []string{
		`<p>{{ x }}</p>`,
		`<p title="{{ x }}" lang='{{ x }}'>a</p>`,
		`<p title={{ x }}>a</p>`,
		`<a href="{{ x }}">{{ x }}</a>`,
		`<a href='/path/{{ x }}?q={{ x | urlquery }}#{{ x }}'>a</a>`,
		`<img src="{{ x }}" alt="{{ x | upper }}">`,
		`<img srcset="{{ x }}">`,
		`<textarea>{{ x }}</textarea><title>{{ x }}</title>`,
		`<p style="width: {{ x }}; background: url('{{ x }}')">a</p>`,
		`<style>p { color: {{ x }} }</style><p>a</p>`,
		`<script>var a = {{ x }}, b = "{{ x }}", c = '{{ x }}';</script><p>a</p>`,
		`<p onclick="go('{{ x }}', {{ x }})">a</p>`,
		`<!-- {{ x }} --><p>a</p>`,
		`<ul>{{ range list }}<li data-a="{{ . }}">{{ . | trim }}</li>{{ end }}</ul>`,
		`{{ if x }}<b {{ if x }}title="{{ x }}"{{ end }}>{{ with x }}{{ . }}{{ end }}</b>{{ end }}`,
		`<table><tr><td>{{ x | truncate 30 }}</td><td>{{ printf "%s" x }}</td></tr></table>`,
		`<p>{{ y | default x }}{{ print x "<b>" }}{{ join "<i>" list }}</p>`,
	}
	var compiled []*templates.Template
	for _, source := range sources {
		compiled = append(compiled, parse(t, source, templates.HTML))
	}
	pieces := rapid.SampledFrom([]string{
		"<b>", "</p>", "<script>", "</script>", "<!--", "-->", `"`, "'", "`", ">", "<", "=", " ", "\n", "\t", "\x00", "\f", "/", "\\",
		"onclick=x", "javascript:", "&lt;", "&#34;", "</textarea>", "</title>", "</style>", "${", "}", "(", ")", ";", "/*", "*/",
		"//", "x", "é", "\u2028", "]]>", "<![CDATA[", "<?", "\xff",
	})
	rapid.Check(t, func(rt *rapid.T) {
		i := rapid.IntRange(0, len(compiled)-1).Draw(rt, "template")
		value := strings.Join(rapid.SliceOfN(pieces, 1, 12).Draw(rt, "pieces"), "")
		want := skeleton(rt, compiled[i], "x")
		got := skeleton(rt, compiled[i], value)
		if got != want {
			rt.Fatalf("template %s with %q: markup is %s, want %s", sources[i], value, got, want)
		}
	})
}

// skeleton is what a browser makes of a rendered template, without any text and without the values of attributes.
func skeleton(t *rapid.T, tmpl *templates.Template, value string) string {
	out, err := tmpl.Execute(object{"x": value, "list": []any{value, value}})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode || n.Type == html.CommentNode {
			b.WriteString("<")
			if n.Type == html.ElementNode {
				b.WriteString(n.Data)
			}
			for _, attr := range n.Attr {
				b.WriteString(" " + attr.Key)
				if strings.HasPrefix(strings.ToLower(strings.TrimSpace(attr.Val)), "javascript:") && (attr.Key == "href" || attr.Key == "src") {
					b.WriteString("=javascript")
				}
			}
			defer b.WriteString(">")
		}
		for child := n.FirstChild; child != nil; child = child.NextSibling {
			walk(child)
		}
	}
	walk(doc)
	return b.String()
}
