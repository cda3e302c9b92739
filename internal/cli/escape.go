package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Escape writes everything that a terminal could obey as Go would in a string: \x1b, \n, \u202e. Printable text in any
// script stays as it is.
func Escape(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, obeyed) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case obeyed(r):
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		default:
			b.WriteRune(r)
		}
		s = s[size:]
	}
	return b.String()
}

// Lines is Escape for text of several lines, whose line breaks are to stay.
func Lines(s string) []string {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), "\n"), "\n")
	for i, line := range lines {
		lines[i] = Escape(line)
	}
	return lines
}

// Line encodes v as one line of JSON with its line break. Beyond what JSON asks for it escapes the characters that a
// terminal could obey; a reader of JSON sees no difference.
func Line(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	raw := bytes.TrimRight(b.Bytes(), "\n")
	if bytes.IndexFunc(raw, obeyed) < 0 {
		return append(raw, '\n'), nil
	}
	var line bytes.Buffer
	for _, r := range string(raw) {
		switch {
		case !obeyed(r):
			line.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&line, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&line, `\u%04x`, r)
		}
	}
	line.WriteByte('\n')
	return line.Bytes(), nil
}

// obeyed tells controls and invisible format characters from text. Spaces of other scripts and the joiner of emoji
// are text.
func obeyed(r rune) bool {
	const joiner = '\u200d'
	return !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r) && r != joiner
}
