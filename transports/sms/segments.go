package sms

import (
	"strings"
	"unicode/utf16"
)

// Encoding is the alphabet in which a text travels.
type Encoding string

// The encodings. GSM7 is the alphabet of GSM 03.38 with its extension; a text with any other character is UCS2 whole.
const (
	GSM7 Encoding = "gsm7"
	UCS2 Encoding = "ucs2"
)

// What one segment holds alone, and what is left of it beside the header by which several are put together: in septets
// of GSM 03.38, and in code units of UCS-2. 3GPP TS 23.038 §6.1 and TS 23.040 §9.2.3.24.
const (
	gsmAlone, gsmJoined = 160, 153
	ucsAlone, ucsJoined = 70, 67
)

// gsmBasic is the default alphabet without the escape, and gsmExtension what stands behind an escape and so takes two
// septets. 3GPP TS 23.038 §6.2.1 and §6.2.1.1.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
)

// septets is what a character takes in GSM 03.38; those that are not in it are not in the map.
var septets = func() map[rune]int {
	m := map[rune]int{}
	for _, r := range gsmBasic {
		m[r] = 1
	}
	for _, r := range gsmExtension {
		m[r] = 2
	}
	return m
}()

// Segments is how many segments a text takes, and in which encoding. An empty text takes one. A character of two units is
// never divided between segments, so that a text may take one more than its length says.
func Segments(text string) (int, Encoding) {
	encoding := GSM7
	for _, r := range text {
		if septets[r] == 0 {
			encoding = UCS2
			break
		}
	}
	alone, joined := gsmAlone, gsmJoined
	width := func(r rune) int { return septets[r] }
	if encoding == UCS2 {
		alone, joined = ucsAlone, ucsJoined
		width = func(r rune) int { return max(1, utf16.RuneLen(r)) }
	}
	total, segments, filled := 0, 1, 0
	for _, r := range text {
		w := width(r)
		total += w
		if filled+w > joined {
			segments, filled = segments+1, 0
		}
		filled += w
	}
	if total <= alone {
		return 1, encoding
	}
	return segments, encoding
}

// fit cuts text between runes so that it takes at most limit segments together with tail, which is left whole. What was
// cut ends in an ellipsis, in dots where that keeps the text in GSM 03.38. It is false if not even the tail fits.
func fit(text, tail string, limit int) (string, bool) {
	fits := func(text string) bool {
		n, _ := Segments(text)
		return n <= limit
	}
	if fits(text + tail) {
		return text + tail, true
	}
	if !fits("..." + tail) {
		return "", false
	}
	runes := []rune(text)
	for n := min(len(runes), limit*gsmAlone); n > 0; n-- {
		kept := strings.TrimRight(string(runes[:n]), " \n")
		for _, ellipsis := range []string{"...", "…"} {
			if cut := kept + ellipsis + tail; fits(cut) {
				return cut, true
			}
		}
	}
	return "..." + tail, true
}
