package resendsink

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/mail"
	"regexp"
	"slices"
	"strings"
)

// maxKey and maxTo are Resend's. https://resend.com/docs/api-reference/emails/send-email
const (
	maxKey = 256
	maxTo  = 50
)

// tag is what its names and values look like. https://resend.com/docs/api-reference/emails/send-email
var tag = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// Decode reads a request, and says how Resend would refuse it; nil if it would not. All its refusals are those of
// https://resend.com/docs/api-reference/errors.
func (s *Server) Decode(r *http.Request, body []byte) (Message, *Answer) {
	key, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case r.URL.Path != "/emails":
		return Message{}, Refuse(http.StatusNotFound, "not_found")
	case r.Method != http.MethodPost:
		return Message{}, Refuse(http.StatusMethodNotAllowed, "method_not_allowed")
	case !bearer || key == "":
		return Message{}, Refuse(http.StatusUnauthorized, "missing_api_key")
	case key != s.cfg.APIKey:
		return Message{}, Refuse(http.StatusForbidden, "invalid_api_key")
	}
	m := Message{Key: r.Header.Get("Idempotency-Key"), Raw: body}
	if _, given := r.Header["Idempotency-Key"]; given && (m.Key == "" || len(m.Key) > maxKey) {
		return m, Refuse(http.StatusBadRequest, "invalid_idempotency_key")
	}
	if err := json.Unmarshal(body, &m); err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return m, Refuse(http.StatusBadRequest, "validation_error")
	}
	if refused := s.check(m); refused != nil {
		return m, refused
	}
	if before, known := s.known(s.Messages(), m.Key); known && !bytes.Equal(before.Raw, body) {
		return m, Refuse(http.StatusConflict, "invalid_idempotent_request")
	}
	return m, nil
}

func (s *Server) check(m Message) *Answer {
	if m.From == "" || len(m.To) == 0 || m.Subject == "" || m.Text == "" && m.HTML == "" {
		return Refuse(http.StatusUnprocessableEntity, "missing_required_field")
	}
	from, err := mail.ParseAddress(m.From)
	if err != nil {
		return Refuse(http.StatusUnprocessableEntity, "invalid_from_address")
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	if len(s.cfg.Domains) > 0 && !slices.Contains(s.cfg.Domains, domain) {
		return Refuse(http.StatusForbidden, "validation_error")
	}
	if slices.ContainsFunc(m.Tags, func(t Tag) bool { return !tag.MatchString(t.Name) || !tag.MatchString(t.Value) }) ||
		slices.ContainsFunc(slices.Concat(m.To, m.ReplyTo), func(a string) bool {
			_, err := mail.ParseAddress(a)
			return err != nil
		}) || len(m.To) > maxTo {
		return Refuse(http.StatusUnprocessableEntity, "validation_error")
	}
	if slices.ContainsFunc(m.Attachments, func(a Attachment) bool { return a.Filename == "" || len(a.Content) == 0 }) {
		return Refuse(http.StatusUnprocessableEntity, "invalid_attachment")
	}
	return nil
}
