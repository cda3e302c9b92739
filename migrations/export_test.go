package migrations

import (
	"context"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Set is what another program, an older or a newer one, would bring.
type Set struct{ s set }

// NewSet makes a Set of files and a level.
func NewSet(files fs.FS, compatibility int) Set { return Set{set{files, compatibility}} }

// Up is [Up] of that program.
func (s Set) Up(ctx context.Context, pool *pgxpool.Pool) (*Report, error) {
	return s.s.run(ctx, pool, slog.New(slog.DiscardHandler), func(ctx context.Context, session *session) error {
		return session.up(ctx)
	})
}

// Down is [Down] of that program.
func (s Set) Down(ctx context.Context, pool *pgxpool.Pool, opts *DownOpts) (*Report, error) {
	return s.s.run(ctx, pool, slog.New(slog.DiscardHandler), func(ctx context.Context, session *session) error {
		return session.down(ctx, opts)
	})
}

// Status is [Status] of that program.
func (s Set) Status(ctx context.Context, db Querier) ([]Migration, error) { return s.s.status(ctx, db) }

// Check is [Check] of that program.
func (s Set) Check(ctx context.Context, db Querier) error { return s.s.check(ctx, db) }

// LockKey is the key of the lock of all who migrate.
const LockKey = lockKey
