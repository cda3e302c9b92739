package resendsink

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/carillon-notify/carillon/internal/httpsink"
)

// Config describes a [Server].
type Config struct {
	// Addr is the loopback address to listen on. Defaults to "127.0.0.1:0".
	Addr string
	// APIKey is the account's. Defaults to "re_sink".
	APIKey string
	// Domains are those of senders that are verified. Without any every domain is.
	Domains []string
	// AnswerFunc decides about a request that was found right; nil, or a nil answer, accepts.
	AnswerFunc func(m Message) *Answer
	// NowFunc is the clock by which keys are forgotten. Defaults to [time.Now].
	NowFunc func() time.Time
}

// Message is one that was accepted. https://resend.com/docs/api-reference/emails/send-email
type Message struct {
	ID string
	// Key is the idempotency key.
	Key string
	// At is when it was accepted.
	At time.Time
	// Raw is the body of the request.
	Raw []byte

	From        string            `json:"from"`
	To          []string          `json:"to"`
	Subject     string            `json:"subject"`
	Text        string            `json:"text"`
	HTML        string            `json:"html"`
	ReplyTo     []string          `json:"reply_to"`
	Headers     map[string]string `json:"headers"`
	Tags        []Tag             `json:"tags"`
	Attachments []Attachment      `json:"attachments"`
}

// Tag is a name and a value that come back with reports.
type Tag struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Attachment is a file that goes along.
type Attachment struct {
	Filename    string `json:"filename"`
	Content     []byte `json:"content"`
	ContentType string `json:"content_type"`
	ContentID   string `json:"content_id"`
}

// Answer replaces Resend's usual one.
type Answer = httpsink.Answer

// Refuse is how Resend refuses: with a status and a name. https://resend.com/docs/api-reference/errors
func Refuse(status int, name string) *Answer {
	return &Answer{Status: status, Body: fmt.Sprintf(`{"statusCode":%d,"name":%q,"message":"refused"}`, status, name)}
}

// RateLimit is how Resend asks to wait. https://resend.com/docs/api-reference/rate-limit
func RateLimit(seconds string) *Answer {
	a := Refuse(http.StatusTooManyRequests, "rate_limit_exceeded")
	a.Header = map[string]string{"Retry-After": seconds, "Ratelimit-Remaining": "0"}
	return a
}

// Server is a running sink. It is safe for concurrent use.
type Server struct {
	*httpsink.Sink[Message]
	cfg Config
}

// Start listens until Close. A nil config accepts everything that Resend would.
func Start(config *Config) (*Server, error) {
	var cfg Config
	if config != nil {
		cfg = *config
	}
	s := New(cfg)
	if err := s.Listen(cfg.Addr); err != nil {
		return nil, err
	}
	return s, nil
}

// New returns a sink that does not listen, for whoever serves it, as a handler, on its own.
func New(cfg Config) *Server {
	cfg.APIKey = cmp.Or(cfg.APIKey, "re_sink")
	if cfg.NowFunc == nil {
		cfg.NowFunc = time.Now
	}
	s := &Server{cfg: cfg}
	s.Sink = httpsink.New(httpsink.Service[Message]{
		Name: "resendsink", DecodeFunc: s.Decode, AnswerFunc: cfg.AnswerFunc, KeepFunc: s.keep, AcceptFunc: accept,
	})
	return s
}

// APIKey is the account's.
func (s *Server) APIKey() string { return s.cfg.APIKey }

// keysLast is how long a key is known.
const keysLast = 24 * time.Hour

// known finds the message that was taken under a key.
func (s *Server) known(all []Message, key string) (Message, bool) {
	for i := len(all) - 1; key != "" && i >= 0; i-- {
		if all[i].Key == key && s.cfg.NowFunc().Sub(all[i].At) < keysLast {
			return all[i], true
		}
	}
	return Message{}, false
}

func (s *Server) keep(kept []Message, m Message) (Message, bool) {
	if before, known := s.known(kept, m.Key); known && bytes.Equal(before.Raw, m.Raw) {
		return before, false
	}
	m.ID, m.At = fmt.Sprintf("49a3999c-0ce1-4ea6-ab68-%012d", len(kept)+1), s.cfg.NowFunc()
	return m, true
}

func accept(_ *http.Request, m Message) *Answer { return &Answer{Body: fmt.Sprintf(`{"id":%q}`, m.ID)} }
