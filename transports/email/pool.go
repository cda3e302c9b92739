package email

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/puddle/v2"
)

// slot is a place for one connection. The pool holds slots rather than connections, because puddle runs a constructor
// without the caller's deadline: here it makes an empty slot, and its holder dials in its own context. Only a slot that
// somebody holds is empty; idle ones have a live connection.
type slot struct{ conn *conn }

// pool bounds the connections, keeps the good ones, and closes those that idle too long.
type pool struct {
	slots *puddle.Pool[*slot]
	idle  time.Duration

	mu     sync.Mutex
	timer  *time.Timer // due while connections idle
	closed bool
	sweeps sync.WaitGroup
}

func newPool(size int, idle time.Duration) (*pool, error) {
	slots, err := puddle.NewPool(&puddle.Config[*slot]{
		Constructor: func(context.Context) (*slot, error) { return &slot{}, nil },
		Destructor: func(s *slot) {
			if s.conn != nil {
				s.conn.quit()
			}
		},
		MaxSize: int32(size),
	})
	if err != nil {
		return nil, fmt.Errorf("email: make the connection pool: %w", err)
	}
	return &pool{slots: slots, idle: idle}, nil
}

// acquire waits for a place. A connection in it that idled too long is closed without ceremony: the server may be about
// to do the same.
func (p *pool) acquire(ctx context.Context) (*puddle.Resource[*slot], error) {
	res, err := p.slots.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	if s := res.Value(); s.conn != nil && res.IdleDuration() >= p.idle {
		s.drop()
	}
	return res, nil
}

// release takes a place back, with its connection if that is good.
func (p *pool) release(res *puddle.Resource[*slot]) {
	s := res.Value()
	switch {
	case s.conn == nil:
		res.Destroy()
	case s.conn.reusable():
		p.arm(p.idle)
		res.Release()
	case s.conn.clean:
		res.Destroy() // it has carried enough; the destructor takes leave
	default:
		s.drop()
		res.Destroy()
	}
}

// drain drops every idle connection: when one turned out dead, the others are no better.
func (p *pool) drain() {
	for _, res := range p.slots.AcquireAllIdle() {
		res.Value().drop()
		res.Destroy()
	}
}

// close closes idle connections now and the others when they come back, and waits for all.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	if p.timer != nil && p.timer.Stop() {
		p.timer = nil
		p.sweeps.Done()
	}
	p.mu.Unlock()
	p.slots.Close()
	p.sweeps.Wait()
}

// arm sees to it that a sweep is due.
func (p *pool) arm(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil || p.closed {
		return
	}
	p.sweeps.Add(1)
	p.timer = time.AfterFunc(after, p.sweep)
}

// sweep takes leave on connections that idled for long, and comes again while others remain.
func (p *pool) sweep() {
	defer p.sweeps.Done()
	p.mu.Lock()
	p.timer = nil
	p.mu.Unlock()
	next := time.Duration(0)
	for _, res := range p.slots.AcquireAllIdle() {
		left := p.idle - res.IdleDuration()
		if left <= 0 {
			res.Destroy()
			continue
		}
		next = max(next, left)
		res.ReleaseUnused()
	}
	if next > 0 {
		p.arm(next)
	}
}

// drop closes the slot's connection and empties it.
func (s *slot) drop() {
	if s.conn != nil {
		s.conn.abandon()
		s.conn = nil
	}
}
