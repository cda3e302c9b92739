package dispatch_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/transports"
)

func changed(t *testing.T, b *bundle, change func(*dispatch.Resource[order])) []string {
	t.Helper()
	resource := orders()
	change(&resource)
	d, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{resource}, Transports: []transports.Spec{gongs()},
		Categories: []dispatch.Category{{Name: "orders"}},
	})
	require.NoError(t, err)
	names, err := d.Publish(b.ctx(), b.db)
	require.NoError(t, err)
	return names
}

func TestPublishReportsWhatIsNewOrChanged(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	nothing := func(*dispatch.Resource[order]) {}
	require.Equal(t, []string{"orders.billed", "orders.created"}, changed(t, b, nothing))
	require.Empty(t, changed(t, b, nothing))
	for name, change := range map[string]func(*dispatch.Event[order]){
		"Channels":     func(e *dispatch.Event[order]) { e.Channels = e.Channels[:1] },
		"Delay":        func(e *dispatch.Event[order]) { e.Channels[0].Delay = time.Second },
		"Category":     func(e *dispatch.Event[order]) { e.Category = "orders" },
		"Priority":     func(e *dispatch.Event[order]) { e.Priority = dispatch.Bulk },
		"ExpiresAfter": func(e *dispatch.Event[order]) { e.ExpiresAfter = time.Minute },
	} {
		edit := func(r *dispatch.Resource[order]) { change(&r.Events[0]) }
		require.Equal(t, []string{"orders.created"}, changed(t, b, edit), name)
		require.Empty(t, changed(t, b, edit), name)
		require.Equal(t, []string{"orders.created"}, changed(t, b, nothing), "%s: back again", name)
	}
	words := func(r *dispatch.Resource[order]) { r.Events[0].Content.Message = "Thanks." }
	require.Empty(t, changed(t, b, words), "what messages say is not what emit needs")
}

func TestWhatIsPublishedAgainIsEmittedAnew(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	channels := func() map[string]receipt {
		emitted, err := dispatch.EmitPublishedTx(b.ctx(), tx, "orders.created", json.RawMessage(`{}`), nil)
		require.NoError(t, err)
		return b.receipts(emitted.EventID)
	}
	b.publish()
	require.Len(t, channels(), 3)
	changed(t, b, func(r *dispatch.Resource[order]) {
		r.Events[0].Channels = r.Events[0].Channels[1:2]
		r.Events[0].Priority = dispatch.Bulk
	})
	got := channels()
	require.Len(t, got, 1)
	require.Equal(t, "email_bulk", got["email.user"].Queue)
}

func TestAnEventThatIsNoLongerDeclaredStaysPublished(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	b.publish()
	require.Empty(t, changed(t, b, func(r *dispatch.Resource[order]) { r.Events = r.Events[:1] }))
	_, err := dispatch.EmitPublishedTx(b.ctx(), tx, "orders.billed", json.RawMessage(`{}`), nil)
	require.NoError(t, err)
}

func TestPublishStoresFieldsCategoryAndResource(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	changed(t, b, func(r *dispatch.Resource[order]) { r.Events[0].Category = "orders" })
	require.Equal(t, []string{"orders", "orders", "id,note,user_id"}, read[[]string](b, `SELECT ARRAY[resource_type, category,
		(SELECT string_agg(f, ',' ORDER BY f) FROM unnest(fields) f)] FROM carillon.declarations WHERE event = 'orders.created'`))
}

func TestAnEventWithoutKnownFieldsIsPublished(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{dispatch.Resource[dispatch.Data]{
		Name:      "things",
		Audiences: map[string]dispatch.Audience{"user": dispatch.Field("user_id")},
		Events: []dispatch.Event[dispatch.Data]{{
			Name: "made", Channels: []dispatch.Channel{{Transport: "email", Audience: "user"}},
			Content: dispatch.Content{Subject: "Made", Text: "Made."},
		}},
	}}})
	require.NoError(t, err)
	names, err := d.Publish(b.ctx(), b.db)
	require.NoError(t, err)
	require.Equal(t, []string{"things.made"}, names)
}

