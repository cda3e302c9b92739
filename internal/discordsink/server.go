package discordsink

import (
	"cmp"
	"context"
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
	cfg    Config
	url    string
	server *http.Server
	served chan struct{}

	mu       sync.Mutex
	requests int
	messages []Message
	changed  chan struct{} // closed and replaced with every message
}

// Start listens until [Server.Close]. A nil config accepts everything that Discord would.
func Start(config *Config) (*Server, error) {
	var cfg Config
	if config != nil {
		cfg = *config
	}
	s := New(cfg)
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", cmp.Or(cfg.Addr, "127.0.0.1:0"))
	if err != nil {
		return nil, fmt.Errorf("discordsink: listen: %w", err)
	}
	if addr, ok := listener.Addr().(*net.TCPAddr); !ok || !addr.IP.IsLoopback() {
		_ = listener.Close()
		return nil, fmt.Errorf("discordsink: %s is not on loopback", cfg.Addr)
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
	cfg.Token = cmp.Or(cfg.Token, "sink")
	return &Server{cfg: cfg, served: make(chan struct{}), changed: make(chan struct{})}
}

// Close stops the server and its connections.
func (s *Server) Close() error {
	err := s.server.Close()
	<-s.served
	return err
}

// APIURL is where the API is.
func (s *Server) APIURL() string { return s.url + "/api/v10" }

// WebhookURL is that of the webhook called name, in letters, digits, - and _.
func (s *Server) WebhookURL(name string) string { return s.url + "/api/webhooks/1/" + name }

// Token is the bot's.
func (s *Server) Token() string { return s.cfg.Token }

// ServeHTTP answers as Discord does. To cut a connection it panics in the way that net/http expects.
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
		refused = &Answer{Body: fmt.Sprintf(`{"id":%q,"nonce":%q}`, m.ID, m.Nonce)}
		if m.Webhook != "" && r.URL.Query().Get("wait") != "true" {
			refused = &Answer{Status: http.StatusNoContent}
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

// keep keeps a message, unless it is one that the nonce says is there.
// https://discord.com/developers/docs/resources/message#create-message
func (s *Server) keep(m Message) Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.messages {
		if m.EnforceNonce && m.Nonce != "" && known.Nonce == m.Nonce && known.Channel == m.Channel {
			return known
		}
	}
	m.ID = fmt.Sprintf("11000000000000%05d", len(s.messages)+1)
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
			return messages, fmt.Errorf("discordsink: %d of %d messages: %w", len(messages), n, ctx.Err())
		}
	}
}
