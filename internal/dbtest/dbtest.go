package dbtest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// patience bounds what is done for one test: the first one waits for a server to start and a schema to be made.
const patience = 2 * time.Minute

// sharedConns is how many tests may be in a transaction of [Tx] at the same time.
const sharedConns = 40

// Pool returns a pool on a migrated database that only this test uses. At the end of the test the pool is closed and
// the database dropped; a connection that was not released by then fails the test.
func Pool(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	pool, err := pgxpool.New(ctx, DSN(tb))
	if err != nil {
		tb.Fatalf("dbtest: open a pool: %v", err)
	}
	tb.Cleanup(func() { closePool(tb, pool) })
	return pool
}

// Tx returns a transaction in a migrated database that other tests use too, each in a transaction of its own. It is
// rolled back at the end of the test, if not before; its Commit only fails. A test must not count on sequences, and
// should use keys of its own: two transactions that insert the same unique key wait for each other.
func Tx(tb testing.TB) pgx.Tx {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	pool, err := sharedPool()
	if err != nil {
		tb.Fatalf("dbtest: %v", err)
	}
	tx, err := pool.Begin(ctx)
	if err != nil {
		tb.Fatalf("dbtest: begin a transaction: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), patience)
		defer cancel()
		if err := tx.Rollback(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
			tb.Errorf("dbtest: roll the transaction back: %v", err)
		}
	})
	return uncommittable{tx}
}

// errCommit is what [Tx] answers to a commit.
var errCommit = errors.New("a test must not commit a transaction of dbtest.Tx (use dbtest.Pool)")

// uncommittable keeps a test from changing what the others see.
type uncommittable struct{ pgx.Tx }

// Commit fails.
func (uncommittable) Commit(context.Context) error { return errCommit }

// DSN returns the URL of a migrated database that only this test uses. It is dropped at the end of the test, with all
// connections to it.
func DSN(tb testing.TB) string {
	tb.Helper()
	return own(tb, func(s *server) func(context.Context) (string, error) { return s.clone })
}

// EmptyDSN is [DSN] for a database without our schema.
func EmptyDSN(tb testing.TB) string {
	tb.Helper()
	return own(tb, func(s *server) func(context.Context) (string, error) { return s.createEmpty })
}

// own makes a database for one test.
func own(tb testing.TB, createFunc func(s *server) func(context.Context) (string, error)) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	server, err := theServer()
	if err != nil {
		tb.Fatalf("dbtest: %v", err)
	}
	name, err := createFunc(server)(ctx)
	if err != nil {
		tb.Fatalf("dbtest: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), patience)
		defer cancel()
		if err := server.drop(ctx, name); err != nil {
			tb.Errorf("dbtest: %v", err)
		}
	})
	dsn, err := server.dsn(name)
	if err != nil {
		tb.Fatalf("dbtest: %v", err)
	}
	return dsn
}

// closePool closes a pool, which waits for connections that are in use. A test that forgot one is to fail, not to hang.
func closePool(tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		pool.Close()
	}()
	const grace = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), grace)
	defer cancel()
	select {
	case <-closed:
	case <-ctx.Done():
		tb.Errorf("dbtest: %d connections of the pool were not released", pool.Stat().AcquiredConns())
	}
}

// sharedPool is the pool of [Tx]. Its database is not dropped, for nothing tells when the last test is over: it goes
// with the server, or is swept later.
var sharedPool = sync.OnceValues(func() (*pgxpool.Pool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server, err := theServer()
	if err != nil {
		return nil, err
	}
	name, err := server.clone(ctx)
	if err != nil {
		return nil, err
	}
	dsn, err := server.dsn(name)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.MaxConns = sharedConns
	return pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
})