func TestPublishersDoNotStandInEachOthersWay(t *testing.T) {
	t.Parallel()
	b, pool := committing(t)
	var group errgroup.Group
	for range 10 {
		group.Go(func() error {
			_, err := b.d.Publish(t.Context(), pool)
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, 2, read[int](b, "SELECT count(*) FROM carillon.declarations"))
}

// wakes emits in n transactions that are open at the same time, commits them all, and counts what a listener hears. It
// returns also how many time slots passed between the first emit and the last.
func wakes(t *testing.T, n int, lane string, emit func(b *bundle, tx pgx.Tx)) (heard, slots int) {
	t.Helper()
	b, pool := committing(t)
	listener, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer listener.Release()
	_, err = listener.Exec(t.Context(), `LISTEN "carillon.river_insert"; LISTEN "end"`)
	require.NoError(t, err)
	txs := make([]pgx.Tx, n)
	for i := range txs {
		txs[i], err = pool.Begin(t.Context())
		require.NoError(t, err)
		t.Cleanup(func() { _ = txs[i].Rollback(context.WithoutCancel(t.Context())) })
		// The first emit of a connection is slow. This one wakes another lane.
		_, err = b.orders.EmitTx(t.Context(), txs[i], "billed", a7, nil)
		require.NoError(t, err)
	}
	const sqlSlot = "SELECT floor(extract(epoch FROM clock_timestamp()) * 100)::bigint"
	from := read[int](b, sqlSlot)
	for _, tx := range txs {
		emit(b, tx)
	}
	slots = read[int](b, sqlSlot) - from + 2 // The function rounds where this floors.
	for _, tx := range txs {
		require.NoError(t, tx.Commit(t.Context()))
	}
	b.exec(`NOTIFY "end"`)
	for {
		notification, err := listener.Conn().WaitForNotification(t.Context())
		require.NoError(t, err)
		if notification.Channel == "end" {
			return heard, slots
		}
		var payload struct{ Queue string }
		require.NoError(t, json.Unmarshal([]byte(notification.Payload), &payload))
		if payload.Queue == lane {
			heard++
		}
	}
}

func TestOneWriterOfATimeSlotWakesTheLane(t *testing.T) {
	t.Parallel()
	heard, slots := wakes(t, 20, "email_default", func(b *bundle, tx pgx.Tx) {
		_, err := b.orders.EmitTx(b.ctx(), tx, "created", a7, nil)
		require.NoError(b.t, err)
	})
	require.GreaterOrEqual(t, heard, 1)
	require.LessOrEqual(t, heard, slots)
}

func TestEveryLaneOfAnEmitIsWoken(t *testing.T) {
	t.Parallel()
	for _, lane := range []string{"email_default", "in_app_default", "gongs_default"} {
		heard, _ := wakes(t, 1, lane, func(b *bundle, tx pgx.Tx) {
			_, err := b.orders.EmitTx(b.ctx(), tx, "created", a7, nil)
			require.NoError(b.t, err)
		})
		require.Equal(t, 1, heard, lane)
	}
}

func TestWhatIsPostponedWakesNobody(t *testing.T) {
	t.Parallel()
	heard, _ := wakes(t, 1, "email_default", func(b *bundle, tx pgx.Tx) {
		_, err := b.orders.EmitTx(b.ctx(), tx, "created", a7, &dispatch.EmitOpts{At: time.Now().Add(time.Hour)})
		require.NoError(b.t, err)
	})
	require.Zero(t, heard)
}

// A wake-up that went with a savepoint is given again.
func TestAnEmitAfterARolledBackOneWakesTheLane(t *testing.T) {
	t.Parallel()
	heard, _ := wakes(t, 1, "email_default", func(b *bundle, tx pgx.Tx) {
		inner, err := tx.Begin(b.ctx())
		require.NoError(b.t, err)
		_, err = b.orders.EmitTx(b.ctx(), inner, "created", a7, nil)
		require.NoError(b.t, err)
		require.NoError(b.t, inner.Rollback(b.ctx()))
		for range 3 {
			_, err = b.orders.EmitTx(b.ctx(), tx, "created", a7, nil)
			require.NoError(b.t, err)
		}
	})
	require.Equal(t, 1, heard)
}

// A lock per slot would fill the server's lock table in a transaction that emits for a minute.
func TestALongTransactionTakesOneLockPerLane(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	const sqlMillis = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
	from := read[int](b, sqlMillis)
	var last uuid.UUID
	for read[int](b, sqlMillis) < from+100 { // Ten slots.
		last = b.emit(nil).EventID
	}
	require.NotZero(t, last)
	require.LessOrEqual(t, read[int](b, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"), 3)
}
