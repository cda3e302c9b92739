package discordsink

import (
	"cmp"
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
	// Token is the bot's. Defaults to "sink".
	Token string
	// Channels are those that there are, by id. Without any there is every channel.
	Channels []string
	// Webhooks are the names of the webhooks that there are. Without any there is every webhook.
	Webhooks []string
	// AnswerFunc decides about a request that was found right; nil, or a nil answer, accepts.
	AnswerFunc func(m Message) *Answer
}

// Answer replaces Discord's usual one.
type Answer = httpsink.Answer

// Refuse is how Discord refuses: with a status and a number of its own.
// https://discord.com/developers/docs/reference#error-messages
func Refuse(status, code int) *Answer {
	return &Answer{Status: status, Body: fmt.Sprintf(`{"message":"refused","code":%d}`, code)}
}

// RateLimit is how Discord asks to wait. https://discord.com/developers/docs/topics/rate-limits#exceeding-a-rate-limit
func RateLimit(seconds string) *Answer {
	return &Answer{
		Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "1", "X-RateLimit-Scope": "shared"},
		Body: fmt.Sprintf(`{"message":"You are being rate limited.","retry_after":%s,"global":false}`, seconds),
	}
}

// Server is a running sink. It is safe for concurrent use.
type Server struct {
	*httpsink.Sink[Message]
	cfg Config
}

// Start listens until Close. A nil config accepts everything that Discord would.
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
	cfg.Token = cmp.Or(cfg.Token, "sink")
	s := &Server{cfg: cfg}
	s.Sink = httpsink.New(httpsink.Service[Message]{
		Name: "discordsink", DecodeFunc: s.Decode, AnswerFunc: cfg.AnswerFunc, KeepFunc: keep, AcceptFunc: accept,
	})
	return s
}

// APIURL is where the API is.
func (s *Server) APIURL() string { return s.URL() + "/api/v10" }

// WebhookURL is that of the webhook called name, in letters, digits, - and _.
func (s *Server) WebhookURL(name string) string { return s.URL() + "/api/webhooks/1/" + name }

// Token is the bot's.
func (s *Server) Token() string { return s.cfg.Token }

// Decode reads a request, and says how Discord would refuse it; nil if it would not.
func (s *Server) Decode(r *http.Request, body []byte) (Message, *Answer) {
	hook, isHook := strings.CutPrefix(r.URL.Path, "/api/webhooks/1/")
	room, isRoom := strings.CutPrefix(r.URL.Path, "/api/v10/channels/")
	room, posts := strings.CutSuffix(room, "/messages")
	switch {
	case r.Method != http.MethodPost:
		return Message{}, Refuse(http.StatusMethodNotAllowed, 0)
	case isHook && len(s.cfg.Webhooks) > 0 && !slices.Contains(s.cfg.Webhooks, hook):
		return Message{}, Refuse(http.StatusNotFound, codeUnknownWebhook)
	case !isHook && (!isRoom || !posts):
		return Message{}, Refuse(http.StatusNotFound, 0)
	case !isHook && r.Header.Get("Authorization") != "Bot "+s.cfg.Token:
		return Message{}, Refuse(http.StatusUnauthorized, 0)
	case !isHook && len(s.cfg.Channels) > 0 && !slices.Contains(s.cfg.Channels, room):
		return Message{}, Refuse(http.StatusNotFound, codeUnknownChannel)
	}
	m, refusal := read(r, body)
	m.Webhook = hook
	if !isHook {
		m.Webhook, m.Channel = "", room
	}
	if refusal != 0 {
		return m, Refuse(http.StatusBadRequest, refusal)
	}
	return m, nil
}

// keep gives a message an id, unless it is one that the nonce says is there.
// https://discord.com/developers/docs/resources/message#create-message
func keep(kept []Message, m Message) (Message, bool) {
	for _, known := range kept {
		if m.EnforceNonce && m.Nonce != "" && known.Nonce == m.Nonce && known.Channel == m.Channel {
			return known, false
		}
	}
	m.ID = fmt.Sprintf("11000000000000%05d", len(kept)+1)
	return m, true
}

func accept(r *http.Request, m Message) *Answer {
	if m.Webhook != "" && r.URL.Query().Get("wait") != "true" {
		return &Answer{Status: http.StatusNoContent}
	}
	return &Answer{Body: fmt.Sprintf(`{"id":%q,"nonce":%q}`, m.ID, m.Nonce)}
}
