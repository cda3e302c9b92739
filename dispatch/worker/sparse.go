package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// sparseEvery is how often a log of the same trouble gets a line: a database that is away fails every poll of every lane.
const sparseEvery = time.Second

// sparse passes on one line a second, with the number of those that it kept since.
type sparse struct {
	slog.Handler
	gate *gate
}

type gate struct {
	mu   sync.Mutex
	next time.Time
	kept int
}

func newSparse(h slog.Handler) sparse { return sparse{h, &gate{}} }

// Handle passes the line on if it is time.
func (s sparse) Handle(ctx context.Context, record slog.Record) error {
	kept, open := s.gate.pass(time.Now())
	if !open {
		return nil
	}
	if kept > 0 {
		record = record.Clone()
		record.AddAttrs(slog.Int("suppressed", kept))
	}
	return s.Handler.Handle(ctx, record)
}

func (g *gate) pass(now time.Time) (kept int, open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Before(g.next) {
		g.kept++
		return 0, false
	}
	kept, g.kept, g.next = g.kept, 0, now.Add(sparseEvery)
	return kept, true
}

// WithAttrs shares the gate.
func (s sparse) WithAttrs(attrs []slog.Attr) slog.Handler {
	return sparse{s.Handler.WithAttrs(attrs), s.gate}
}

// WithGroup shares the gate.
func (s sparse) WithGroup(name string) slog.Handler { return sparse{s.Handler.WithGroup(name), s.gate} }
