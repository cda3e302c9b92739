package chat

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLabel bounds an address, in bytes.
const maxLabel = 100

// CheckLabel says what is wrong with an address, or with the name of a webhook.
func CheckLabel(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errors.New("is empty")
	case len(name) > maxLabel:
		return fmt.Errorf("has %d bytes (at most %d)", len(name), maxLabel)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("has a character that does not print")
	case strings.Contains(name, "://"):
		return errors.New("is a URL (put it into webhooks, and its name here)")
	}
	return nil
}
