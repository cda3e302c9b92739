package migrations_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/migrations"
)

var (
	_ migrations.Querier = (*pgx.Conn)(nil)
	_ migrations.Querier = pgx.Tx(nil)
)

func TestCheckOfAMissingSchema(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	err := migrations.Check(t.Context(), pool)
	require.ErrorIs(t, err, migrations.ErrSchemaMissing)
	require.ErrorContains(t, err, "(run carillon migrate up)")
	exec(t, pool, "CREATE SCHEMA carillon")
	require.ErrorIs(t, migrations.Check(t.Context(), pool), migrations.ErrSchemaMissing, "an empty schema is as good as none")
}

func TestCheckInATransaction(t *testing.T) {
	t.Parallel()
	tx := dbtest.Tx(t)
	require.NoError(t, migrations.Check(t.Context(), tx))
	_, err := tx.Exec(t.Context(), "DROP TABLE carillon.river_migration")
	require.NoError(t, err)
	var pending *migrations.PendingError
	require.ErrorAs(t, migrations.Check(t.Context(), tx), &pending)
	require.Equal(t, migrations.SourceRiver, pending.Pending[0].Source)
}

func TestCheckOfAnOlderSchema(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	_, err := with(1).Up(t.Context(), pool)
	require.NoError(t, err)
	newer := with(2, expand, contract)
	err = newer.Check(t.Context(), pool)
	var pending *migrations.PendingError
	require.ErrorAs(t, err, &pending)
	require.Len(t, pending.Pending, 2)
	require.EqualError(t, err,
		"the schema carillon lacks carillon 00002_expand, carillon 00003_contract (run carillon migrate up)")
	_, err = newer.Up(t.Context(), pool)
	require.NoError(t, err)
	require.NoError(t, newer.Check(t.Context(), pool))
}

func TestOldAndNewRunSideBySide(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	old, next := with(1), with(1, expand)
	_, err := next.Up(t.Context(), pool)
	require.NoError(t, err)
	// River may be newer there, too.
	exec(t, pool, "INSERT INTO carillon.river_migration (line, version) VALUES ('main', 1000), ('theirs', 1)")

	require.NoError(t, old.Check(t.Context(), pool))
	report, err := old.Up(t.Context(), pool)
	require.NoError(t, err)
	require.Empty(t, report.Migrations)
	all, err := old.Status(t.Context(), pool)
	require.NoError(t, err)
	unknown := all[len(all)-1]
	require.Equal(t, "carillon 00002", unknown.String())
	require.False(t, unknown.Known())
	require.False(t, unknown.Pending())

	var refused *migrations.UnknownError
	_, err = old.Down(t.Context(), pool, &migrations.DownOpts{Steps: 1})
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []migrations.Migration{unknown}, refused.Unknown)
	_, err = old.Down(t.Context(), pool, &migrations.DownOpts{})
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Unknown, 2, "River's unknown one would be in the way as well")
	require.ErrorContains(t, err, "river 01000, carillon 00002")
	require.NoError(t, next.Check(t.Context(), pool), "nothing was undone")
}

func TestSchemaAboveOurLevelIsRefused(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	newer := released(t, migrations.Compatibility+1, map[string]string{"99999_contract.sql": `-- +goose Up
UPDATE carillon.schema_info SET compatibility = compatibility + 1;
-- +goose Down
UPDATE carillon.schema_info SET compatibility = compatibility - 1;
`})
	_, err := newer.Up(t.Context(), pool)
	require.NoError(t, err)
	require.NoError(t, newer.Check(t.Context(), pool))

	want := &migrations.TooNewError{Schema: migrations.Compatibility + 1, Binary: migrations.Compatibility}
	var refused *migrations.TooNewError
	require.ErrorAs(t, migrations.Check(t.Context(), pool), &refused)
	require.Equal(t, want, refused)
	_, err = migrations.Up(t.Context(), pool, nil)
	require.ErrorAs(t, err, &refused)
	_, err = migrations.Down(t.Context(), pool, nil)
	require.ErrorAs(t, err, &refused)

	_, err = newer.Down(t.Context(), pool, &migrations.DownOpts{Steps: 1})
	require.NoError(t, err)
	require.NoError(t, migrations.Check(t.Context(), pool))
}
