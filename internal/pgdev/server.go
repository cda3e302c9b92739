package pgdev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
)

// EnvURL names the variable that makes [URL] use a server that exists.
const EnvURL = "DATABASE_URL"

// Server is a private Postgres. Its methods may be called from several goroutines.
type Server struct {
	mu      sync.Mutex // serialises Stop, Kill and Restart
	backend backend
	dsn     string
	how     string
}

// backend is what differs between a child process and a container.
type backend interface {
	// stop ends the server and removes all that it left. It is called once.
	stop(ctx context.Context) error
	// end ends the server; its data stays.
	end(ctx context.Context, how Ending) error
	// restart starts a killed server on the same port, and returns when it answers.
	restart(ctx context.Context) error
}

// running keeps every server reachable until it is stopped. Callers may forget theirs, but the lock of its directory and
// the pipe to its watchdog are files, and the garbage collector closes files that nobody can reach: the server would go.
var running sync.Map // of *Server, to nothing

// way is one way to raise a server.
type way struct {
	name  string
	start func(ctx context.Context, config *Config) (*Server, error)
}

// Start raises a server and returns when it answers. The context bounds the start, not the life of the server, which
// runs until [Server.Stop] or the end of this process. A nil config works.
//
// It returns an error that wraps [ErrNoPostgres] when no way to raise a server worked. A setting of CARILLON_PG_BIN
// that does not lead to a server is an error by itself, and so is a server that was found but does not start.
func Start(ctx context.Context, config *Config) (*Server, error) {
	return start(ctx, config, ways())
}

func start(ctx context.Context, config *Config, ways []way) (*Server, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	reasons := make([]string, 0, len(ways))
	for _, way := range ways {
		server, err := way.start(ctx, config)
		if err == nil {
			running.Store(server, nil)
			config.Logger.DebugContext(ctx, "private Postgres started", slog.String("how", server.how))
			return server, nil
		}
		if ctx.Err() != nil || !errors.Is(err, errUnavailable) {
			return nil, fmt.Errorf("start a private Postgres with %s: %w", way.name, err)
		}
		reasons = append(reasons, fmt.Sprintf("%s: %v", way.name, err))
	}
	return nil, noPostgres(reasons)
}

// URL returns the connection string in DATABASE_URL, and starts nothing, if that variable is set. Else it calls
// [Start], and fails as that does. The caller calls stop, which is never nil, when it is done.
func URL(ctx context.Context, config *Config) (dsn string, stop func(context.Context) error, err error) {
	stop = func(context.Context) error { return nil }
	if dsn := os.Getenv(EnvURL); dsn != "" {
		return dsn, stop, nil
	}
	server, err := Start(ctx, config)
	if err != nil {
		return "", stop, err
	}
	return server.DSN(), server.Stop, nil
}

// DSN is the URL of the database postgres for its superuser, of the same name. It bears a password.
func (s *Server) DSN() string { return s.dsn }

// How says in one line, for people, which Postgres this is and how it was found.
func (s *Server) How() string { return s.how }

// Stop ends the server, waits for its processes, and removes its files. It does not save what was written: the data
// goes with the server. A second call does nothing. When ctx ends first, the processes are killed.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backend == nil {
		return nil
	}
	backend := s.backend
	s.backend = nil
	running.Delete(s)
	if err := backend.stop(ctx); err != nil {
		return fmt.Errorf("stop the private Postgres: %w", err)
	}
	return nil
}

// Ending is a way to end a server whose data stays.
type Ending int

// The endings.
const (
	// Immediate ends the server as a crash would: connections break, nothing is flushed.
	Immediate Ending = iota
	// Fast rolls open transactions back, says goodbye to its clients, and flushes.
	Fast
	// Abrupt kills the first process of the server outright. Its children notice by themselves.
	Abrupt
)

// Kill is [Server.End] with [Immediate].
func (s *Server) Kill(ctx context.Context) error { return s.End(ctx, Immediate) }

// End ends the server, and returns when its first process is gone. It fails if the server was stopped.
func (s *Server) End(ctx context.Context, how Ending) error {
	return s.act("end", func(b backend) error { return b.end(ctx, how) })
}

// Restart starts the server again after [Server.End], with its data and under the same DSN, and returns when it
// answers. It fails if the server was stopped, still runs, or lost its port to somebody else.
func (s *Server) Restart(ctx context.Context) error {
	return s.act("restart", func(b backend) error { return b.restart(ctx) })
}

func (s *Server) act(verb string, actFunc func(backend) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backend == nil {
		return fmt.Errorf("%s the private Postgres: it was stopped", verb)
	}
	if err := actFunc(s.backend); err != nil {
		return fmt.Errorf("%s the private Postgres: %w", verb, err)
	}
	return nil
}
