package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/dispatch"
)

func key(k string) *dispatch.EmitOpts { return &dispatch.EmitOpts{IdempotencyKey: k} }

func TestARepeatedEmitReturnsTheFirstEvent(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	first := b.emit(key("k"))
	require.False(t, first.Duplicate)
	before := b.counts()
	for range 3 {
		again := b.emit(key("k"))
		require.True(t, again.Duplicate)
		require.Equal(t, first.EventID, again.EventID)
	}
	require.Equal(t, before, b.counts())
	require.False(t, b.emit(nil).Duplicate)
	require.False(t, b.emit(nil).Duplicate, "without a key every emit is an event")
	require.False(t, b.emit(key("k2")).Duplicate)
}

func TestAKeyOfOtherContentIsAConflictThatSparesTheTransaction(t *testing.T) {
	t.Parallel()
	b, pool := committing(t)
	at := time.Now().Add(time.Hour)
	with := func(change func(*dispatch.EmitOpts)) *dispatch.EmitOpts {
		opts := &dispatch.EmitOpts{IdempotencyKey: "k", At: at, Actor: "ann"}
		change(opts)
		return opts
	}
	same := func(*dispatch.EmitOpts) {}
	first := b.emit(with(same))
	before := b.counts()
	other := a7
	other.Note = "another"
	for _, tt := range []struct {
		name    string
		event   string
		payload order
		opts    *dispatch.EmitOpts
	}{
		{"Body", "created", other, with(same)},
		{"Name", "billed", a7, with(same)},
		{"ResourceID", "created", a7, with(func(o *dispatch.EmitOpts) { o.ResourceID = "B8" })},
		{"ResourceType", "created", a7, with(func(o *dispatch.EmitOpts) { o.ResourceType = "carts" })},
		{"Time", "created", a7, with(func(o *dispatch.EmitOpts) { o.At = at.Add(time.Microsecond) })},
		{"NoTime", "created", a7, with(func(o *dispatch.EmitOpts) { o.At = time.Time{} })},
		{"Savepoint", "created", other, with(func(o *dispatch.EmitOpts) { o.Savepoint = true })},
	} {
		require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			emitted, err := b.orders.EmitTx(t.Context(), tx, tt.event, tt.payload, tt.opts)
			var conflict *dispatch.ConflictError
			require.ErrorAs(t, err, &conflict, tt.name)
			require.Equal(t, first.EventID, conflict.EventID, tt.name)
			require.Contains(t, err.Error(), first.EventID.String())
			require.Zero(t, emitted, tt.name)
			_, err = tx.Exec(t.Context(), "CREATE TABLE later_"+tt.name+" ()")
			return err
		}))
		require.True(t, read[bool](b, "SELECT to_regclass('later_"+tt.name+"') IS NOT NULL"), "%s: what came later is committed", tt.name)
	}
	require.Equal(t, before, b.counts())
	require.True(t, b.emit(with(func(o *dispatch.EmitOpts) { o.Actor, o.Trace, o.Priority = "bob", "t", dispatch.Bulk })).Duplicate,
		"who emits, and how urgently, is not what the event says")
}

func TestKeysOfTenantsAreIndependent(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	seen := map[uuid.UUID]bool{}
	for _, tenant := range []string{"", "acme", "Acme"} {
		emitted := b.emit(&dispatch.EmitOpts{IdempotencyKey: "k", Tenant: tenant})
		require.False(t, emitted.Duplicate)
		seen[emitted.EventID] = true
	}
	require.Len(t, seen, 3)
}

func TestTheSameBodyWrittenDifferentlyIsTheSame(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	b.publish()
	emit := func(data string) dispatch.Emitted {
		emitted, err := dispatch.EmitPublishedTx(b.ctx(), tx, "orders.created", json.RawMessage(data), key("k"))
		require.NoError(t, err, data)
		return emitted
	}
	first := emit(`{"id": "A7", "n": 1, "list": [1, {"x": null, "y": "ü"}]}`)
	for _, data := range []string{
		`{"n":1,"list":[1,{"y":"\u00fc","x":null}],"id":"A7"}`,
		"{\n \"id\" : \"A7\", \"list\" : [ 1.0, {\"x\":null,\"y\":\"ü\"} ], \"n\" : 1e0 }",
	} {
		again := emit(data)
		require.True(t, again.Duplicate)
		require.Equal(t, first.EventID, again.EventID)
	}
	for _, data := range []string{
		`{"id": "A7", "n": 2, "list": [1, {"x": null, "y": "ü"}]}`,
		`{"id": "A7", "n": 1, "list": [{"x": null, "y": "ü"}, 1]}`,
		`{"id": "A7", "n": "1", "list": [1, {"x": null, "y": "ü"}]}`,
		`{"id": "A7", "n": 1, "list": [1, {"y": "ü"}]}`,
	} {
		_, err := dispatch.EmitPublishedTx(b.ctx(), tx, "orders.created", json.RawMessage(data), key("k"))
		var conflict *dispatch.ConflictError
		require.ErrorAs(t, err, &conflict, data)
	}
}

