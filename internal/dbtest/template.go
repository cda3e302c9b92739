package dbtest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/migrations"
)

// ensureTemplate returns the name of the template for the schema of this process, which it makes if the server has none.
// Other processes may want the same at the same time, so all that is done under a lock.
func (s *server) ensureTemplate() (name string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := s.admin.Acquire(ctx)
	if err != nil {
		return "", fmt.Errorf("connect to the test server: %w", err)
	}
	defer func() { _ = conn.Conn().Close(ctx); conn.Release() }() // The lock goes with the connection.
	if _, err := conn.Exec(ctx, sqlLock, lockKey); err != nil {
		return "", fmt.Errorf("wait for the lock of templates: %w", err)
	}
	if err := s.sweep(ctx, time.Now()); err != nil {
		return "", err
	}
	name = templatePrefix + migrations.Fingerprint()[:16]
	var exists bool
	if err := conn.QueryRow(ctx, sqlDatabaseExists, name).Scan(&exists); err != nil {
		return "", fmt.Errorf("look for the template %s: %w", name, err)
	}
	if exists {
		return name, nil
	}
	if err := s.makeTemplate(ctx, name); err != nil {
		return "", fmt.Errorf("make the template %s: %w", name, err)
	}
	return name, nil
}

// makeTemplate migrates a database and only then gives it its name: what bears that is complete.
func (s *server) makeTemplate(ctx context.Context, name string) error {
	draft, err := s.createEmpty(ctx)
	if err != nil {
		return err
	}
	dsn, err := s.dsn(draft)
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = migrations.Up(ctx, pool, &migrations.UpOpts{Logger: slog.New(slog.DiscardHandler)})
	pool.Close() // A database with connections cannot be renamed, nor copied.
	if err != nil {
		return err
	}
	for _, query := range []string{sqlForbidConnections, sqlRenameDatabase} {
		if _, err := s.admin.Exec(ctx, fmt.Sprintf(query, identifier(draft), identifier(name))); err != nil {
			return err
		}
	}
	return nil
}

// sweep drops the test databases that processes have left which were killed, or which used [Tx] on a server that
// outlived them.
func (s *server) sweep(ctx context.Context, now time.Time) error {
	rows, err := s.admin.Query(ctx, sqlSelectUnused, testPrefix)
	if err != nil {
		return fmt.Errorf("look for left databases: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for left databases: %w", err)
	}
	for _, name := range names {
		stamp, _, _ := strings.Cut(strings.TrimPrefix(name, testPrefix), "_")
		made, err := time.Parse(timeLayout, stamp)
		if err != nil || now.Sub(made) < abandonedAfter {
			continue
		}
		if err := s.drop(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
