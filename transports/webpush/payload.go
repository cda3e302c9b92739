package webpush

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/carillon-notify/carillon/transports"
)

// MaxPayload is the largest payload that every push service takes, in bytes before encryption.
// https://www.rfc-editor.org/rfc/rfc8291#section-4
const MaxPayload = 3993

// Bounds of what nobody reads to the end, in runes. The message itself gets what is left.
const (
	maxTitle = 200
	maxLabel = 60
)

// payload is what the page's service worker gets: event.data.json().
type payload struct {
	Title  string            `json:"title"`
	Body   string            `json:"body"`
	URL    string            `json:"url,omitempty"`
	Action string            `json:"action,omitempty"`
	Tag    string            `json:"tag"`
	Icon   string            `json:"icon,omitempty"`
	Badge  string            `json:"badge,omitempty"`
	Type   string            `json:"type,omitempty"`
	Data   map[string]string `json:"data,omitempty"`
}

var errOversize = errors.New("the message is longer than push services take (shorten its text or data, or let oversize truncate it)")

// compose makes the payload of a message, no longer than push services take.
func compose(m transports.Message, o transports.WebPushOptions) ([]byte, error) {
	c := m.Content
	p := payload{
		Title: c.Title, Body: c.Message, URL: c.ActionURL, Action: c.ActionLabel, Tag: topic(m, o),
		Icon: o.Icon, Badge: o.Badge, Type: m.NotificationType, Data: o.Data,
	}
	whole, err := encode(p)
	if err != nil || len(whole) <= MaxPayload {
		return whole, err
	}
	if o.Oversize == "refuse" {
		return nil, errOversize
	}
	p.Title, p.Action = cut(p.Title, maxTitle), cut(p.Action, maxLabel)
	body := []rune(p.Body)
	body = body[:min(len(body), MaxPayload)]
	// What is left of the body is a beginning that fits, and the next rune would not.
	n := sort.Search(len(body)+1, func(n int) bool {
		whole, err := encode(p.withBody(body, n, len(c.Message)))
		return err != nil || len(whole) > MaxPayload
	})
	if n == 0 {
		return nil, errOversize
	}
	return encode(p.withBody(body, n-1, len(c.Message)))
}

// withBody is p with the first n runes of the body, and an ellipsis if that is not the whole, which has size bytes.
func (p payload) withBody(body []rune, n, size int) payload {
	p.Body = string(body[:n])
	if len(p.Body) < size {
		p.Body = strings.TrimRight(p.Body, " \r\n\t") + "…"
	}
	return p
}

func cut(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return strings.TrimRight(string(runes[:limit-1]), " \r\n\t") + "…"
}

func encode(p payload) ([]byte, error) {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(p); err != nil {
		return nil, fmt.Errorf("encode the push message: %w", err)
	}
	return bytes.TrimRight(encoded.Bytes(), "\n"), nil
}

// topic is what a message is about: at most 32 characters of base64url, the same on every try. It is the header by which
// a push service replaces what is pending, and the tag by which a browser replaces what it shows.
// https://www.rfc-editor.org/rfc/rfc8030#section-5.4
func topic(m transports.Message, o transports.WebPushOptions) string {
	if o.Collapse == "" {
		return base64.RawURLEncoding.EncodeToString(m.ReceiptID[:])
	}
	sum := sha256.Sum256([]byte(m.Tenant + "\x00" + o.Collapse))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}
