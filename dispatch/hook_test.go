package dispatch_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
)

const sqlShop = "CREATE TABLE shop (id text PRIMARY KEY, user_id text, note text, tenant text, secret text)"

// buy is what a domain action does.
func buy(ctx context.Context, o order) func(pgx.Tx) (order, error) {
	return func(tx pgx.Tx) (order, error) {
		_, err := tx.Exec(ctx, "INSERT INTO shop (id, user_id) VALUES ($1, $2)", o.ID, o.UserID)
		return o, err
	}
}

func TestRunCommitsTheActionAndItsEvents(t *testing.T) {
	t.Parallel()
	b, pool := committing(t)
	b.exec(sqlShop)
	before := b.counts()
	got, err := b.orders.Run(t.Context(), pool, checkout, buy(t.Context(), a7), &dispatch.EmitOpts{Actor: "ann"})
	require.NoError(t, err)
	require.Equal(t, a7, got)
	require.Equal(t, 1, read[int](b, "SELECT count(*) FROM shop"))
	require.Equal(t, map[string]int{"events": 2, "receipts": 4, "river_job": 4}, added(before, b.counts()))
	require.Equal(t, []string{"orders.billed", "orders.created"}, list[string](b, "SELECT name FROM carillon.events WHERE actor = 'ann' ORDER BY name"))
}

func TestRunRollsBackBoth(t *testing.T) {
	t.Parallel()
	b, pool := committing(t)
	b.exec(sqlShop)
	b.exec("CREATE TABLE deferred (id text REFERENCES shop (id) DEFERRABLE INITIALLY DEFERRED)")
	before := b.counts()
	refused := errors.New("sold out")
	large := a7
	large.Note = strings.Repeat("x", dispatch.MaxData)
	for name, tt := range map[string]struct {
		act   func(tx pgx.Tx) (order, error)
		opts  *dispatch.EmitOpts
		check func(err error)
	}{
		"ActFails": {
			act: func(tx pgx.Tx) (order, error) {
				_, err := buy(t.Context(), a7)(tx)
				require.NoError(t, err)
				return a7, refused
			},
			check: func(err error) { require.ErrorIs(t, err, refused) },
		},
		"EmitIsRefused": {
			act: func(tx pgx.Tx) (order, error) {
				_, err := buy(t.Context(), a7)(tx)
				return large, err
			},
			check: func(err error) {
				var invalid *dispatch.InvalidError
				require.ErrorAs(t, err, &invalid)
			},
		},
		"EmitFails": {
			act: func(tx pgx.Tx) (order, error) {
				_, err := tx.Exec(t.Context(), "INSERT INTO shop (id) VALUES ('A7'); SET TRANSACTION READ ONLY")
				return a7, err
			},
			check: func(err error) { requireCode(t, err, "25006") },
		},
		"CommitFails": {
			act: func(tx pgx.Tx) (order, error) {
				_, err := tx.Exec(t.Context(), "INSERT INTO deferred VALUES ('nowhere')")
				return a7, err
			},
			check: func(err error) { requireCode(t, err, "23503") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.orders.Run(t.Context(), pool, checkout, tt.act, tt.opts)
			tt.check(err)
			require.Equal(t, before, b.counts())
			require.Zero(t, read[int](b, "SELECT count(*) FROM shop"))
		})
	}
}

func TestRunRollsBackWhenTheActionPanics(t *testing.T) {
	t.Parallel()
	b, pool := committing(t)
	b.exec(sqlShop)
	before := b.counts()
	require.PanicsWithValue(t, "boom", func() {
		_, _ = b.orders.Run(t.Context(), pool, create, func(tx pgx.Tx) (order, error) {
			_, err := buy(t.Context(), a7)(tx)
			require.NoError(t, err)
			_, err = b.orders.EmitTx(t.Context(), tx, "billed", a7, nil)
			require.NoError(t, err)
			panic("boom")
		}, nil)
	})
	require.Equal(t, before, b.counts())
	require.Zero(t, read[int](b, "SELECT count(*) FROM shop"))
	require.Zero(t, pool.Stat().AcquiredConns(), "the connection is given back")
}

func TestActionsThatAreNotDeclaredAreRefusedBeforeAnything(t *testing.T) {
	t.Parallel()
	_, handle := newOrders(t)
	_, err := handle.Run(t.Context(), nil, "nonsense", func(pgx.Tx) (order, error) {
		t.Error("the action was called")
		return a7, nil
	}, nil)
	require.ErrorIs(t, err, dispatch.ErrUnknownAction)
	_, err = handle.TriggerTx(t.Context(), untouched{}, "nonsense", a7, nil)
	require.ErrorIs(t, err, dispatch.ErrUnknownAction)
	_, err = handle.TriggerSQLTx(t.Context(), nil, "nonsense", a7, nil)
	require.ErrorIs(t, err, dispatch.ErrUnknownAction)
}

func TestAnActionWithoutEventsEmitsNothing(t *testing.T) {
	t.Parallel()
	_, handle := newOrders(t)
	emitted, err := handle.TriggerTx(t.Context(), untouched{}, archive, a7, nil)
	require.NoError(t, err)
	require.Empty(t, emitted)
}

