package httpsink

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxRequest bounds what is read of a request.
const maxRequest = 4 << 20

// Answer replaces a service's usual one.
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

// Service is how a provider deals with messages of type M. All functions but AnswerFunc are required.
type Service[M any] struct {
	// Name begins every error.
	Name string
	// DecodeFunc reads a request, and says how it is refused; nil if it is not.
	DecodeFunc func(r *http.Request, body []byte) (M, *Answer)
	// AnswerFunc decides about a request that was found right; nil, or a nil answer, accepts.
	AnswerFunc func(m M) *Answer
	// KeepFunc gives an accepted message its id. It returns false with one of those kept before if m is that again.
	KeepFunc func(kept []M, m M) (M, bool)
	// AcceptFunc is the answer to a message that was kept.
	AcceptFunc func(r *http.Request, m M) *Answer
}

// Sink is a service in memory. It is safe for concurrent use.
type Sink[M any] struct {
	service Service[M]
	url     string
	server  *http.Server
	served  chan struct{}

	mu       sync.Mutex
	requests int
	messages []M
	changed  chan struct{} // closed and replaced with every message
}

// New returns a sink that does not listen, for whoever serves it, as a handler, on its own.
func New[M any](service Service[M]) *Sink[M] {
	return &Sink[M]{service: service, served: make(chan struct{}), changed: make(chan struct{})}
}

// Listen serves on a loopback address, "127.0.0.1:0" if it is empty, until [Sink.Close].
func (s *Sink[M]) Listen(addr string) error {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", cmp.Or(addr, "127.0.0.1:0"))
	if err != nil {
		return fmt.Errorf("%s: listen: %w", s.service.Name, err)
	}
	if on, ok := listener.Addr().(*net.TCPAddr); !ok || !on.IP.IsLoopback() {
		_ = listener.Close()
		return fmt.Errorf("%s: %s is not on loopback", s.service.Name, addr)
	}
	s.url = "http://" + listener.Addr().String()
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(listener) // It ends with Close.
	}()
	return nil
}

// URL is where it listens, without a slash at the end.
func (s *Sink[M]) URL() string { return s.url }

// Close stops the server and its connections.
func (s *Sink[M]) Close() error {
	err := s.server.Close()
	<-s.served
	return err
}

// ServeHTTP answers as the service does. To cut a connection it panics in the way that net/http expects.
func (s *Sink[M]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return
	}
	s.mu.Lock()
	s.requests++
	s.mu.Unlock()
	m, answer := s.service.DecodeFunc(r, body)
	if answer == nil && s.service.AnswerFunc != nil {
		answer = s.service.AnswerFunc(m)
	}
	if answer == nil || answer.Keep {
		m = s.keep(m)
	}
	if answer == nil {
		answer = s.service.AcceptFunc(r, m)
	}
	if answer.Cut {
		panic(http.ErrAbortHandler)
	}
	for name, value := range answer.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(cmp.Or(answer.Status, http.StatusOK))
	_, _ = io.WriteString(w, answer.Body)
}

func (s *Sink[M]) keep(m M) M {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, isNew := s.service.KeepFunc(s.messages, m)
	if isNew {
		s.messages = append(s.messages, m)
		close(s.changed)
		s.changed = make(chan struct{})
	}
	return m
}

// Messages lists what was accepted, in order.
func (s *Sink[M]) Messages() []M {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Requests counts them, refused ones too.
func (s *Sink[M]) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Wait returns once at least n messages were accepted, or with the context's error and what there is.
func (s *Sink[M]) Wait(ctx context.Context, n int) ([]M, error) {
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
			return messages, fmt.Errorf("%s: %d of %d messages: %w", s.service.Name, len(messages), n, ctx.Err())
		}
	}
}
