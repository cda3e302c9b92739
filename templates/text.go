package templates

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

func callUpper(args []any) (any, error) { return onText("upper", args[0], strings.ToUpper) }

func callLower(args []any) (any, error) { return onText("lower", args[0], strings.ToLower) }

func callTrim(args []any) (any, error) { return onText("trim", args[0], strings.TrimSpace) }

func callURLQuery(args []any) (any, error) { return onText("urlquery", args[0], url.QueryEscape) }

func onText(name string, v any, do func(string) string) (any, error) {
	text, ok := textOf(v)
	if !ok {
		return nil, unfit("%s wants a text, not %s", name, typeName(v))
	}
	return do(text), nil
}

// callTruncate shortens a text: truncate N TEXT. The ellipsis counts, so the result never has more than N characters.
func callTruncate(args []any) (any, error) {
	limit, ok := args[0].(int64)
	if !ok || limit < 1 {
		return nil, unfit("truncate wants a whole number above 0")
	}
	return onText("truncate", args[1], func(text string) string {
		if int64(utf8.RuneCountInString(text)) <= limit {
			return text
		}
		kept := string([]rune(text)[:limit-1])
		return strings.TrimRightFunc(kept, unicode.IsSpace) + "…"
	})
}

// callPrint joins the texts of its arguments, with a space between two of which neither is a text, like Go's.
func callPrint(args []any) (any, error) {
	var b strings.Builder
	afterText := true
	for _, arg := range args {
		text, ok := textOf(arg)
		if !ok {
			return nil, unfit("print wants texts and numbers, not %s", typeName(arg))
		}
		_, isText := arg.(string)
		if !isText && !afterText {
			b.WriteByte(' ')
		}
		afterText = isText
		b.WriteString(text)
	}
	return b.String(), nil
}

// OneLine makes a single line of s, for subjects and titles: every run of line breaks, other control characters and
// spaces becomes one space, and there is none at either end.
func OneLine(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	gap := false
	for _, r := range s {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte(' ')
		}
		gap = false
		b.WriteRune(r)
	}
	return b.String()
}