func TestAnActionEmitsEachOfItsEvents(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	emitted, err := b.orders.TriggerTx(b.ctx(), tx, checkout, a7, nil)
	require.NoError(t, err)
	require.Len(t, emitted, 2)
	for i, name := range []string{"orders.created", "orders.billed"} {
		require.Equal(t, name, emitted[i].Event)
		require.Equal(t, name, read[string](b, "SELECT name FROM carillon.events WHERE id = $1", emitted[i].EventID))
		require.Len(t, b.receipts(emitted[i].EventID), []int{3, 1}[i])
	}
	emitted, err = b.orders.TriggerTx(b.ctx(), tx, create, a7, nil)
	require.NoError(t, err)
	require.Len(t, emitted, 1)
}

func TestDatabaseSQLWritesTheSameRows(t *testing.T) {
	t.Parallel()
	b, pool := committing(t)
	db := stdlib.OpenDB(*pool.Config().ConnConfig)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	opts := func(k string) *dispatch.EmitOpts {
		return &dispatch.EmitOpts{Tenant: "acme", Actor: "ann", Trace: "t", Priority: dispatch.Bulk, IdempotencyKey: k}
	}
	inTx := func(f func(tx *sql.Tx)) {
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		f(tx)
		require.NoError(t, tx.Commit())
	}
	same := func(theirs, ours dispatch.Emitted) {
		t.Helper()
		require.Equal(t, ours.Event, theirs.Event)
		normal := func(e dispatch.Emitted, k string) string {
			return strings.ReplaceAll(b.written(e.EventID), k, "key")
		}
		require.JSONEq(t, normal(ours, "ours"), normal(theirs, "theirs"))
	}
	ours := b.emit(opts("ours"))
	var theirs dispatch.Emitted
	inTx(func(tx *sql.Tx) {
		var err error
		theirs, err = b.orders.EmitSQLTx(t.Context(), tx, "created", a7, opts("theirs"))
		require.NoError(t, err)
		require.False(t, theirs.Duplicate)
	})
	same(theirs, ours)
	inTx(func(tx *sql.Tx) {
		again, err := b.orders.EmitSQLTx(t.Context(), tx, "created", a7, opts("theirs"))
		require.NoError(t, err)
		require.True(t, again.Duplicate)
		require.Equal(t, theirs.EventID, again.EventID)
		_, err = b.orders.EmitSQLTx(t.Context(), tx, "billed", a7, opts("theirs"))
		var conflict *dispatch.ConflictError
		require.ErrorAs(t, err, &conflict)
		_, err = b.orders.EmitSQLTx(t.Context(), tx, "nonsense", a7, nil)
		require.ErrorIs(t, err, dispatch.ErrUnknownEvent)
		_, err = b.orders.EmitSQLTx(t.Context(), tx, "created", a7, &dispatch.EmitOpts{Priority: 9})
		var invalid *dispatch.InvalidError
		require.ErrorAs(t, err, &invalid)
	})
	var both []dispatch.Emitted
	inTx(func(tx *sql.Tx) {
		var err error
		both, err = b.orders.TriggerSQLTx(t.Context(), tx, checkout, a7, &dispatch.EmitOpts{Savepoint: true})
		require.NoError(t, err)
	})
	require.Len(t, both, 2)
	same(both[0], b.emitEvent("created", a7, nil))
	same(both[1], b.emitEvent("billed", a7, nil))
}

func TestSavepointOfDatabaseSQLSparesTheTransaction(t *testing.T) {
	t.Parallel()
	b, pool := committing(t)
	db := stdlib.OpenDB(*pool.Config().ConnConfig)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	// The tenant makes a row that this constraint refuses.
	_, err = tx.ExecContext(t.Context(), "ALTER TABLE carillon.events ADD CHECK (tenant <> 'evil')")
	require.NoError(t, err)
	_, err = b.orders.EmitSQLTx(t.Context(), tx, "created", a7, &dispatch.EmitOpts{Tenant: "evil", Savepoint: true})
	requireCode(t, err, "23514")
	_, err = b.orders.EmitSQLTx(t.Context(), tx, "created", a7, nil)
	require.NoError(t, err)
	_, err = b.orders.EmitSQLTx(t.Context(), tx, "created", a7, &dispatch.EmitOpts{Tenant: "evil"})
	requireCode(t, err, "23514")
	_, err = tx.ExecContext(t.Context(), "SELECT 1")
	requireCode(t, err, "25P02")
	require.NoError(t, tx.Rollback())
}

func TestAnEmitOfACancelledContextSaysSo(t *testing.T) {
	t.Parallel()
	b, pool := committing(t)
	ctx, cancel := context.WithCancel(t.Context())
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	cancel()
	_, err = b.orders.EmitTx(ctx, tx, "created", a7, &dispatch.EmitOpts{Savepoint: true})
	require.ErrorIs(t, err, context.Canceled)
	_ = tx.Rollback(t.Context())
	require.Zero(t, read[int](b, "SELECT count(*) FROM carillon.events"))
}

func TestAHandleIsForManyGoroutines(t *testing.T) {
	t.Parallel()
	b, pool := committing(t)
	errs := make(chan error, 20)
	for range cap(errs) {
		go func() {
			_, err := b.orders.Run(t.Context(), pool, checkout, func(pgx.Tx) (order, error) { return a7, nil }, &dispatch.EmitOpts{At: time.Now()})
			errs <- err
		}()
	}
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
	require.Equal(t, 40, read[int](b, "SELECT count(*) FROM carillon.events"))
}
