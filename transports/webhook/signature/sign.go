package signature

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The headers.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// Sign returns the value of webhook-signature: a signature with every key, separated by blanks. It refuses an id that is
// empty or has a dot, a blank or a control character, by which it could pass for something else.
func Sign(id string, at time.Time, body []byte, keys ...Key) (string, error) {
	if !validID(id) {
		return "", fmt.Errorf("sign webhook: the id is empty, too long, or has a dot or blank: %w", ErrHeaders)
	}
	if len(keys) == 0 {
		return "", fmt.Errorf("sign webhook: %w: there is none", ErrKey)
	}
	content := signed(id, strconv.FormatInt(at.Unix(), 10), body)
	signatures := make([]string, len(keys))
	for i, k := range keys {
		if !k.CanSign() {
			return "", fmt.Errorf("sign webhook: %w: it is public", ErrKey)
		}
		signatures[i] = k.sign(content)
	}
	return strings.Join(signatures, " "), nil
}

// signed is what signatures are made over.
func signed(id, timestamp string, body []byte) []byte {
	content := make([]byte, 0, len(id)+len(timestamp)+len(body)+2)
	content = append(content, id...)
	content = append(content, '.')
	content = append(content, timestamp...)
	content = append(content, '.')
	return append(content, body...)
}

// maxID bounds ids, in bytes.
const maxID = 255

func validID(id string) bool {
	if id == "" || len(id) > maxID {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' || c == '.' {
			return false
		}
	}
	return true
}
