package smtpsink

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"sync"

	gosmtp "github.com/emersion/go-smtp"
)

// Server is a running sink. It is safe for concurrent use.
type Server struct {
	cfg      Config
	addr     string
	pool     *x509.CertPool
	listener net.Listener
	smtp     *gosmtp.Server
	served   chan struct{} // closed when the accept loop ended
	done     chan struct{} // closed by Close: no script waits any longer

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced whenever anything below changes
	messages []Message
	conns    map[*conn]struct{}
	opening  int
	closing  bool
}

// Start listens and serves until [Server.Close]. A nil config accepts everything on a free port.
func Start(config *Config) (*Server, error) {
	var cfg Config
	if config != nil {
		cfg = *config
	}
	cfg.Addr = cmp.Or(cfg.Addr, "127.0.0.1:0")
	cfg.Domain = cmp.Or(cfg.Domain, "sink.test")
	if len(cfg.Mechanisms) == 0 {
		cfg.Mechanisms = []string{AuthPlain, AuthLogin}
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}

	s := &Server{
		cfg:     cfg,
		served:  make(chan struct{}),
		done:    make(chan struct{}),
		changed: make(chan struct{}),
		conns:   make(map[*conn]struct{}),
	}
	s.smtp = gosmtp.NewServer(gosmtp.BackendFunc(s.newSession))
	s.smtp.Domain = cfg.Domain
	s.smtp.AllowInsecureAuth = cfg.TLS == Plain
	s.smtp.EnableSMTPUTF8 = cfg.SMTPUTF8
	s.smtp.MaxMessageBytes = cfg.MaxMessageBytes
	s.smtp.ErrorLog = log.New(io.Discard, "", 0)
	var tlsConfig *tls.Config
	if cfg.TLS != Plain {
		certificate, pool, err := newCertificate(cfg.Hosts, cfg.Expired)
		if err != nil {
			return nil, err
		}
		s.pool = pool
		tlsConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
		if cfg.MaxTLS != 0 {
			tlsConfig.MinVersion, tlsConfig.MaxVersion = min(cfg.MaxTLS, tls.VersionTLS12), cfg.MaxTLS
		}
		s.smtp.TLSConfig = tlsConfig
	}

	tcp, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("smtpsink: listen: %w", err)
	}
	s.addr = tcp.Addr().String()
	s.listener = &listener{Listener: tcp, server: s}
	if cfg.TLS == ImplicitTLS {
		s.listener = tls.NewListener(s.listener, tlsConfig)
	}
	go func() {
		defer close(s.served)
		_ = s.smtp.Serve(s.listener)
	}()
	return s, nil
}

// Addr is the address that the server listens on, as host:port.
func (s *Server) Addr() string { return s.addr }

// URL is the address as a transport is configured with it: smtp:// or smtps://, without credentials.
func (s *Server) URL() string {
	if s.cfg.TLS == ImplicitTLS {
		return "smtps://" + s.addr
	}
	return "smtp://" + s.addr
}

// CertPool trusts the server's certificate; nil without TLS.
func (s *Server) CertPool() *x509.CertPool { return s.pool }

// Messages lists what was taken, in the order of taking.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Wait returns once at least n messages were taken, or with the context's error and what there is.
func (s *Server) Wait(ctx context.Context, n int) ([]Message, error) {
	var messages []Message
	err := s.await(ctx, func() bool {
		messages = slices.Clone(s.messages)
		return len(messages) >= n
	})
	if err != nil {
		return messages, fmt.Errorf("smtpsink: %d of %d messages came: %w", len(messages), n, err)
	}
	return messages, nil
}

// Connections counts the connections ever opened and those open now.
func (s *Server) Connections() (opened, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opening, len(s.conns)
}

// WaitOpen returns once exactly n connections are open, or with the context's error.
func (s *Server) WaitOpen(ctx context.Context, n int) error {
	open := 0
	err := s.await(ctx, func() bool {
		open = len(s.conns)
		return open == n
	})
	if err != nil {
		return fmt.Errorf("smtpsink: %d connections are open, not %d: %w", open, n, err)
	}
	return nil
}

// CutConnections closes every open connection from the server's side, as a server does with idle ones.
func (s *Server) CutConnections() {
	for _, c := range s.openConns() {
		_ = c.Close()
	}
}

// Close stops listening, cuts every connection and waits until all that the server started has ended. Calling it again
// does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	again := s.closing
	s.closing = true
	s.mu.Unlock()
	if again {
		<-s.served
		return nil
	}
	close(s.done)
	err := s.listener.Close()
	<-s.served
	s.CutConnections()
	// The listener is closed already, which is all that Shutdown could complain about.
	_ = s.smtp.Shutdown(context.Background())
	if err != nil {
		return fmt.Errorf("smtpsink: close: %w", err)
	}
	return nil
}

// newSession is called by go-smtp for each EHLO or HELO, so again after STARTTLS.
func (s *Server) newSession(c *gosmtp.Conn) (gosmtp.Session, error) {
	_, encrypted := c.TLSConnectionState()
	own := underlying(c.Conn())
	return &session{
		server: s,
		conn:   own,
		state:  Session{Connection: own.number, TLS: encrypted, HELO: c.Hostname()},
	}, nil
}

// hold waits as an answer asks. A client that leaves meanwhile ends it, unless the message is there already: that one
// is still decided upon, as real servers do.
func (s *Server) hold(a Answer, c *conn, decided bool) {
	if a.Wait == nil {
		return
	}
	defer c.watch()()
	gone := c.gone
	if decided {
		gone = nil
	}
	select {
	case <-a.Wait:
	case <-gone:
	case <-s.done:
	}
}

func (s *Server) keep(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, m)
	s.notify()
}

func (s *Server) opened(nc net.Conn) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening++
	c := &conn{Conn: nc, server: s, number: s.opening, gone: make(chan struct{})}
	s.conns[c] = struct{}{}
	s.notify()
	return c
}

func (s *Server) closed(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.notify()
}

func (s *Server) openConns() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

// notify wakes every waiter. The caller holds the lock.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// await asks ready, under the lock, after every change until it says yes.
func (s *Server) await(ctx context.Context, ready func() bool) error {
	for {
		s.mu.Lock()
		ok, changed := ready(), s.changed
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
