package chat

import (
	"sort"
	"strings"
	"unicode/utf16"
)

// Width is the length of text as the strictest reader counts it: in UTF-16 code units. Providers promise characters and
// do not say which; a text that fits in these fits in all.
func Width(text string) int {
	n := 0
	for _, r := range text {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// Fit escapes text, and cuts it between runes so that the result is no wider than limit. What was cut ends in an
// ellipsis. A nil escape changes nothing.
func Fit(text string, limit int, escape func(string) string) string {
	if escape == nil {
		escape = func(s string) string { return s }
	}
	if whole := escape(text); Width(whole) <= limit {
		return whole
	}
	runes := []rune(text)
	if len(runes) > limit {
		runes = runes[:limit]
	}
	cut := func(n int) string { return escape(strings.TrimRight(string(runes[:n]), " \r\n\t")) + "…" }
	n := sort.Search(len(runes), func(n int) bool { return Width(cut(n)) > limit })
	// Escaping may make a longer text shorter by a little, as at the end of a mention, so the place found is tried.
	for n > 0 && (n > len(runes) || Width(cut(n)) > limit) {
		n--
	}
	return cut(n)
}
