package slacksink

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/carillon-notify/carillon/internal/httpsink"
)

// Config describes a [Server].
type Config struct {
	// Addr is the loopback address to listen on. Defaults to "127.0.0.1:0".
	Addr string
	// Token is the bot's. Defaults to "xoxb-sink".
	Token string
	// Channels are those that there are, by name or id. Without any there is every channel.
	Channels []string
	// Webhooks are the names of the webhooks that there are. Without any there is every webhook.
	Webhooks []string
	// AnswerFunc decides about a request that was found right; nil, or a nil answer, accepts.
	AnswerFunc func(m Message) *Answer
}

// Answer replaces Slack's usual one.
type Answer = httpsink.Answer

// Refuse is how the Web API refuses: with status 200 and a name. https://docs.slack.dev/apis/web-api#responses
func Refuse(name string) *Answer { return &Answer{Body: fmt.Sprintf(`{"ok":false,"error":%q}`, name)} }

// RefuseWebhook is how an incoming webhook refuses: with a status and a word.
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
func RefuseWebhook(status int, word string) *Answer { return &Answer{Status: status, Body: word} }

// RateLimit is how Slack asks to wait. https://docs.slack.dev/apis/web-api/rate-limits
func RateLimit(seconds string) *Answer {
	return &Answer{
		Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": seconds},
		Body: `{"ok":false,"error":"ratelimited"}`,
	}
}

// Server is a running sink. It is safe for concurrent use.
type Server struct {
	*httpsink.Sink[Message]
	cfg Config
}

// Start listens until Close. A nil config accepts everything that Slack would.
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
	cfg.Token = cmp.Or(cfg.Token, "xoxb-sink")
	s := &Server{cfg: cfg}
	s.Sink = httpsink.New(httpsink.Service[Message]{
		Name: "slacksink", DecodeFunc: s.Decode, AnswerFunc: cfg.AnswerFunc, KeepFunc: keep, AcceptFunc: accept,
	})
	return s
}

// APIURL is where the Web API is.
func (s *Server) APIURL() string { return s.URL() + "/api/" }

// WebhookURL is that of the webhook called name.
func (s *Server) WebhookURL(name string) string { return s.URL() + "/services/T000/B000/" + name }

// Token is the bot's.
func (s *Server) Token() string { return s.cfg.Token }

// Decode reads a request, and says how Slack would refuse it; nil if it would not.
func (s *Server) Decode(r *http.Request, body []byte) (Message, *Answer) {
	hook, isHook := strings.CutPrefix(r.URL.Path, "/services/T000/B000/")
	switch {
	case r.Method != http.MethodPost:
		return Message{}, &Answer{Status: http.StatusMethodNotAllowed}
	case isHook && len(s.cfg.Webhooks) > 0 && !slices.Contains(s.cfg.Webhooks, hook):
		return Message{}, RefuseWebhook(http.StatusNotFound, "no_service")
	case isHook:
		m, refusal := read(r, body)
		m.Webhook = hook
		if refusal != "" {
			word := refusal
			if !slices.Contains([]string{"no_text", "invalid_blocks"}, refusal) {
				word = "invalid_payload"
			}
			return m, RefuseWebhook(http.StatusBadRequest, word)
		}
		return m, nil
	case r.URL.Path != "/api/chat.postMessage":
		return Message{}, Refuse("unknown_method")
	}
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !bearer:
		return Message{}, Refuse("not_authed")
	case token != s.cfg.Token:
		return Message{}, Refuse("invalid_auth")
	}
	m, refusal := read(r, body)
	switch {
	case refusal != "":
		return m, Refuse(refusal)
	case m.Channel == "" || len(s.cfg.Channels) > 0 && !slices.Contains(s.cfg.Channels, m.Channel):
		return m, Refuse("channel_not_found")
	case m.ThreadTS != "" && !s.has(m.Channel, m.ThreadTS):
		return m, Refuse("thread_not_found")
	}
	return m, nil
}

func (s *Server) has(channel, ts string) bool {
	return slices.ContainsFunc(s.Messages(), func(m Message) bool { return m.Channel == channel && m.TS == ts })
}

func keep(kept []Message, m Message) (Message, bool) {
	m.TS = fmt.Sprintf("1774746123.%06d", len(kept)+1)
	return m, true
}

func accept(_ *http.Request, m Message) *Answer {
	if m.Webhook != "" {
		return &Answer{Body: "ok"}
	}
	body, _ := json.Marshal(map[string]any{"ok": true, "channel": m.Channel, "ts": m.TS}) // Texts always encode.
	return &Answer{Body: string(body)}
}
