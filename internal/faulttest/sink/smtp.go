package sink

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// Config says how a sink listens.
type Config struct {
	// Addr defaults to a free port of the loopback interface.
	Addr string
	// Log is the file of the log.
	Log string
	// TLS offers STARTTLS with this configuration.
	TLS *tls.Config
	// Login asks for credentials; any will do.
	Login bool
}

// server is what SMTP and HTTP have in common.
type server struct {
	Script
	counters
	log      *Log
	listener net.Listener
	done     chan struct{}
	served   sync.WaitGroup
}

func listen(cfg *Config) (*server, error) {
	log, err := OpenLog(cfg.Log)
	if err != nil {
		return nil, err
	}
	addr := cfg.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), log.Close())
	}
	return &server{log: log, listener: listener, done: make(chan struct{})}, nil
}

// Addr is host:port.
func (s *server) Addr() string { return s.listener.Addr().String() }

// Counts returns what was seen so far, by sender.
func (s *server) Counts() map[string]Counts { return s.snapshot() }

// hold waits as a rule says, unless the sink is closed first.
func (s *server) hold(r Rule) {
	var due <-chan time.Time
	switch {
	case r.Never:
	case r.Delay > 0:
		timer := time.NewTimer(r.Delay)
		defer timer.Stop()
		due = timer.C
	default:
		return
	}
	select {
	case <-due:
	case <-s.done:
	}
}

// SMTP is a server for mail.
type SMTP struct {
	*server
	cfg   Config
	mu    sync.Mutex
	conns map[net.Conn]bool
}

// NewSMTP listens and serves until [SMTP.Close].
func NewSMTP(cfg *Config) (*SMTP, error) {
	base, err := listen(cfg)
	if err != nil {
		return nil, err
	}
	s := &SMTP{server: base, cfg: *cfg, conns: map[net.Conn]bool{}}
	s.served.Go(s.accept)
	return s, nil
}

func (s *SMTP) accept() {
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[nc] = true
		s.mu.Unlock()
		s.served.Go(func() {
			defer func() {
				_ = nc.Close()
				s.mu.Lock()
				defer s.mu.Unlock()
				delete(s.conns, nc)
			}()
			d := &dialogue{sink: s, conn: nc, reader: bufio.NewReader(nc), from: "unknown"}
			d.run()
		})
	}
}

// Cut closes every open connection.
func (s *SMTP) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for nc := range s.conns {
		_ = nc.Close()
	}
}

// Close ends the server and its log.
func (s *SMTP) Close() error {
	close(s.done)
	err := s.listener.Close()
	s.Cut()
	s.served.Wait()
	return errors.Join(err, s.log.Close())
}

// address takes what stands in angle brackets.
func address(argument string) string {
	_, rest, _ := strings.Cut(argument, "<")
	inside, _, _ := strings.Cut(rest, ">")
	return inside
}
