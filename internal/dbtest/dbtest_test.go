package dbtest_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/migrations"
)

func same(url string) string { return url }

func fork(t *testing.T, rewriteFunc func(string) string) *dbtest.Fork {
	t.Helper()
	fork, err := dbtest.Open(t.Context(), rewriteFunc)
	require.NoError(t, err)
	t.Cleanup(fork.Admin().Close)
	return fork
}

func databaseExists(t *testing.T, name string) (exists bool) {
	t.Helper()
	require.NoError(t, fork(t, same).Admin().QueryRow(t.Context(),
		"SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&exists))
	return exists
}

func TestPoolIsMigratedAndOfTheTestAlone(t *testing.T) {
	t.Parallel()
	var names []string
	t.Run("Two", func(t *testing.T) {
		for range 2 {
			pool := dbtest.Pool(t)
			require.NoError(t, migrations.Check(t.Context(), pool))
			_, err := pool.Exec(t.Context(), "CREATE TABLE mine (id integer)")
			require.NoError(t, err)
			names = append(names, pool.Config().ConnConfig.Database)
			require.True(t, databaseExists(t, names[len(names)-1]))
		}
	})
	require.NotEqual(t, names[0], names[1])
	for _, name := range names {
		require.False(t, databaseExists(t, name), "dropped at the end of the test")
	}
}

func TestDSNIsDroppedThoughInUse(t *testing.T) {
	t.Parallel()
	var conn *pgx.Conn
	t.Run("LeavesAConnection", func(t *testing.T) {
		var err error
		conn, err = pgx.Connect(context.Background(), dbtest.DSN(t))
		require.NoError(t, err)
		require.NoError(t, migrations.Check(t.Context(), conn))
	})
	require.Error(t, conn.Ping(t.Context()))
	require.False(t, databaseExists(t, conn.Config().Database))
}

func TestEmptyDSNHasNoSchema(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), dbtest.EmptyDSN(t))
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.ErrorIs(t, migrations.Check(t.Context(), conn), migrations.ErrSchemaMissing)
}

func TestTxIsRolledBackAndCannotCommit(t *testing.T) {
	t.Parallel()
	t.Run("Changes", func(t *testing.T) {
		tx := dbtest.Tx(t)
		require.NoError(t, migrations.Check(t.Context(), tx))
		_, err := tx.Exec(t.Context(), "CREATE TABLE carillon.never (id integer)")
		require.NoError(t, err)
		require.ErrorContains(t, tx.Commit(t.Context()), "must not commit")
		inner, err := tx.Begin(t.Context())
		require.NoError(t, err)
		require.NoError(t, inner.Commit(t.Context()), "a savepoint may be released")
	})
	t.Run("RollsBackItself", func(t *testing.T) { require.NoError(t, dbtest.Tx(t).Rollback(t.Context())) })
	var exists bool
	require.NoError(t, dbtest.Tx(t).QueryRow(t.Context(), "SELECT to_regclass('carillon.never') IS NOT NULL").Scan(&exists))
	require.False(t, exists)
}

func TestTemplateIsMadeOnceForAllProcesses(t *testing.T) {
	t.Parallel()
	names := make([]string, 4)
	var group errgroup.Group
	for i := range names {
		fork := fork(t, same)
		group.Go(func() (err error) {
			names[i], err = fork.Template()
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, "carillon_template_"+migrations.Fingerprint()[:16], names[0])
	for _, name := range names {
		require.Equal(t, names[0], name)
	}
}

// keywords turns a URL into the other form that libpq knows.
func keywords(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		panic(err)
	}
	password, _ := u.User.Password()
	return fmt.Sprintf("host=%s port=%s user=%s password=%s dbname=%s sslmode=disable",
		u.Hostname(), u.Port(), u.User.Username(), password, u.Path[1:])
}

func TestBothFormsOfURL(t *testing.T) {
	t.Parallel()
	want := dbtest.EmptyDSN(t)
	config, err := pgx.ParseConfig(want)
	require.NoError(t, err)
	withQuery := func(dsn string) string {
		u, err := url.Parse(dsn)
		require.NoError(t, err)
		query := u.Query()
		query.Set("dbname", "postgres")
		u.RawQuery = query.Encode()
		return u.String()
	}
	for name, rewrite := range map[string]func(string) string{"URL": same, "Keywords": keywords, "Query": withQuery} {
		t.Run(name, func(t *testing.T) {
			dsn, err := fork(t, rewrite).DSN(config.Database)
			require.NoError(t, err)
			pool, err := pgxpool.New(t.Context(), dsn)
			require.NoError(t, err)
			defer pool.Close()
			var current string
			require.NoError(t, pool.QueryRow(t.Context(), "SELECT current_database()").Scan(&current))
			require.Equal(t, config.Database, current)
		})
	}
}

func TestSweepDropsOnlyOldAndUnused(t *testing.T) {
	t.Parallel()
	fork := fork(t, same)
	unused, err := fork.CreateEmpty(t.Context())
	require.NoError(t, err)
	used := dbtest.EmptyDSN(t)
	conn, err := pgx.Connect(t.Context(), used)
	require.NoError(t, err)
	defer conn.Close(context.Background())

	require.NoError(t, fork.Sweep(t.Context(), time.Now()))
	require.True(t, databaseExists(t, unused), "too young")
	// Asking for a later time would take the databases of other tests that are between two connections; so the database
	// is made to look old instead.
	old := "carillon_test_20200101000000_" + unused[len(unused)-12:]
	oldUsed := "carillon_test_20200101000001_" + unused[len(unused)-12:]
	_, err = fork.Admin().Exec(t.Context(), fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", unused, old))
	require.NoError(t, err)
	_, err = fork.Admin().Exec(t.Context(), "CREATE DATABASE "+oldUsed)
	require.NoError(t, err)
	defer func() { require.NoError(t, fork.Drop(context.Background(), oldUsed)) }()
	dsn, err := fork.DSN(oldUsed)
	require.NoError(t, err)
	holder, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer holder.Close(context.Background())

	require.NoError(t, fork.Sweep(t.Context(), time.Now()))
	require.False(t, databaseExists(t, old))
	require.True(t, databaseExists(t, oldUsed), "somebody uses it")
	require.True(t, databaseExists(t, conn.Config().Database))
}

// BenchmarkClone measures what a test pays for a database of its own.
func BenchmarkClone(b *testing.B) {
	fork, err := dbtest.Open(b.Context(), same)
	require.NoError(b, err)
	_, err = fork.Template()
	require.NoError(b, err)
	b.Run("Create", func(b *testing.B) {
		for b.Loop() {
			name, err := fork.Clone(b.Context())
			require.NoError(b, err)
			b.StopTimer()
			require.NoError(b, fork.Drop(b.Context(), name))
			b.StartTimer()
		}
	})
	b.Run("CreateUseDrop", func(b *testing.B) {
		for b.Loop() {
			name, err := fork.Clone(b.Context())
			require.NoError(b, err)
			dsn, err := fork.DSN(name)
			require.NoError(b, err)
			conn, err := pgx.Connect(b.Context(), dsn)
			require.NoError(b, err)
			require.NoError(b, conn.Close(b.Context()))
			require.NoError(b, fork.Drop(b.Context(), name))
		}
	})
}
