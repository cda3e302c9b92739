package hook_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/hook"
	"github.com/carillon-notify/carillon/internal/dbtest"
)

// setup returns a transaction with a table and published events.
func setup(t *testing.T, events ...string) pgx.Tx {
	t.Helper()
	tx := dbtest.Tx(t)
	exec(t, tx, `CREATE SCHEMA hooked`)
	exec(t, tx, `CREATE TABLE hooked.orders (id int PRIMARY KEY, "user's" text, "back\slash" text)`)
	for _, event := range events {
		exec(t, tx, `INSERT INTO carillon.declarations (event, resource_type, fields, channels) VALUES ($1, 'orders', '{id}', '[]')`, event)
	}
	return tx
}

func exec(t *testing.T, tx pgx.Tx, sql string, args ...any) {
	t.Helper()
	_, err := tx.Exec(context.Background(), sql, args...)
	require.NoError(t, err)
}

func install(t *testing.T, tx pgx.Tx, cfg hook.Config) (*hook.Hook, error) {
	t.Helper()
	h, err := hook.New(context.Background(), tx, cfg)
	require.NoError(t, err)
	return h, h.Install(context.Background(), tx)
}

func TestNamesAreQuoted(t *testing.T) {
	t.Parallel()
	tx := setup(t, "hooked.quoted")
	_, err := install(t, tx, hook.Config{Table: "hooked.orders", Event: "hooked.quoted", Columns: []string{"user's", `back\slash`}})
	require.NoError(t, err)
	exec(t, tx, `INSERT INTO hooked.orders VALUES (7, 'a', 'b')`)
	var data, id string
	require.NoError(t, tx.QueryRow(context.Background(),
		`SELECT data::text, resource_id FROM carillon.events WHERE name = 'hooked.quoted'`).Scan(&data, &id))
	require.JSONEq(t, `{"user's": "a", "back\\slash": "b"}`, data)
	require.Equal(t, "7", id)
}

func TestEventsOfOneTriggerNameDoNotReplaceEachOther(t *testing.T) {
	t.Parallel()
	tx := setup(t, "hooked.a.b_c", "hooked.a_b.c")
	_, err := install(t, tx, hook.Config{Table: "hooked.orders", Event: "hooked.a.b_c"})
	require.NoError(t, err)
	_, err = install(t, tx, hook.Config{Table: "hooked.orders", Event: "hooked.a_b.c"})
	var invalid *hook.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.ErrorContains(t, err, "emits hooked.a.b_c (drop that hook first)")

	other, err := hook.NewRemoval(context.Background(), tx, "hooked.orders", "hooked.a_b.c")
	require.NoError(t, err)
	require.ErrorAs(t, other.Drop(context.Background(), tx), &invalid)
	own, err := hook.NewRemoval(context.Background(), tx, "hooked.orders", "hooked.a.b_c")
	require.NoError(t, err)
	require.NoError(t, own.Drop(context.Background(), tx))
	require.True(t, own.Dropped)
	_, err = install(t, tx, hook.Config{Table: "hooked.orders", Event: "hooked.a_b.c"})
	require.NoError(t, err)
}

func TestLongNamesStayApart(t *testing.T) {
	t.Parallel()
	long := "hooked." + strings.Repeat("x", 100)
	tx := setup(t, long+"1", long+"2")
	one, err := install(t, tx, hook.Config{Table: "hooked.orders", Event: long + "1"})
	require.NoError(t, err)
	two, err := install(t, tx, hook.Config{Table: "hooked.orders", Event: long + "2"})
	require.NoError(t, err)
	require.NotEqual(t, one.Trigger, two.Trigger)
	require.Len(t, one.Trigger, 63)
}

func TestABusyTableIsLeft(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := dbtest.Pool(t)
	_, err := pool.Exec(ctx, `CREATE TABLE busy (id int PRIMARY KEY)`)
	require.NoError(t, err)
	_, err = pool.Exec(ctx, `INSERT INTO carillon.declarations (event, fields, channels) VALUES ('busy.made', '{id}', '[]')`)
	require.NoError(t, err)
	writer, err := pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { require.NoError(t, writer.Rollback(ctx)) }()
	_, err = writer.Exec(ctx, `INSERT INTO busy VALUES (1)`)
	require.NoError(t, err)

	h, err := hook.New(ctx, pool, hook.Config{Table: "busy", Event: "busy.made"})
	require.NoError(t, err)
	require.Equal(t, "public.busy", h.Table)
	require.ErrorIs(t, h.Install(ctx, pool), hook.ErrBusy)
}

func TestWrongConfigsAreRefused(t *testing.T) {
	t.Parallel()
	tx := setup(t, "hooked.wrong")
	exec(t, tx, `INSERT INTO carillon.declarations (event, fields, channels) VALUES ('hooked.empty', '{}', '[]')`)
	good := hook.Config{Table: "hooked.orders", Event: "hooked.wrong"}
	for want, change := range map[string]func(*hook.Config){
		"is not published":              func(c *hook.Config) { c.Event = "hooked.unheard_of" },
		"declares no fields":            func(c *hook.Config) { c.Event = "hooked.empty" },
		`unknown operation "delete"`:    func(c *hook.Config) { c.On = []hook.Operation{"delete"} },
		`unknown mode "lax"`:            func(c *hook.Config) { c.Mode = "lax" },
		"has no column nope":            func(c *hook.Config) { c.IDColumn = "nope" },
		"does not exist":                func(c *hook.Config) { c.Table = "hooked.nowhere" },
		"is a table of carillon itself": func(c *hook.Config) { c.Table = "carillon.people" },
	} {
		cfg := good
		change(&cfg)
		_, err := hook.New(context.Background(), tx, cfg)
		require.ErrorContains(t, err, want)
	}
}
