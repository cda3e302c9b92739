package main

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// extraTrips is how many more round trips a transaction may take for its emit.
const extraTrips = 1

// tripFigures count the round trips of whole transactions on a warm connection.
type tripFigures struct {
	Domain   int64 `json:"domain"`
	Emit     int64 `json:"emit"`
	Trigger  int64 `json:"trigger"`
	Keyed    int64 `json:"emit_with_idempotency_key"`
	Repeated int64 `json:"emit_of_a_duplicate"`
	Naive    int64 `json:"naive"`
}

// extra are the ways to emit, with how many round trips they add to the application's own transaction.
func (f tripFigures) extra() []way {
	return []way{
		{"EmitTx", f.Emit - f.Domain},
		{"TriggerTx", f.Trigger - f.Domain},
		{"EmitTx with an idempotency key", f.Keyed - f.Domain},
		{"EmitTx of a duplicate", f.Repeated - f.Domain},
	}
}

type way struct {
	name  string
	trips int64
}

// measureTrips fails if any way to emit takes another number of extra round trips than it promises.
func measureTrips(ctx context.Context, db *database) (*tripFigures, error) {
	s, err := newShop()
	if err != nil {
		return nil, err
	}
	counter := &tripCounter{}
	config := db.config.ConnConfig.Copy()
	config.DialFunc = counter.dial(config.DialFunc)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the bench database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := empty(ctx, conn); err != nil {
		return nil, err
	}
	var f tripFigures
	for _, one := range []struct {
		into *int64
		do   act
	}{
		{&f.Domain, s.domain},
		{&f.Emit, s.emit},
		{&f.Trigger, s.trigger},
		{&f.Keyed, s.emitKeyed},
		{&f.Repeated, s.emitRepeated},
		{&f.Naive, s.naive},
	} {
		// The first time on a connection, statements are prepared; then River's client may notify once in 100 ms.
		for range 3 {
			counter.reset()
			if err := one.do(ctx, conn, s.next()); err != nil {
				return nil, err
			}
			*one.into = counter.trips()
		}
	}
	for _, w := range f.extra() {
		if w.trips != extraTrips {
			return &f, fmt.Errorf("%s took %d extra round trips, %d is promised", w.name, w.trips, extraTrips)
		}
	}
	return &f, nil
}

// tripCounter counts how often a client sent something and then got an answer.
type tripCounter struct {
	mu    sync.Mutex
	sent  bool
	count int64
}

func (c *tripCounter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent, c.count = false, 0
}

func (c *tripCounter) trips() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

func (c *tripCounter) dial(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &countedConn{Conn: conn, counter: c}, nil
	}
}

// countedConn tells its counter of writes and of answers. An answer in several pieces counts once, and so does a request.
type countedConn struct {
	net.Conn
	counter *tripCounter
}

// Write notes the request before it goes out, for pgx may be reading already.
func (c *countedConn) Write(b []byte) (int, error) {
	c.counter.mu.Lock()
	c.counter.sent = true
	c.counter.mu.Unlock()
	return c.Conn.Write(b)
}

// Read counts a round trip with the first piece of an answer.
func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.counter.mu.Lock()
	defer c.counter.mu.Unlock()
	if n > 0 && c.counter.sent {
		c.counter.sent = false
		c.counter.count++
	}
	return n, err
}
