package receipts

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

const replacement = string(utf8.RuneError)

// storable replaces what Postgres refuses in text: NUL, and bytes that are not UTF-8. One such character in a
// provider's answer would otherwise lose the results of a whole batch.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, replacement), "\x00", replacement)
}

// storableJSON does the same for encoded JSON, where NUL is an escape. A backslash that is escaped itself begins none.
func storableJSON(raw []byte) string {
	raw = bytes.ToValidUTF8(raw, []byte(replacement))
	if !bytes.Contains(raw, []byte(`\u0000`)) {
		return string(raw)
	}
	return strings.NewReplacer(`\\`, `\\`, `\u0000`, replacement).Replace(string(raw))
}
