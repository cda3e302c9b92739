package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/cli"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":      "",
		"plain": "plain",
		"Größe, 大きさ, مرحبا, 👩‍🚀": "Größe, 大きさ, مرحبا, 👩‍🚀",
		"10\u00a0000":               "10\u00a0000",
		"\x1b[2J":                   `\x1b[2J`,
		"a\nb\tc\r":                 `a\nb\tc\r`,
		"\u009b31m":                 `\u009b31m`,
		"abc\u202ecba":              `abc\u202ecba`,
		"bad \xff byte":             `bad \xff byte`,
		"the sign \ufffd itself":    "the sign \ufffd itself",
		"bell\a and delete\x7f":     `bell\a and delete\x7f`,
		"\U000e0041 is a tag":       `\U000e0041 is a tag`,
		`a \ stays, "so" do 'they'`: `a \ stays, "so" do 'they'`,
	} {
		require.Equal(t, want, cli.Escape(text), "%q", text)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"one", `two\x1b`, "", "three"}, cli.Lines("one\r\ntwo\x1b\n\nthree\n"))
	require.Equal(t, []string{""}, cli.Lines(""))
}

func TestLineIsTheSameJSON(t *testing.T) {
	t.Parallel()
	line, err := cli.Line(map[string]any{"a": "<\x1b\u009b\u202e\U000e0041é>", "raw": json.RawMessage(`{ "b" : 12345678901234567890.10 }`)})
	require.NoError(t, err)
	require.Equal(t, `{"a":"<\u001b\u009b\u202e\udb40\udc41é>","raw":{"b":12345678901234567890.10}}`+"\n", string(line))
	var back map[string]any
	require.NoError(t, json.Unmarshal(line, &back))
	require.Equal(t, "<\x1b\u009b\u202e\U000e0041é>", back["a"])

	_, err = cli.Line(func() {})
	require.Error(t, err)
}

func TestRedactor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"no secret":                                          "no secret",
		"see https://example.com/a?b=c":                      "see https://example.com/a?b=c",
		"postgres://ada:s3cret@db/app is down":               "postgres://[redacted]@db/app is down",
		"postgres://ada:p@ss/w0rd#?@db/app":                  "postgres://[redacted]@db/app",
		`"smtps://ada:s3cret@mail:465"`:                      `"smtps://[redacted]@mail:465"`,
		"host=db password=s3cret user=ada":                   "host=db password=[redacted] user=ada",
		"host=db password = 's3 cret' user=ada":              "host=db password = [redacted] user=ada",
		"postgres://db/app?sslpassword=s3cret&sslmode=allow": "postgres://db/app?sslpassword=[redacted]&sslmode=allow",
		"the word hunter2 was told":                          "the word [redacted] was told",
		"abc is too short to hide":                           "abc is too short to hide",
	} {
		var out bytes.Buffer
		r := cli.NewRedactor(&out)
		r.Hide("hunter2")
		r.Hide("abc")
		r.Hide("")
		n, err := io.WriteString(r, text)
		require.NoError(t, err)
		require.Len(t, text, n)
		require.Equal(t, want, out.String())
	}
}

func TestRedactorPassesTheWritersErrorOn(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	_, err := cli.NewRedactor(failing{full}).Write([]byte("x"))
	require.ErrorIs(t, err, full)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func FuzzEscape(f *testing.F) {
	f.Add("\x1b[31m\u202e\xff大")
	f.Fuzz(func(t *testing.T, s string) {
		escaped := cli.Escape(s)
		for _, r := range escaped {
			require.False(t, unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r), "%q has %q", escaped, r)
		}
		require.Equal(t, escaped, cli.Escape(escaped), "escaping again changes nothing")
		line, err := cli.Line(strings.ToValidUTF8(s, ""))
		require.NoError(t, err)
		var back string
		require.NoError(t, json.Unmarshal(line, &back))
		require.Equal(t, strings.ToValidUTF8(s, ""), back)
	})
}
