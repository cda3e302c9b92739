//go:build unix

package pgdev_test

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/pgdev"
)

// patience is more than anything here should take on a busy machine.
const patience = 60 * time.Second

func startServer(t *testing.T, config *pgdev.Config) *pgdev.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := pgdev.Start(ctx, config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
	return server
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func setting(t *testing.T, conn *pgx.Conn, name string) (value string) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&value))
	return value
}

// eventually polls until check says yes.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !check() {
		select {
		case <-ctx.Done():
			require.FailNow(t, "waited in vain until "+what)
		case <-ticker.C:
		}
	}
}

func processGone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func fileGone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func TestServerAnswersAndStopLeavesNothing(t *testing.T) {
	t.Parallel()
	server := startServer(t, nil)
	conn := connect(t, server.DSN())
	for name, want := range map[string]string{
		"TimeZone":                "UTC",
		"fsync":                   "off",
		"full_page_writes":        "off",
		"jit":                     "off",
		"listen_addresses":        "127.0.0.1",
		"max_connections":         "200",
		"server_encoding":         "UTF8",
		"synchronous_commit":      "off",
		"unix_socket_directories": "",
	} {
		require.Equal(t, want, setting(t, conn, name), name)
	}
	var superuser bool
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT rolsuper FROM pg_roles WHERE rolname = current_user").Scan(&superuser))
	require.True(t, superuser)
	require.Contains(t, server.How(), "PostgreSQL ")

	dir, pid, watchdog := server.Dir(), server.PID(), server.WatchdogPID()
	require.NoError(t, server.Stop(t.Context()))
	require.True(t, fileGone(dir))
	require.True(t, processGone(pid))
	require.True(t, processGone(watchdog))
	require.NoError(t, server.Stop(t.Context()), "a second Stop does nothing")
	require.ErrorContains(t, server.Kill(t.Context()), "it was stopped")
	require.ErrorContains(t, server.Restart(t.Context()), "it was stopped")
}

// not parallel: it sets the environment
func TestInMemory(t *testing.T) {
	memory := pgdev.MemoryBase()
	if memory == "" {
		t.Skip("this machine has no file system in memory with room for a server")
	}
	t.Setenv("TMPDIR", "")
	server := startServer(t, &pgdev.Config{InMemory: true})
	require.Equal(t, memory, filepath.Dir(server.Dir()))
	require.NoError(t, connect(t, server.DSN()).Ping(t.Context()))

	elsewhere := t.TempDir()
	t.Setenv("TMPDIR", elsewhere)
	server = startServer(t, &pgdev.Config{InMemory: true})
	require.NotEqual(t, memory, filepath.Dir(server.Dir()), "TMPDIR goes before")
}

// A caller that keeps the DSN alone must not lose the server to the garbage collector, which closes forgotten files: the
// lock of the directory and the pipe to the watchdog are such.
func TestForgottenServerStays(t *testing.T) {
	t.Parallel()
	dsn, pid := func() (string, int) {
		server, err := pgdev.Start(t.Context(), nil)
		require.NoError(t, err)
		return server.DSN(), server.PID()
	}()
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGQUIT) })
	conn := connect(t, dsn)
	for range 20 {
		runtime.GC()
		require.NoError(t, conn.Ping(t.Context()))
	}
	base, err := pgdev.WorkBase()
	require.NoError(t, err)
	pgdev.Sweep(t.Context(), base)
	require.DirExists(t, setting(t, conn, "data_directory"))
	require.NoError(t, conn.Ping(t.Context()))
}

func TestPasswordIsAsked(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(startServer(t, nil).DSN())
	require.NoError(t, err)
	u.User = url.UserPassword("postgres", "guess")
	_, err = pgx.Connect(t.Context(), u.String())
	var pgErr *pgconn.PgError
	require.ErrorAs(t, err, &pgErr)
	require.Equal(t, "28P01", pgErr.Code)
}

func TestKilledServerRestartsWithItsData(t *testing.T) {
	t.Parallel()
	server := startServer(t, &pgdev.Config{Durable: true, MaxConnections: 17, ExtraSettings: map[string]string{"jit": "on"}})
	conn := connect(t, server.DSN())
	require.Equal(t, "on", setting(t, conn, "fsync"))
	require.Equal(t, "on", setting(t, conn, "full_page_writes"))
	require.Equal(t, "on", setting(t, conn, "synchronous_commit"))
	require.Equal(t, "on", setting(t, conn, "jit"))
	require.Equal(t, "17", setting(t, conn, "max_connections"))
	_, err := conn.Exec(t.Context(), "CREATE TABLE kept (id integer)")
	require.NoError(t, err)

	require.ErrorContains(t, server.Restart(t.Context()), "it still runs")
	for _, how := range []pgdev.Ending{pgdev.Immediate, pgdev.Fast, pgdev.Abrupt} {
		require.NoError(t, server.End(t.Context(), how))
		require.NoError(t, server.Restart(t.Context()))
		require.Error(t, conn.Ping(t.Context()))
		conn = connect(t, server.DSN())
		var rows int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM kept").Scan(&rows))
		require.Zero(t, rows)
	}
}

func TestFailedStartTellsWhyAndLeavesNothing(t *testing.T) {
	t.Parallel()
	base, err := pgdev.WorkBase()
	require.NoError(t, err)
	_, err = pgdev.Start(t.Context(), &pgdev.Config{ExtraSettings: map[string]string{"port_of_call": "1", "work_mem": base}})
	require.ErrorContains(t, err, "port_of_call")
	require.ErrorContains(t, err, "the server ended while starting")
	require.NotErrorIs(t, err, pgdev.ErrNoPostgres)
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := pgdev.Start(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	_, err := pgdev.Start(t.Context(), &pgdev.Config{MaxConnections: -1})
	require.ErrorContains(t, err, "MaxConnections")
	_, err = pgdev.Start(t.Context(), &pgdev.Config{InMemory: true, Durable: true})
	require.ErrorContains(t, err, "InMemory")
	_, err = pgdev.Start(t.Context(), &pgdev.Config{ExtraSettings: map[string]string{"a b": "c"}})
	require.ErrorContains(t, err, "ExtraSettings")
}

func TestNoWayTellsWhatToDo(t *testing.T) {
	t.Parallel()
	_, err := pgdev.StartNothing(t.Context())
	require.ErrorIs(t, err, pgdev.ErrNoPostgres)
	for _, text := range []string{"no horse", "apt-get install postgresql", "brew install", "export DATABASE_URL="} {
		require.ErrorContains(t, err, text)
	}
}

// not parallel: it sets the environment
func TestURLHonoursTheVariable(t *testing.T) {
	const existing = "postgres://somebody@example.com/db"
	t.Setenv(pgdev.EnvURL, existing)
	dsn, stop, err := pgdev.URL(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, existing, dsn)
	require.NoError(t, stop(t.Context()))

	t.Setenv(pgdev.EnvURL, "")
	dsn, stop, err = pgdev.URL(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, connect(t, dsn).Ping(t.Context()))
	require.NoError(t, stop(t.Context()))
	require.False(t, strings.HasPrefix(dsn, existing))
}
