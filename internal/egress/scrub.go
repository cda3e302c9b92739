package egress

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how much of foreign text an error or an excerpt keeps, in bytes.
const maxText = 1024

// urls finds URLs in text; what follows the host is what must go.
var urls = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*)://[^\s"'<>\\]*`)

// Scrub makes foreign text fit for an error, a log or an attempt: URLs keep scheme and host, every secret becomes
// [redacted], what does not print becomes a space, and at most 1 KiB is left.
func Scrub(text string, secrets ...string) string {
	text = strings.ToValidUTF8(text, "�")
	// Longest first, so that a secret which contains another one goes whole.
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, secret := range secrets {
		if len(secret) >= minSecret {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	text = urls.ReplaceAllStringFunc(text, hostOnly)
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return cut(strings.TrimSpace(text), maxText)
}

// minSecret keeps a path of "/" or an empty key from blanking all text.
const minSecret = 4

func hostOnly(found string) string {
	scheme, rest, _ := strings.Cut(found, "://")
	authority, _, _ := strings.Cut(rest, "/")
	authority, _, _ = strings.Cut(authority, "?")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:]
	}
	return scheme + "://" + authority
}

// cut shortens s to at most limit bytes, between runes.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const ellipsis = "…"
	end := limit - len(ellipsis)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}
