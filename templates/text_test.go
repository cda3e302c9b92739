package templates_test

import (
	"strings"
	"testing"

	"github.com/carillon-notify/carillon/templates"
	"github.com/stretchr/testify/require"
)

func TestOneLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                             "",
		"Order #A7":                    "Order #A7",
		"a\r\nBcc: b@example.com":      "a Bcc: b@example.com",
		" a \t b\x00c\u0085d\u2028e\n": "a b c d e",
		"\r\n":                         "",
		"Grüße\u00a0dir":               "Grüße dir",
	} {
		require.Equal(t, want, templates.OneLine(in))
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"https://example.com", "http://localhost:8080/a?b=c#d", "HTTPS://EXAMPLE.COM/ü", "https://[::1]/x"} {
		require.NoError(t, templates.CheckURL(s), s)
	}
	for s, want := range map[string]string{
		"":                              "not absolute http or https",
		"/orders/1":                     "not absolute http or https",
		"//example.com/secret":          "not absolute http or https",
		"javascript:secret":             "not absolute http or https",
		"mailto:secret@example.com":     "not absolute http or https",
		"data:text/html,secret":         "not absolute http or https",
		"https:secret":                  "no host",
		"https:///secret":               "no host",
		"https://:80/secret":            "no host",
		"https://secret@example.com":    "user name",
		"https://example.com/\r\nSet":   "control character",
		"https://example.com/a secret":  "space",
		" https://example.com":          "space",
		"https://example.com\\@secret":  "backslash",
		"https://example.com/%zzsecret": "malformed",
		"java\tscript:secret":           "control character",
	} {
		err := templates.CheckURL(s)
		require.ErrorContains(t, err, want, s)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestTextFromHTML(t *testing.T) {
	t.Parallel()
	text, err := templates.TextFromHTML(`<html><head><style>p { color: red }</style></head><body><h1>Hello</h1>
		<p>Your order <a href="https://example.com/1?a=b&amp;c=d">A7</a> &amp; more.</p><ul><li>Bell</li><li>Rope</li></ul>
		<script>alert(1)</script></body></html>`)
	require.NoError(t, err)
	require.Equal(t, "*****\nHello\n*****\n\nYour order A7 ( https://example.com/1?a=b&c=d ) & more.\n\n* Bell\n* Rope", text)

	_, err = templates.TextFromHTML(strings.Repeat("x", 1<<20+1))
	require.ErrorIs(t, err, templates.ErrTooLarge)
	_, err = templates.TextFromHTML(strings.Repeat("<div>", 200_000))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "<div>")
}
