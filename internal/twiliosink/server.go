package twiliosink

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/carillon-notify/carillon/internal/httpsink"
)

// Config describes a [Server].
type Config struct {
	// Addr is the loopback address to listen on. Defaults to "127.0.0.1:0".
	Addr string
	// AuthToken is the account's password. Defaults to "sink".
	AuthToken string
	// APIKey and APIKeySecret are those of a key. Defaults to none.
	APIKey, APIKeySecret string
	// Numbers are the account's senders. Without any it has every number.
	Numbers []string
	// OptedOut are numbers whose owners answered STOP.
	OptedOut []string
	// AnswerFunc decides about a request that was found right; nil, or a nil answer, accepts.
	AnswerFunc func(m Message) *Answer
}

// Message is one that was accepted. https://www.twilio.com/docs/messaging/api/message-resource
type Message struct {
	SID                 string
	To                  string
	From                string
	MessagingServiceSID string
	Body                string
	StatusCallback      string
	ValidityPeriod      string
	// Raw is the body of the request.
	Raw []byte
}

// Answer replaces Twilio's usual one.
type Answer = httpsink.Answer

// Refuse is how Twilio refuses: with a status and a number of its own.
// https://www.twilio.com/docs/usage/twilios-response#exceptions
func Refuse(status, code int) *Answer {
	return &Answer{Status: status, Body: fmt.Sprintf(
		`{"code":%d,"message":"refused","more_info":"https://www.twilio.com/docs/errors/%d","status":%d}`, code, code, status)}
}

// RateLimit is how Twilio asks to wait. https://www.twilio.com/docs/api/errors/20429
func RateLimit(seconds string) *Answer {
	a := Refuse(http.StatusTooManyRequests, codeTooManyRequests)
	a.Header = map[string]string{"Retry-After": seconds}
	return a
}

// Server is a running sink. It is safe for concurrent use.
type Server struct {
	*httpsink.Sink[Message]
	cfg Config
}

// Start listens until Close. A nil config accepts everything that Twilio would.
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
	cfg.AuthToken = cmp.Or(cfg.AuthToken, "sink")
	s := &Server{cfg: cfg}
	s.Sink = httpsink.New(httpsink.Service[Message]{
		Name: "twiliosink", DecodeFunc: s.Decode, AnswerFunc: cfg.AnswerFunc, KeepFunc: keep, AcceptFunc: accept,
	})
	return s
}

// AccountSID is the account's.
func (s *Server) AccountSID() string { return "AC0123456789abcdef0123456789abcdef" }

// AuthToken is the account's password.
func (s *Server) AuthToken() string { return s.cfg.AuthToken }

func keep(kept []Message, m Message) (Message, bool) {
	m.SID = fmt.Sprintf("SM%032x", len(kept)+1)
	return m, true
}

func accept(_ *http.Request, m Message) *Answer {
	body, _ := json.Marshal(map[string]any{ // Texts always encode.
		"sid": m.SID, "status": "queued", "to": m.To, "body": m.Body, "error_code": nil, "num_segments": "1",
	})
	return &Answer{Status: http.StatusCreated, Body: string(body)}
}

func (s *Server) owns(from string) bool {
	return len(s.cfg.Numbers) == 0 || slices.Contains(s.cfg.Numbers, from)
}
