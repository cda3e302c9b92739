package slacksink

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxRequest bounds what is read of a request.
const maxRequest = 4 << 20

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
type Answer struct {
	// Status defaults to 200.
	Status int
	// Header is added.
	Header map[string]string
	// Body is the whole body.
	Body string
	// Cut ends the connection in place of an answer.
	Cut bool
	// Keep keeps the message all the same.
	Keep bool
}

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
	cfg    Config
	url    string
	server *http.Server
	served chan struct{}

	mu       sync.Mutex
	requests int
	messages []Message
	changed  chan struct{} // closed and replaced with every message
}

// Start listens until [Server.Close]. A nil config accepts everything that Slack would.
func Start(config *Config) (*Server, error) {
	var cfg Config
	if config != nil {
		cfg = *config
	}
	s := New(cfg)
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", cmp.Or(cfg.Addr, "127.0.0.1:0"))
	if err != nil {
		return nil, fmt.Errorf("slacksink: listen: %w", err)
	}
	if addr, ok := listener.Addr().(*net.TCPAddr); !ok || !addr.IP.IsLoopback() {
		_ = listener.Close()
		return nil, fmt.Errorf("slacksink: %s is not on loopback", cfg.Addr)
	}
	s.url = "http://" + listener.Addr().String()
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(listener) // It ends with Close.
	}()
	return s, nil
}

// New returns a sink that does not listen, for whoever serves it, as a handler, on its own.
func New(cfg Config) *Server {
	cfg.Token = cmp.Or(cfg.Token, "xoxb-sink")
	return &Server{cfg: cfg, served: make(chan struct{}), changed: make(chan struct{})}
}

// Close stops the server and its connections.
func (s *Server) Close() error {
	err := s.server.Close()
	<-s.served
	return err
}

// APIURL is where the Web API is.
func (s *Server) APIURL() string { return s.url + "/api/" }

// WebhookURL is that of the webhook called name.
func (s *Server) WebhookURL(name string) string { return s.url + "/services/T000/B000/" + name }

// Token is the bot's.
func (s *Server) Token() string { return s.cfg.Token }

// ServeHTTP answers as Slack does. To cut a connection it panics in the way that net/http expects.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return
	}
	s.mu.Lock()
	s.requests++
	s.mu.Unlock()
	m, refused := s.Decode(r, body)
	if refused == nil && s.cfg.AnswerFunc != nil {
		refused = s.cfg.AnswerFunc(m)
	}
	if refused == nil || refused.Keep {
		m = s.keep(m)
	}
	if refused == nil {
		refused = &Answer{Body: "ok"}
		if m.Webhook == "" {
			accepted, _ := json.Marshal(map[string]any{"ok": true, "channel": m.Channel, "ts": m.TS}) // texts always encode
			refused.Body = string(accepted)
		}
	}
	if refused.Cut {
		panic(http.ErrAbortHandler)
	}
	for name, value := range refused.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(cmp.Or(refused.Status, http.StatusOK))
	_, _ = io.WriteString(w, refused.Body)
}

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

func (s *Server) keep(m Message) Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.TS = fmt.Sprintf("1774746123.%06d", len(s.messages)+1)
	s.messages = append(s.messages, m)
	close(s.changed)
	s.changed = make(chan struct{})
	return m
}

// Messages lists what was accepted, in order.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Requests counts them, refused ones too.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Wait returns once at least n messages were accepted, or with the context's error and what there is.
func (s *Server) Wait(ctx context.Context, n int) ([]Message, error) {
	for {
		s.mu.Lock()
		messages, changed := slices.Clone(s.messages), s.changed
		s.mu.Unlock()
		if len(messages) >= n {
			return messages, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return messages, fmt.Errorf("slacksink: %d of %d messages: %w", len(messages), n, ctx.Err())
		}
	}
}