// Go and SQL say the same thing, so a key that one has used is a duplicate for the other.
func TestGoAndSQLAgreeOnWhatIsTheSame(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	b.publish()
	first := b.emitEvent("created", a7, &dispatch.EmitOpts{IdempotencyKey: "k", Tenant: "acme"})
	again, err := dispatch.EmitPublishedTx(b.ctx(), tx, "orders.created", json.RawMessage(`{"id": "A7", "user_id": "ann", "note": ""}`),
		&dispatch.EmitOpts{IdempotencyKey: "k", Tenant: "acme", ResourceID: "A7"})
	require.NoError(t, err)
	require.True(t, again.Duplicate)
	require.Equal(t, first.EventID, again.EventID)
}

func TestAnEmptyKeyIsNoKey(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	b.publish()
	for _, options := range []string{`{"idempotency_key": ""}`, `{"idempotency_key": null}`} {
		for range 2 {
			require.False(t, read[bool](b, "SELECT duplicate FROM carillon.emit('orders.created', '{}', $1)", options), options)
		}
	}
}

// race emits with one key from 50 goroutines, each until it has committed, and returns their answers.
func race(t *testing.T, b *bundle, pool interface {
	BeginTx(context.Context, pgx.TxOptions) (pgx.Tx, error)
}, isolation pgx.TxIsoLevel, k string, rollbacks bool,
) []dispatch.Emitted {
	t.Helper()
	var group errgroup.Group
	var mu sync.Mutex
	var answers []dispatch.Emitted
	begin := make(chan struct{})
	for range 50 {
		group.Go(func() error {
			<-begin
			for {
				emitted, err := emitOnce(t.Context(), b, pool, isolation, k, rollbacks && rand.N(4) == 0)
				var pgErr *pgconn.PgError
				switch {
				case errors.Is(err, errRolledBack), errors.As(err, &pgErr) && pgErr.Code == "40001" && isolation == pgx.RepeatableRead:
					continue
				case err != nil:
					return err
				}
				mu.Lock()
				answers = append(answers, emitted)
				mu.Unlock()
				return nil
			}
		})
	}
	close(begin)
	require.NoError(t, group.Wait())
	return answers
}

var errRolledBack = errors.New("rolled back")

func emitOnce(ctx context.Context, b *bundle, pool interface {
	BeginTx(context.Context, pgx.TxOptions) (pgx.Tx, error)
}, isolation pgx.TxIsoLevel, k string, rollback bool,
) (emitted dispatch.Emitted, err error) {
	tx, err := pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: isolation})
	if err != nil {
		return emitted, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	// A snapshot from before the winner's commit is what makes the stricter level interesting.
	if _, err := tx.Exec(ctx, "SELECT 1 FROM carillon.events LIMIT 1"); err != nil {
		return emitted, err
	}
	if emitted, err = b.orders.EmitTx(ctx, tx, "created", a7, key(k)); err != nil {
		return emitted, err
	}
	if rollback {
		return emitted, errRolledBack
	}
	return emitted, tx.Commit(ctx)
}

func TestFiftyGoroutinesWithOneKeyEmitOnce(t *testing.T) {
	t.Parallel()
	for _, isolation := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead} {
		for _, rollbacks := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%t", isolation, rollbacks), func(t *testing.T) {
				t.Parallel()
				b, pool := committing(t)
				before := b.counts()
				for k := range 4 {
					answers := race(t, b, pool, isolation, fmt.Sprint(k), rollbacks)
					firsts := map[uuid.UUID]int{}
					ids := map[uuid.UUID]int{}
					for _, a := range answers {
						ids[a.EventID]++
						if !a.Duplicate {
							firsts[a.EventID]++
						}
					}
					require.Len(t, ids, 1)
					require.Equal(t, map[uuid.UUID]int{answers[0].EventID: 50}, ids)
					require.Equal(t, map[uuid.UUID]int{answers[0].EventID: 1}, firsts)
				}
				require.Equal(t, map[string]int{"events": 4, "receipts": 12, "river_job": 12}, added(before, b.counts()))
			})
		}
	}
}

func TestAnActionOfSeveralEventsIsRepeatedAsAWhole(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	first, err := b.orders.TriggerTx(b.ctx(), tx, checkout, a7, key("k"))
	require.NoError(t, err)
	require.Len(t, first, 2)
	before := b.counts()
	again, err := b.orders.TriggerTx(b.ctx(), tx, checkout, a7, key("k"))
	require.NoError(t, err)
	for i := range first {
		require.False(t, first[i].Duplicate)
		first[i].Duplicate = true
	}
	require.Equal(t, first, again)
	require.Equal(t, before, b.counts())
	other := a7
	other.Note = "another"
	_, err = b.orders.TriggerTx(b.ctx(), tx, checkout, other, key("k"))
	var conflict *dispatch.ConflictError
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, before, b.counts())
}

func TestAnActionOfOneEventKeepsTheKeyAsItIs(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	first, err := b.orders.TriggerTx(b.ctx(), tx, create, a7, key("k"))
	require.NoError(t, err)
	again := b.emit(key("k"))
	require.True(t, again.Duplicate)
	require.Equal(t, first[0].EventID, again.EventID)
	require.Equal(t, "k", read[string](b, "SELECT idempotency_key FROM carillon.events WHERE id = $1", again.EventID))
}
