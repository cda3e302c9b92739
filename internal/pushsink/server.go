package pushsink

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/carillon-notify/carillon/internal/httpsink"
)

// Config describes a [Server].
type Config struct {
	// Addr is the loopback address to listen on. Defaults to "127.0.0.1:0".
	Addr string
	// AnswerFunc decides about a request that was found right; nil, or a nil answer, accepts.
	AnswerFunc func(m Message) *Answer
	// NowFunc is the clock that tokens are judged by. Defaults to [time.Now].
	NowFunc func() time.Time
}

// Answer replaces the service's usual one.
type Answer = httpsink.Answer

// Refuse is how a push service refuses. https://mozilla-services.github.io/autopush-rs/errors.html
func Refuse(status int) *Answer {
	return &Answer{Status: status, Body: fmt.Sprintf(`{"code":%d,"error":%q}`, status, http.StatusText(status))}
}

// RateLimit is how a push service asks to wait. https://www.rfc-editor.org/rfc/rfc8030#section-8.4
func RateLimit(seconds string) *Answer {
	return &Answer{Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": seconds}}
}

// Message is one that was accepted.
type Message struct {
	// Device is the name that the subscription was made under.
	Device string
	// Payload is what the page's service worker gets.
	Payload []byte
	// Size is that of the encrypted body.
	Size int
	// Topic, TTL and Urgency are its headers, Subject what the sender said of itself.
	Topic, Urgency, Subject string
	TTL                     int
	// ID is the service's own.
	ID string
}

// Server is a running sink. It is safe for concurrent use.
type Server struct {
	*httpsink.Sink[Message]
	cfg Config

	mu      sync.Mutex
	devices map[string]*device
}

// device is a browser that has subscribed.
type device struct {
	*Browser
	key  string // the only sender it takes messages of; any if empty
	gone bool
}

// Start listens until Close. A nil config accepts everything that push services would.
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
	if cfg.NowFunc == nil {
		cfg.NowFunc = time.Now
	}
	s := &Server{cfg: cfg, devices: map[string]*device{}}
	s.Sink = httpsink.New(httpsink.Service[Message]{
		Name: "pushsink", DecodeFunc: s.Decode, AnswerFunc: cfg.AnswerFunc, KeepFunc: keep, AcceptFunc: accept,
	})
	return s
}

// path leads to subscriptions, by the names of their devices.
const path = "/push/"

// Subscribe makes a subscription at base, where the sink is served, for the sender whose public key is given: what a
// browser does in pushManager.subscribe. With an empty key it takes messages of any sender.
func (s *Server) Subscribe(base, name, applicationServerKey string) (Subscription, error) {
	browser, err := NewBrowser()
	if err != nil {
		return Subscription{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices[name] = &device{Browser: browser, key: applicationServerKey}
	return browser.subscription(base + path + name), nil
}

// Unsubscribe ends a subscription; messages to it are answered with 410.
func (s *Server) Unsubscribe(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.devices[name]; d != nil {
		d.gone = true
	}
}

// topics are at most 32 characters of base64url. https://www.rfc-editor.org/rfc/rfc8030#section-5.4
var topics = regexp.MustCompile(`^[A-Za-z0-9_-]{0,32}$`)

// urgencies are those of https://www.rfc-editor.org/rfc/rfc8030#section-5.3
var urgencies = map[string]bool{"": true, "very-low": true, "low": true, "normal": true, "high": true}

// maxBody is the most that a push service has to take. https://www.rfc-editor.org/rfc/rfc8030#section-7.2
const maxBody = 4096

// Decode reads a request, and says how a push service would refuse it; nil if it would not.
func (s *Server) Decode(r *http.Request, body []byte) (Message, *Answer) {
	name, isPush := strings.CutPrefix(r.URL.Path, path)
	s.mu.Lock()
	d := s.devices[name]
	gone := d != nil && d.gone
	s.mu.Unlock()
	m := Message{Device: name, Size: len(body), Topic: r.Header.Get("Topic"), Urgency: r.Header.Get("Urgency")}
	switch {
	case r.Method != http.MethodPost:
		return m, Refuse(http.StatusMethodNotAllowed)
	case !isPush || d == nil:
		return m, Refuse(http.StatusNotFound) // errno 102 of https://mozilla-services.github.io/autopush-rs/errors.html
	case gone:
		return m, Refuse(http.StatusGone) // errno 103 and 106
	}
	var wrong string
	if r.Header.Get("Authorization") == "" {
		// A subscription for one sender wants to know who sends. https://www.rfc-editor.org/rfc/rfc8292#section-4.2
		return m, Refuse(http.StatusUnauthorized)
	}
	var key string
	key, m.Subject, wrong = verify(r.Header.Get("Authorization"), "http://"+r.Host, s.cfg.NowFunc())
	if wrong != "" || d.key != "" && key != d.key {
		return m, Refuse(http.StatusForbidden)
	}
	ttl, err := strconv.Atoi(r.Header.Get("TTL"))
	m.TTL = ttl
	switch {
	case err != nil || ttl < 0: // https://www.rfc-editor.org/rfc/rfc8030#section-5.2
		return m, Refuse(http.StatusBadRequest)
	case !topics.MatchString(m.Topic), !urgencies[m.Urgency]:
		return m, Refuse(http.StatusBadRequest)
	case len(body) > maxBody:
		return m, Refuse(http.StatusRequestEntityTooLarge)
	case r.Header.Get("Content-Encoding") != "aes128gcm": // errno 110
		return m, Refuse(http.StatusBadRequest)
	}
	// A push service cannot read a message; what the browser cannot read is never shown, so here it is no message.
	if m.Payload, err = d.Decrypt(body); err != nil {
		return m, Refuse(http.StatusBadRequest)
	}
	return m, nil
}

func keep(kept []Message, m Message) (Message, bool) {
	m.ID = strconv.Itoa(len(kept) + 1)
	return m, true
}

// accept names the message's own place. https://www.rfc-editor.org/rfc/rfc8030#section-5
func accept(_ *http.Request, m Message) *Answer {
	return &Answer{Status: http.StatusCreated, Header: map[string]string{"Location": "/message/" + m.ID}}
}
