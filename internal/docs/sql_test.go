package docs_test

import (
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/dbtest"
)

// TestSQLRuns runs each page's SQL in a database with an application's tables and the declarations of the README
// published.
func TestSQLRuns(t *testing.T) {
	t.Parallel()
	readme := read(t, filepath.Join(root, "README.md"))
	var shop string
	for _, b := range readme.blocks(t) {
		if b.language == "yaml" {
			shop = readme.text(b)
		}
	}
	file, err := load("README.md", shop)
	require.NoError(t, err)
	n := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks(t) {
			if b.language != "sql" {
				continue
			}
			n++
			tx := dbtest.Tx(t)
			_, err := file.Dispatcher.Publish(t.Context(), tx)
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), `
				CREATE SCHEMA app;
				CREATE TABLE app.orders (id serial PRIMARY KEY, user_id text, order_number text);
				CREATE TABLE app.users (id text, name text, email text, admin bool)`)
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), p.text(b), pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err, "%s:%d", p.name, b.first)
			require.NoError(t, tx.Rollback(t.Context()))
		}
	}
	require.Positive(t, n)
}
