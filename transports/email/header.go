package email

import (
	"maps"
	"net/textproto"
	"slices"
	"strings"
)

// headerField is one field of a message's header, checked.
type headerField struct{ name, value string }

const (
	// maxHeaders and maxHeaderValue keep a header below what servers refuse.
	maxHeaders     = 50
	maxHeaderName  = 76
	maxHeaderValue = 998
)

// ownHeaders are the fields that the message, its parts and its way are described with. A second one of them is read
// differently by every reader, which is what forgeries are made of.
var ownHeaders = []string{
	"Auto-Submitted", "Bcc", "Cc", "Content-Description", "Content-Disposition", "Content-Id", "Content-Transfer-Encoding",
	"Content-Type", "Date", "Dkim-Signature", "From", "In-Reply-To", "Message-Id", "Mime-Version", "Received", "References",
	"Reply-To", "Return-Path", "Sender", "Subject", "To",
}

// checkHeaders validates additional fields, in the order of their names.
func checkHeaders(headers map[string]string, problem func(field, format string, args ...any)) []headerField {
	var fields []headerField
	if len(headers) > maxHeaders {
		problem("headers", "has %d fields (at most %d)", len(headers), maxHeaders)
	}
	seen := make(map[string]bool)
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value := headers[name]
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case !isHeaderName(name):
			problem("headers", "has a field whose name is not one (letters, digits and hyphens, at most %d)", maxHeaderName)
		case slices.Contains(ownHeaders, canonical) || strings.HasPrefix(canonical, "Resent-"):
			problem("headers", "has %s, which is written by the transport", name)
		case seen[canonical]:
			problem("headers", "has %s twice", name)
		case !isHeaderValue(value):
			problem("headers", "has a value of %s that is not one line of visible ASCII, at most %d bytes", name, maxHeaderValue)
		}
		seen[canonical] = true
		fields = append(fields, headerField{name, value})
	}
	if seen["List-Unsubscribe-Post"] && !seen["List-Unsubscribe"] {
		problem("headers", "has List-Unsubscribe-Post without List-Unsubscribe")
	}
	return fields
}

// isHeaderName is stricter than the standard, which allows almost any sign: nobody means those.
func isHeaderName(name string) bool {
	if name == "" || len(name) > maxHeaderName {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '-') {
			return false
		}
	}
	return true
}

// isHeaderValue accepts what stays one line as it is: visible ASCII with single blanks.
func isHeaderValue(value string) bool {
	if value == "" || len(value) > maxHeaderValue {
		return false
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return false
		}
	}
	return value == strings.Join(strings.Fields(value), " ")
}

// prepend puts fields in front of a message. A value is folded at its blanks where a line would get long, and never
// elsewhere: go-mail would break a long word.
func prepend(fields []headerField, raw []byte) []byte {
	if len(fields) == 0 {
		return raw
	}
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.name)
		b.WriteByte(':')
		column := len(f.name) + 1
		for word := range strings.SplitSeq(f.value, " ") {
			if column+1+len(word) > 76 && column > len(f.name)+1 {
				b.WriteString("\r\n")
				column = 0
			}
			b.WriteByte(' ')
			b.WriteString(word)
			column += 1 + len(word)
		}
		b.WriteString("\r\n")
	}
	return append([]byte(b.String()), raw...)
}
