package transporttest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	_ Provider  = (*HTTP)(nil)
	_ Connected = (*HTTP)(nil)
	_ Flooder   = (*HTTP)(nil)
)

// Answer is how an [HTTP] provider answers a request.
type Answer struct {
	// Status defaults to 200.
	Status int
	// Header is added to the answer.
	Header map[string]string
	// Body is the answer's body. Unless Status accepts, the request's own URL, headers and body follow it, as unhelpful
	// providers do, so that whoever repeats an answer is found out.
	Body string
	// HangUp ends the connection in place of an answer.
	HangUp bool
	// Accept counts the message as delivered, whatever the answer says. It defaults to true for a Status below 300.
	Accept bool
}

// HTTPConfig describes an [HTTP] provider.
type HTTPConfig struct {
	// DecodeFunc reads a request as what its recipient gets. One that returns an error is answered with 400. Required.
	DecodeFunc func(r *http.Request, body []byte) (Delivery, error)
	// Answers says how the provider answers under each behaviour; that of "" is how it accepts, and defaults to 200.
	Answers map[string]Answer
}

// HTTP is a provider that listens on loopback: a [Provider] for transports that speak HTTP. It counts connections, and
// can answer without end.
type HTTP struct {
	// URL is where it listens.
	URL string

	config HTTPConfig
	done   chan struct{}

	mu          sync.Mutex
	deliveries  []Delivery
	tries       int
	behaviour   string
	stalled     chan struct{}
	flood       bool
	connections map[net.Conn]struct{}

	flooded atomic.Int64
}

// NewHTTP starts a provider, which tb stops.
func NewHTTP(tb testing.TB, config HTTPConfig) *HTTP {
	tb.Helper()
	if config.DecodeFunc == nil {
		tb.Fatal("transporttest: HTTPConfig.DecodeFunc is required")
	}
	p := &HTTP{config: config, done: make(chan struct{}), connections: map[net.Conn]struct{}{}}
	server := httptest.NewUnstartedServer(p)
	server.Config.ConnState = p.connState
	server.Start()
	p.URL = server.URL
	tb.Cleanup(func() {
		close(p.done)
		server.CloseClientConnections()
		server.Close()
	})
	return p
}

func (p *HTTP) connState(c net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateNew:
		p.connections[c] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(p.connections, c)
	case http.StateActive, http.StateIdle:
	}
}

// ServeHTTP answers as the behaviour says. To hang up it panics in the way that net/http expects.
func (p *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	p.mu.Lock()
	p.tries++
	answer, stalled, flood := p.config.Answers[p.behaviour], p.stalled, p.flood
	if stalled != nil && !isClosed(stalled) {
		close(stalled)
	}
	p.mu.Unlock()
	if stalled != nil {
		select {
		case <-r.Context().Done():
		case <-p.done:
		}
		return
	}
	delivery, decodeErr := p.config.DecodeFunc(r, body)
	if err != nil || decodeErr != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if answer.Status == 0 {
		answer.Status = http.StatusOK
	}
	if answer.Accept || answer.Status < http.StatusMultipleChoices && !answer.HangUp {
		p.mu.Lock()
		p.deliveries = append(p.deliveries, delivery)
		p.mu.Unlock()
	}
	if answer.HangUp {
		panic(http.ErrAbortHandler)
	}
	for name, value := range answer.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(answer.Status)
	_, _ = io.WriteString(w, answer.Body)
	if answer.Status >= http.StatusMultipleChoices {
		_, _ = io.WriteString(w, r.URL.String()+"\n")
		_ = r.Header.Write(w)
		_, _ = w.Write(body)
	}
	if flood {
		p.pour(w, r)
	}
}

// pour writes until nobody reads any more.
func (p *HTTP) pour(w io.Writer, r *http.Request) {
	chunk := []byte(strings.Repeat(" ", 32<<10))
	for r.Context().Err() == nil {
		n, err := w.Write(chunk)
		p.flooded.Add(int64(n))
		if err != nil || isClosed(p.done) {
			return
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Deliveries lists what was accepted.
func (p *HTTP) Deliveries() []Delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.deliveries)
}

// Tries counts the requests.
func (p *HTTP) Tries() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tries
}

// Behave makes it answer as HTTPConfig.Answers says of the behaviour.
func (p *HTTP) Behave(behaviour string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behaviour = behaviour
}

// Stall makes it take requests and never answer.
func (p *HTTP) Stall() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = make(chan struct{})
	return p.stalled
}

// Flood makes each answer go on for ever, and tells how many bytes got away so far.
func (p *HTTP) Flood() (written func() int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flood = true
	return p.flooded.Load
}

// Connections counts the open ones.
func (p *HTTP) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.connections)
}
