package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// lockInterval is how often the lock is tried.
const lockInterval = 50 * time.Millisecond

// session is one run of [Up] or [Down].
type session struct {
	set    set
	pool   *pgxpool.Pool // of its own
	db     *sql.DB       // the same pool, for goose
	river  *rivermigrate.Migrator[pgx.Tx]
	logger *slog.Logger
	report *Report
}

// connect opens a pool like the given one: that may have but one connection, while we need one for the lock besides.
func (s set) connect(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger) (*session, error) {
	config := pool.Config()
	config.AfterConnect = nil // It may want types of a schema that does not exist yet.
	config.MinConns, config.MinIdleConns, config.MaxConns = 0, 0, 3
	config.ConnConfig.RuntimeParams["application_name"] = "carillon migrate"
	own, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to migrate: %w", err)
	}
	// River's own lines would repeat ours.
	river, err := rivermigrate.New(riverpgxv5.New(own), &rivermigrate.Config{
		Logger: slog.New(slog.DiscardHandler), Schema: Schema,
	})
	if err != nil {
		own.Close()
		return nil, err
	}
	return &session{
		set: s, pool: own, db: stdlib.OpenDBFromPool(own), river: river, logger: logger, report: &Report{},
	}, nil
}

func (s *session) close() {
	_ = s.db.Close() // It has no connections but those of the pool, which cannot fail to close.
	s.pool.Close()
}

// locked calls workFunc while it holds the lock. The lock is one of the session, because migrations are several
// transactions; when this process dies, it goes with the connection.
func (s *session) locked(ctx context.Context, workFunc func(context.Context, *session) error) (err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to migrate: %w", err)
	}
	defer conn.Release()
	if err := lock(ctx, conn); err != nil {
		return fmt.Errorf("wait for the lock of migrations: %w", err)
	}
	defer func() {
		var held bool
		unlockErr := conn.QueryRow(context.WithoutCancel(ctx), sqlUnlock, lockKey).Scan(&held)
		if unlockErr == nil && !held {
			unlockErr = errors.New("it was lost on the way (is there a pooler in transaction mode?)")
		}
		if unlockErr != nil {
			err = errors.Join(err, fmt.Errorf("release the lock of migrations: %w", unlockErr))
		}
	}()
	return workFunc(ctx, s)
}

// lock tries again and again instead of waiting in Postgres: there the waiting statement would hold a snapshot, and the
// CREATE INDEX CONCURRENTLY of whoever has the lock would wait for that, so that neither came to an end.
func lock(ctx context.Context, conn *pgxpool.Conn) error {
	ticker := time.NewTicker(lockInterval)
	defer ticker.Stop()
	for {
		var held bool
		if err := conn.QueryRow(ctx, sqlTryLock, lockKey).Scan(&held); err != nil || held {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// provider makes goose ready. It has no lock of its own: ours covers more.
func (s *session) provider() (*goose.Provider, error) {
	provider, err := goose.NewProvider(goose.DialectPostgres, s.db, s.set.files,
		goose.WithDisableGlobalRegistry(true), // An application may use goose for migrations of its own.
		goose.WithTableName(Schema+".migrations"),
	)
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}

// did records one migration.
func (s *session) did(ctx context.Context, message string, m Migration, took time.Duration) {
	s.report.Migrations = append(s.report.Migrations, m)
	s.logger.InfoContext(ctx, message,
		slog.String("source", string(m.Source)), slog.Int64("version", m.Version), slog.String("name", m.Name),
		slog.Duration("took", took))
}
