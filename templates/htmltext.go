package templates

import (
	"errors"
	"fmt"

	"github.com/inbucket/html2text"
)

// TextFromHTML makes the text alternative of an HTML message. A link becomes its words and then its address, so that
// it works without HTML: Order ( https://example.com/1 ).
//
// It returns [ErrTooLarge] for more than 1 MiB, and an error for markup that cannot be read.
func TextFromHTML(html string) (text string, err error) {
	defer func() {
		if recover() != nil {
			text, err = "", errors.New("make text from html: the converter panicked")
		}
	}()
	if len(html) > maxOutput {
		return "", fmt.Errorf("make text from html: %w", ErrTooLarge)
	}
	if text, err = html2text.FromString(html, html2text.Options{}); err != nil {
		return "", errors.New("make text from html: the markup cannot be read")
	}
	return text, nil
}
