package sqltext_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/internal/sqltext"
	"github.com/carillon-notify/carillon/internal/dbtest"
)

func TestAQueryGetsTheArgumentsThatItUses(t *testing.T) {
	t.Parallel()
	tx := dbtest.Tx(t)
	for query, want := range map[string]sqltext.Row{
		`SELECT 7 AS id`:                                               {"id": "7"},
		`SELECT $1::jsonb ->> 'a' AS id`:                               {"id": "one"},
		`SELECT $1 ->> 'a' AS id, $2 AS b`:                             {"id": "one", "b": "acme"},
		`SELECT $2::text AS id`:                                        {"id": "acme"},
		`SELECT $2::text AS id, $1::jsonb ->> 'a' AS b, $2::text AS c`: {"id": "acme", "b": "one", "c": "acme"},
		`SELECT NULL AS id, '01890000-0000-7000-8000-000000000001'::uuid AS u, true AS t`: {
			"u": "01890000-0000-7000-8000-000000000001", "t": "t",
		},
	} {
		_, rows, err := sqltext.Query(t.Context(), tx, query,
			sqltext.Arg{Value: []byte(`{"a": "one"}`), Type: "jsonb"}, sqltext.Arg{Value: "acme", Type: "text"})
		require.NoError(t, err, query)
		require.Equal(t, []sqltext.Row{want}, rows, query)
	}
}

func TestColumnsAreNamedEvenWithoutRows(t *testing.T) {
	t.Parallel()
	columns, rows, err := sqltext.Query(t.Context(), dbtest.Tx(t), `SELECT 1 AS id, 2 AS b WHERE false`,
		sqltext.Arg{Value: "unused", Type: "text"})
	require.NoError(t, err)
	require.Equal(t, []string{"id", "b"}, columns)
	require.Empty(t, rows)
}
