package dispatchtest

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/internal/dbtest"
)

// Tx returns a transaction in a migrated database that the tests of a process share, and rolls it back at the end of
// the test; its Commit fails. It is the fast way. Two such transactions that write the same person, or tell the same
// person in the app, wait for each other, so parallel tests use ids of their own, or [Pool].
//
// The server is the one that DATABASE_URL names, on which the role must be allowed to create databases; it touches no
// others. Without that variable a private Postgres is raised, and ends with the process.
func Tx(tb testing.TB) pgx.Tx {
	tb.Helper()
	return dbtest.Tx(tb)
}

// Pool returns a pool on a migrated database of the test's own, on the same server as [Tx]. It is dropped at the end
// of the test. Take it for tables of the application, for commits, and for a running worker.
func Pool(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	return dbtest.Pool(tb)
}
