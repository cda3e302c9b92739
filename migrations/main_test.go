package migrations_test

import (
	"context"
	"io/fs"
	"log/slog"
	"maps"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/migrations"
)

// TestMain keeps the lines about each migration out of the output.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

// emptyPool is a pool on a database without our schema.
func emptyPool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return open(t, dbtest.EmptyDSN(t))
}

func open(t *testing.T, dsn string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func exec(t *testing.T, pool *pgxpool.Pool, sql string) {
	t.Helper()
	_, err := pool.Exec(t.Context(), sql)
	require.NoError(t, err)
}

// with is a set of migrations: the first version of some program, and more.
func with(compatibility int, files ...map[string]string) migrations.Set {
	all := fstest.MapFS{"00001_begin.sql": {Data: []byte(`-- +goose Up
CREATE TABLE carillon.schema_info (compatibility integer NOT NULL);
INSERT INTO carillon.schema_info (compatibility) VALUES (1);
-- +goose Down
DROP TABLE carillon.schema_info;
`)}}
	for _, more := range files {
		for name, content := range more {
			all[name] = &fstest.MapFile{Data: []byte(content)}
		}
	}
	return migrations.NewSet(all, compatibility)
}

var (
	expand   = map[string]string{"00002_expand.sql": "-- +goose Up\nCREATE TABLE carillon.more ();\n-- +goose Down\nDROP TABLE carillon.more;\n"}
	contract = map[string]string{"00003_contract.sql": "-- +goose Up\nUPDATE carillon.schema_info SET compatibility = 2;\n" +
		"-- +goose Down\nUPDATE carillon.schema_info SET compatibility = 1;\n"}
	broken = map[string]string{"00003_break.sql": "-- +goose Up\nCREATE TABLE carillon.half ();\nSELECT 1 / 0;\n-- +goose Down\nSELECT 1;\n"}
)

// released is our own files with others added, as a newer program would have them.
func released(t *testing.T, compatibility int, more map[string]string) migrations.Set {
	t.Helper()
	files := fstest.MapFS{}
	ours, err := fs.Sub(migrations.FS, "sql")
	require.NoError(t, err)
	names, err := fs.Glob(ours, "*.sql")
	require.NoError(t, err)
	for _, name := range names {
		content, err := fs.ReadFile(ours, name)
		require.NoError(t, err)
		files[name] = &fstest.MapFile{Data: content}
	}
	for name, content := range more {
		files[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return migrations.NewSet(maps.Clone(files), compatibility)
}

// catalogue describes everything in the schema carillon, one object a line.
func catalogue(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	const query = `
		WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname = 'carillon')
		SELECT format('relation %s %s %s %s', relname, relkind, relpersistence, reloptions)
		FROM pg_class WHERE relnamespace IN (SELECT oid FROM ours)
		UNION ALL
		SELECT format('column %s.%s %s not null %s default %s identity %s generated %s', c.relname, a.attname,
			format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated)
		FROM pg_attribute a
		JOIN pg_class c ON c.oid = a.attrelid AND c.relnamespace IN (SELECT oid FROM ours)
		LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE a.attnum > 0 AND NOT a.attisdropped
		UNION ALL
		SELECT format('index %s', pg_get_indexdef(i.indexrelid))
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid AND c.relnamespace IN (SELECT oid FROM ours)
		UNION ALL
		SELECT format('constraint %s on %s %s', conname, conrelid::regclass, pg_get_constraintdef(oid))
		FROM pg_constraint WHERE connamespace IN (SELECT oid FROM ours)
		UNION ALL
		SELECT format('function %s %s %s', pg_get_functiondef(oid), proowner::regrole, proacl)
		FROM pg_proc WHERE pronamespace IN (SELECT oid FROM ours) AND prokind IN ('f', 'p')
		UNION ALL
		SELECT format('type %s %s %s', t.typname, t.typtype,
			(SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
		FROM pg_type t WHERE t.typnamespace IN (SELECT oid FROM ours)
		UNION ALL
		SELECT format('trigger %s', pg_get_triggerdef(g.oid))
		FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid AND c.relnamespace IN (SELECT oid FROM ours)
		WHERE NOT g.tgisinternal
		UNION ALL
		SELECT format('partition %s of %s', inhrelid::regclass, inhparent::regclass)
		FROM pg_inherits JOIN pg_class c ON c.oid = inhparent AND c.relnamespace IN (SELECT oid FROM ours)
		UNION ALL
		SELECT format('comment on %s: %s', pg_describe_object(classoid, objoid, objsubid), description)
		FROM pg_description WHERE pg_describe_object(classoid, objoid, objsubid) LIKE '%carillon.%'
		ORDER BY 1`
	rows, err := pool.Query(t.Context(), query)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return lines
}

// schemaExists asks whether there is a schema carillon.
func schemaExists(t *testing.T, pool *pgxpool.Pool) (exists bool) {
	t.Helper()
	err := pool.QueryRow(context.WithoutCancel(t.Context()),
		"SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'carillon')").Scan(&exists)
	require.NoError(t, err)
	return exists
}
