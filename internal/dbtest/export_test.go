package dbtest

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Fork is this process's server seen through another URL, as another process would have it.
type Fork struct{ s *server }

// Open makes a Fork with the form of URL that rewriteFunc gives.
func Open(ctx context.Context, rewriteFunc func(string) string) (*Fork, error) {
	s, err := theServer()
	if err != nil {
		return nil, err
	}
	forked, err := openServer(ctx, rewriteFunc(s.url))
	if err != nil {
		return nil, err
	}
	return &Fork{forked}, nil
}

// Template makes the template if need be.
func (f *Fork) Template() (string, error) { return f.s.template() }

// DSN is the URL of a database.
func (f *Fork) DSN(database string) (string, error) { return f.s.dsn(database) }

// Sweep sweeps as if it were the time now.
func (f *Fork) Sweep(ctx context.Context, now time.Time) error { return f.s.sweep(ctx, now) }

// CreateEmpty makes a database that nobody drops.
func (f *Fork) CreateEmpty(ctx context.Context) (string, error) { return f.s.createEmpty(ctx) }

// Clone makes a database with the schema, that nobody drops.
func (f *Fork) Clone(ctx context.Context) (string, error) { return f.s.clone(ctx) }

// Drop drops a database.
func (f *Fork) Drop(ctx context.Context, name string) error { return f.s.drop(ctx, name) }

// Admin is the pool for all that.
func (f *Fork) Admin() *pgxpool.Pool { return f.s.admin }
