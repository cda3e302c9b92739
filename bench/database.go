package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/internal/pgdev"
	"github.com/carillon-notify/carillon/migrations"
)

// database is one made for this run.
type database struct {
	config *pgxpool.Config
	server server
	drop   func(ctx context.Context) error
}

// server is what the figures depend on. It names neither the host nor a path.
type server struct {
	Version           string `json:"version"`
	Private           bool   `json:"private"`
	Fsync             string `json:"fsync"`
	SynchronousCommit string `json:"synchronous_commit"`
	FullPageWrites    string `json:"full_page_writes"`
	WALSyncMethod     string `json:"wal_sync_method"`
	SharedBuffers     string `json:"shared_buffers"`
	MaxWALSize        string `json:"max_wal_size"`
}

// warnings says what makes the figures meaningless.
func (s server) warnings() []string {
	var all []string
	for _, setting := range []struct{ name, value string }{
		{"fsync", s.Fsync}, {"synchronous_commit", s.SynchronousCommit},
	} {
		if setting.value != "on" {
			all = append(all, fmt.Sprintf("WARNING: the server has %s = %s, these figures are no record", setting.name, setting.value))
		}
	}
	return all
}

// openDatabase makes a database with our schema and the application's table. The caller closes it.
func openDatabase(ctx context.Context) (*database, error) {
	private := os.Getenv(pgdev.EnvURL) == ""
	dsn, stop, err := pgdev.URL(ctx, &pgdev.Config{
		Durable: true,
		// A checkpoint in the middle would fall on whichever arm happens to run.
		ExtraSettings: map[string]string{"max_wal_size": "8GB", "checkpoint_timeout": "1h"},
	})
	if err != nil {
		return nil, err
	}
	db, err := createDatabase(ctx, dsn, stop)
	if err != nil {
		return nil, errors.Join(err, stop(context.WithoutCancel(ctx)))
	}
	db.server.Private = private
	return db, nil
}

func createDatabase(ctx context.Context, dsn string, stop func(context.Context) error) (*database, error) {
	admin, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	defer admin.Close(context.WithoutCancel(ctx))
	name := "carillon_bench_" + strings.ToLower(rand.Text()[:12])
	if _, err := admin.Exec(ctx, fmt.Sprintf(sqlCreateDatabase, pgx.Identifier{name}.Sanitize())); err != nil {
		return nil, fmt.Errorf("create the database %s: %w", name, err)
	}
	drop := func(ctx context.Context) error {
		admin, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return errors.Join(fmt.Errorf("connect to drop the database %s: %w", name, err), stop(ctx))
		}
		_, err = admin.Exec(ctx, fmt.Sprintf(sqlDropDatabase, pgx.Identifier{name}.Sanitize()))
		return errors.Join(err, admin.Close(ctx), stop(ctx))
	}
	db, err := prepareDatabase(ctx, dsn, name)
	if err != nil {
		return nil, errors.Join(err, drop(context.WithoutCancel(ctx)))
	}
	db.drop = drop
	return db, nil
}

func prepareDatabase(ctx context.Context, dsn, name string) (*database, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the URL of the server: %w", err)
	}
	config.ConnConfig.Database = name
	db := &database{config: config}
	pool, err := db.pool(ctx, 4)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	if _, err := migrations.Up(ctx, pool, &migrations.UpOpts{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, sqlCreateOrders); err != nil {
		return nil, fmt.Errorf("create the application's table: %w", err)
	}
	s := &db.server
	err = pool.QueryRow(ctx, sqlSelectServer).Scan(
		&s.Version, &s.Fsync, &s.SynchronousCommit, &s.FullPageWrites, &s.WALSyncMethod, &s.SharedBuffers, &s.MaxWALSize)
	if err != nil {
		return nil, fmt.Errorf("ask the server for its settings: %w", err)
	}
	return db, nil
}

// connect opens one connection. The caller closes it.
func (db *database) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, db.config.ConnConfig.Copy())
	if err != nil {
		return nil, fmt.Errorf("connect to the bench database: %w", err)
	}
	return conn, nil
}

// pool opens a pool of at most size connections. The caller closes it.
func (db *database) pool(ctx context.Context, size int32) (*pgxpool.Pool, error) {
	config := db.config.Copy()
	config.MaxConns = size
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open a pool on the bench database: %w", err)
	}
	return pool, nil
}

// close drops the database and stops the server, if that is ours.
func (db *database) close(ctx context.Context) error { return db.drop(ctx) }

// empty gives every table that an emit or its arms write to a new, empty file.
func empty(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, sqlEmptyTables); err != nil {
		return fmt.Errorf("empty the tables: %w", err)
	}
	return nil
}

// checkpoint writes everything out, so that no arm pays for what another one left.
func checkpoint(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, sqlCheckpoint); err != nil {
		return fmt.Errorf("write a checkpoint: %w", err)
	}
	return nil
}
