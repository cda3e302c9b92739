package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/internal/cli"
	"github.com/carillon-notify/carillon/migrations"
)

// connectTimeout ends the wait for a server that does not answer, unless the URL says otherwise.
const connectTimeout = 10 * time.Second

// findDatabase returns the URL of the database.
func (a *app) findDatabase() (string, error) {
	url := cmp.Or(a.databaseURL, os.Getenv("DATABASE_URL"), a.fallbackURL)
	if url == "" && a.configPath != "" {
		file, err := a.loadConfig()
		if err != nil {
			return "", err
		}
		a.fallBackTo(file)
		url = a.fallbackURL
	}
	if url == "" {
		return "", usagef("no database is named (give --database-url, set DATABASE_URL, or give a --config with database_url)")
	}
	a.hide(url)
	return url, nil
}

// hide keeps a URL and its password, wherever that comes from, out of everything that is written.
func (a *app) hide(url string) {
	a.err.Hide(url)
	// A password that is the name of something else, too, would take that name from every message.
	names, secrets := []string{"carillon", "postgres"}, cli.Secrets(url)
	if cfg, err := pgxpool.ParseConfig(url); err == nil {
		names = append(names, cfg.ConnConfig.User, cfg.ConnConfig.Database)
		secrets = append(secrets, cfg.ConnConfig.Password)
	}
	// The long ones go first: a part of one would leave its rest standing.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range secrets {
		if !slices.Contains(names, secret) {
			a.err.Hide(secret)
		}
	}
}

// fallBackTo makes the file's database count if neither flag nor environment names one.
func (a *app) fallBackTo(file *config.File) { a.fallbackURL = file.DatabaseURL.Reveal() }

// connect opens a pool of at least conns connections, without a look at the schema.
func (a *app) connect(ctx context.Context, conns int32) (*pgxpool.Pool, error) {
	url, err := a.findDatabase()
	if err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The error would quote the URL, and what cannot be read cannot be redacted.
		return nil, usagef("the database URL cannot be read (it is like postgres://host:5432/database, with user and " +
			"password in front of the host; special characters of the password are percent-encoded)")
	}
	cfg.MaxConns = max(conns, cfg.MaxConns)
	cfg.ConnConfig.ConnectTimeout = cmp.Or(cfg.ConnConfig.ConnectTimeout, connectTimeout)
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "carillon"
	}
	cfg.AfterConnect = scanUTC
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, connectError(err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, connectError(err)
	}
	return pool, nil
}

// scanUTC makes times independent of the machine's zone.
func scanUTC(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// withDatabase calls work with a pool on a database whose schema fits this program.
func (a *app) withDatabase(ctx context.Context, work func(pool *pgxpool.Pool) error) error {
	pool, err := a.connect(ctx, 0)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Check(ctx, pool); err != nil {
		return err
	}
	return work(pool)
}

// withSnapshot calls read with a transaction in which nothing moves.
func (a *app) withSnapshot(ctx context.Context, read func(tx pgx.Tx) error) error {
	return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
		options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
		return pgx.BeginTxFunc(ctx, pool, options, read)
	})
}

// connectError says where we could not connect to, and never with what password.
func connectError(err error) error {
	failed, ok := errors.AsType[*pgconn.ConnectError](err)
	if !ok {
		return fmt.Errorf("connect to the database: %w", err)
	}
	// With and without TLS, and over each address of the host, the reason is often the same.
	var reasons []string
	for reason := range strings.SplitSeq(failed.Unwrap().Error(), "\n") {
		if !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	cfg := failed.Config
	return fmt.Errorf("connect to database %q at %s as %q: %s", cfg.Database, cfg.Host, cfg.User, strings.Join(reasons, "; "))
}
