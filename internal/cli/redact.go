package cli

import (
	"io"
	"regexp"
	"strings"
	"sync"
)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

var (
	// A password may hold an @ of its own, so the last one of the word counts.
	credentials = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^\s"']*@`)
	passwords   = regexp.MustCompile(`(?i)(password\s*=\s*)('[^']*'|[^\s&"']+)`)
)

// Redactor is a writer without secrets: those that it was told to hide, the credentials of URLs, and the passwords of
// connection strings. It looks at each Write by itself, so a message is to be written at once. It is safe for
// concurrent use.
type Redactor struct {
	w io.Writer

	mu      sync.Mutex
	secrets []string
}

// NewRedactor returns a redactor in front of w.
func NewRedactor(w io.Writer) *Redactor { return &Redactor{w: w} }

// Hide keeps secret from being written from now on. Those of fewer than four bytes are left: they would tear
// holes into the words around them.
func (r *Redactor) Hide(secret string) {
	if len(secret) < 4 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = append(r.secrets, secret)
}

// Redact returns text without secrets.
func (r *Redactor) Redact(text string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, secret := range r.secrets {
		text = strings.ReplaceAll(text, secret, Redacted)
	}
	text = credentials.ReplaceAllString(text, "${1}"+Redacted+"@")
	return passwords.ReplaceAllString(text, "${1}"+Redacted)
}

// Write passes p on without secrets. It counts the bytes of p, as the writer's user expects.
func (r *Redactor) Write(p []byte) (int, error) {
	if _, err := io.WriteString(r.w, r.Redact(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
