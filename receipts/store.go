package receipts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// DB is what the statements run on: a pool, a connection, or a transaction.
type DB interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Store runs the statements that move receipts.
type Store struct {
	nowFunc func() time.Time
}

// Config changes a [Store].
type Config struct {
	// NowFunc replaces the database's clock in tests. Defaults to the database's own now().
	NowFunc func() time.Time
}

// New returns a store. A nil config works.
func New(cfg *Config) *Store {
	if cfg == nil {
		cfg = &Config{}
	}
	return &Store{nowFunc: cfg.NowFunc}
}

// Now is the time that the store's statements use, for those of others that go with them; nil leaves it to the database.
func (s *Store) Now() *time.Time { return s.now() }

func (s *Store) now() *time.Time {
	if s.nowFunc == nil {
		return nil
	}
	t := s.nowFunc()
	return &t
}

func seconds(d time.Duration) float64 { return d.Seconds() }
