package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/internal/dbtest"
)

func TestOneEventOneReceiptAndOneJobPerChannel(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	before := b.counts()
	emitted := b.emit(nil)
	require.Equal(t, "orders.created", emitted.Event)
	require.False(t, emitted.Duplicate)
	require.Equal(t, uuid.Version(7), emitted.EventID.Version())
	require.Equal(t, map[string]int{"events": 1, "receipts": 3, "river_job": 3}, added(before, b.counts()))
	got := b.receipts(emitted.EventID)
	require.Len(t, got, 3)
	now := read[time.Time](b, "SELECT now()")
	for channel, want := range map[string]receipt{
		"in_app.user": {Transport: "in_app", Audience: "user", Queue: "in_app_default"},
		"email.user":  {Transport: "email", Audience: "user", Queue: "email_default"},
		"gongs.ops":   {Transport: "gongs", Audience: "ops", Queue: "gongs_default"},
	} {
		want.Channel, want.Priority, want.State, want.JobState = channel, 2, "pending", "available"
		want.DueAt, want.ScheduledAt = now, now
		if channel == "email.user" {
			later := now.Add(5 * time.Minute)
			want.SendAt = &later
		}
		require.Equal(t, want, got[channel])
	}
}

func TestEverythingOfTheEventIsStored(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	at := time.Date(2031, 2, 3, 4, 5, 6, 789_123_456, time.FixedZone("", 3600))
	emitted := b.emitEvent("created", order{ID: "A7", UserID: "ann", Note: "ü <&> \u2028 \\u0000"}, &dispatch.EmitOpts{
		Tenant: "acme", Actor: "user:1", IdempotencyKey: "k1", At: at, Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	})
	require.JSONEq(t, `{
		"tenant": "acme", "name": "orders.created", "resource_type": "orders", "resource_id": "A7", "actor": "user:1", "channels": 3,
		"data": {"id": "A7", "user_id": "ann", "note": "ü <&> \u2028 \\u0000"}, "idempotency_key": "k1",
		"at": "2031-02-03T03:05:06.789123+00:00", "trace": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}`,
		read[string](b, "SELECT (to_jsonb(e) - '{id,created_at}'::text[])::text FROM carillon.events e WHERE id = $1", emitted.EventID))
	require.Equal(t, []string{"acme"}, list[string](b, "SELECT DISTINCT tenant FROM carillon.receipts WHERE event_id = $1", emitted.EventID))
}

func TestResourceTypeAndIDOfTheCallerGoBeforeThoseOfTheResource(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	of := func(id uuid.UUID) []string {
		return read[[]string](b, "SELECT ARRAY[resource_type, resource_id] FROM carillon.events WHERE id = $1", id)
	}
	require.Equal(t, []string{"orders", "A7"}, of(b.emit(nil).EventID))
	require.Equal(t, []string{"carts", "C1"}, of(b.emit(&dispatch.EmitOpts{ResourceType: "carts", ResourceID: "C1"}).EventID))
}

func TestRollbackLeavesNothing(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	before := b.counts()
	tx, err := b.db.Begin(b.ctx())
	require.NoError(t, err)
	_, err = b.orders.TriggerTx(b.ctx(), tx, checkout, a7, &dispatch.EmitOpts{IdempotencyKey: "k"})
	require.NoError(t, err)
	inside := over(t, tx).counts()
	require.Equal(t, map[string]int{"events": 2, "receipts": 4, "river_job": 4}, added(before, inside))
	require.NoError(t, tx.Rollback(b.ctx()))
	require.Equal(t, before, b.counts())
	require.False(t, b.emit(&dispatch.EmitOpts{IdempotencyKey: "k"}).Duplicate, "the key is free again")
}

// The rows that a real client of River writes are the measure.
func TestJobRowsAreThoseOfRiver(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]time.Time{"Now": {}, "Later": time.Now().Add(time.Hour).Truncate(time.Microsecond).UTC()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, tx := setup(t)
			emitted := b.emitEvent("billed", a7, &dispatch.EmitOpts{At: at})
			ours := read[int64](b, "SELECT job_id FROM carillon.receipts WHERE event_id = $1", emitted.EventID)
			client, err := river.NewClient(riverpgxv5.New(nil), &river.Config{Schema: "carillon"})
			require.NoError(t, err)
			receipt := read[uuid.UUID](b, "SELECT id FROM carillon.receipts WHERE event_id = $1", emitted.EventID)
			theirs, err := client.InsertTx(b.ctx(), tx, worker.Args{Receipt: receipt},
				&river.InsertOpts{Queue: "email_critical", Priority: 1, ScheduledAt: at})
			require.NoError(t, err)
			require.Greater(t, theirs.Job.ID, ours, "one sequence for both")
			columns := func(id int64) map[string]any {
				var row map[string]any
				raw := read[json.RawMessage](b, "SELECT to_jsonb(j) FROM carillon.river_job j WHERE id = $1", id)
				require.NoError(t, json.Unmarshal(raw, &row))
				for _, column := range []string{"id", "created_at"} {
					require.NotEmpty(t, row[column])
					delete(row, column)
				}
				if at.IsZero() {
					require.NotEmpty(t, row["scheduled_at"])
					delete(row, "scheduled_at")
				}
				return row
			}
			require.Equal(t, columns(theirs.Job.ID), columns(ours))
			require.Equal(t, []string{
				"args", "attempt", "attempted_at", "attempted_by", "created_at", "errors", "finalized_at", "id", "kind",
				"max_attempts", "metadata", "priority", "queue", "scheduled_at", "state", "tags", "unique_key", "unique_states",
			}, list[string](b, `SELECT attname::text FROM pg_attribute
				WHERE attrelid = 'carillon.river_job'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname`),
				"River has another column: look at what its Insert writes there")
		})
	}
}

// turnConn counts how often the client writes and then waits for an answer.
type turnConn struct {
	net.Conn
	mu      sync.Mutex
	waiting bool
	turns   int
}

func (c *turnConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	if !c.waiting {
		c.turns++
	}
	c.waiting = true
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *turnConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.waiting = false
	c.mu.Unlock()
	return n, err
}

func (c *turnConn) during(f func()) int {
	c.mu.Lock()
	before := c.turns
	c.mu.Unlock()
	f()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.turns - before
}

func TestAnEmitIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(dbtest.DSN(t))
	require.NoError(t, err)
	var wire *turnConn
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		wire = &turnConn{Conn: conn}
		return wire, err
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	b := over(t, conn)
	b.publish()
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	for _, tt := range []struct {
		name  string
		turns int
		emit  func() error
	}{
		{"by a handle", 1, func() error {
			_, err := b.orders.EmitTx(t.Context(), tx, "created", a7, &dispatch.EmitOpts{Actor: "ann"})
			return err
		}},
		{"by name", 1, func() error {
			_, err := dispatch.EmitPublishedTx(t.Context(), tx, "orders.created", json.RawMessage(`{}`), nil)
			return err
		}},
		{"of two events", 2, func() error {
			_, err := b.orders.TriggerTx(t.Context(), tx, checkout, a7, nil)
			return err
		}},
		{"of a duplicate", 1, func() error {
			_, err := b.orders.EmitTx(t.Context(), tx, "created", a7, &dispatch.EmitOpts{IdempotencyKey: "k"})
			return err
		}},
		{"under a savepoint", 3, func() error {
			_, err := b.orders.EmitTx(t.Context(), tx, "created", a7, &dispatch.EmitOpts{Savepoint: true})
			return err
		}},
	} {
		require.NoError(t, tt.emit(), "warm up")
		require.Equal(t, tt.turns, wire.during(func() { err = tt.emit() }), tt.name)
		require.NoError(t, err)
	}
	require.NoError(t, tx.Rollback(t.Context()))
}

func TestAtPostponesEverything(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	at := read[time.Time](b, "SELECT now()").Add(72 * time.Hour)
	got := b.receipts(b.emit(&dispatch.EmitOpts{At: at}).EventID)
	require.Len(t, got, 3)
	for _, r := range got {
		require.Equal(t, at, r.DueAt, r.Channel)
		require.Equal(t, at, r.ScheduledAt, r.Channel)
		require.Equal(t, "scheduled", r.JobState, r.Channel)
	}
	require.Equal(t, at.Add(5*time.Minute), *got["email.user"].SendAt)
	require.Nil(t, got["gongs.ops"].SendAt)
	billed := b.receipts(b.emitEvent("billed", a7, &dispatch.EmitOpts{At: at}).EventID)["email.user"]
	require.Equal(t, at.Add(time.Minute), *billed.SendAt)
	require.Equal(t, at.Add(time.Minute+time.Hour), *billed.ExpiresAt)
}

func TestAPastTimeMeansNow(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	now := read[time.Time](b, "SELECT now()")
	past := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	emitted := b.emitEvent("billed", a7, &dispatch.EmitOpts{At: past})
	got := b.receipts(emitted.EventID)["email.user"]
	require.Equal(t, "available", got.JobState)
	require.Equal(t, now, got.DueAt)
	require.Equal(t, now.Add(time.Minute+time.Hour), *got.ExpiresAt, "it would be born expired otherwise")
	require.True(t, past.Equal(read[time.Time](b, "SELECT at FROM carillon.events WHERE id = $1", emitted.EventID)))
}

func TestDelayPostponesTheSendAlone(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	now := read[time.Time](b, "SELECT now()")
	got := b.receipts(b.emitEvent("billed", a7, nil).EventID)["email.user"]
	require.Equal(t, now, got.DueAt)
	require.Equal(t, "available", got.JobState)
	require.Equal(t, now.Add(time.Minute), *got.SendAt)
	require.Equal(t, now.Add(time.Minute+time.Hour), *got.ExpiresAt, "the limit counts from when it may be sent")
}

func TestPriorityPicksTheLane(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	for _, tt := range []struct {
		event    string
		override dispatch.Priority
		queue    string
		priority int
	}{
		{"created", 0, "email_default", 2},
		{"created", dispatch.Critical, "email_critical", 1},
		{"created", dispatch.Bulk, "email_bulk", 3},
		{"billed", 0, "email_critical", 1},
		{"billed", dispatch.Default, "email_default", 2},
	} {
		emitted := b.emitEvent(tt.event, a7, &dispatch.EmitOpts{Priority: tt.override})
		got := b.receipts(emitted.EventID)["email.user"]
		require.Equal(t, tt.queue, got.Queue)
		require.Equal(t, tt.priority, got.Priority)
		require.Equal(t, tt.priority, read[int](b, `SELECT j.priority FROM carillon.receipts r `+sqlAlarm+`
			WHERE r.event_id = $1 AND r.channel = 'email.user'`, emitted.EventID))
	}
}

func TestEventsThatAreNotDeclaredAreRefusedBeforeAnyStatement(t *testing.T) {
	t.Parallel()
	_, handle := newOrders(t)
	for _, name := range []string{"", "nonsense", "orders.created", "created "} {
		_, err := handle.EmitTx(t.Context(), untouched{}, name, a7, nil)
		require.ErrorIs(t, err, dispatch.ErrUnknownEvent, name)
	}
}

// untouched is a transaction that must not be asked for anything.
type untouched struct{ pgx.Tx }

var errTouched = errors.New("the database was asked")

func (untouched) QueryRow(context.Context, string, ...any) pgx.Row { return untouched{} }

func (untouched) Scan(...any) error { return errTouched }

func (untouched) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, errTouched
}

func TestEveryChannelOfManyGetsItsOwnReceipt(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	resource := orders()
	event := &resource.Events[0]
	event.Channels = nil
	var names []string
	for i := range 20 {
		name := "email.n" + string(rune('a'+i))
		names = append(names, name)
		event.Channels = append(event.Channels, dispatch.Channel{Name: name, Transport: "email", Audience: "user"})
	}
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{resource}})
	require.NoError(t, err)
	emitted, err := dispatch.For(d, resource).EmitTx(b.ctx(), tx, "created", a7, nil)
	require.NoError(t, err)
	got := list[string](b, "SELECT channel FROM carillon.receipts WHERE event_id = $1 ORDER BY id", emitted.EventID)
	slices.Sort(got)
	require.Equal(t, names, got)
	require.Len(t, b.receipts(emitted.EventID), 20)
}

// withoutRights makes the emits of a transaction fail, until RESET ROLE.
func withoutRights(t *testing.T, tx pgx.Tx) {
	t.Helper()
	role := newRole(t, tx)
	_, err := tx.Exec(t.Context(), "SET LOCAL ROLE "+role)
	require.NoError(t, err)
}

func TestSavepointSparesTheTransaction(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	before := b.counts()
	withoutRights(t, tx)
	for range 2 {
		_, err := b.orders.EmitTx(b.ctx(), tx, "created", a7, &dispatch.EmitOpts{Savepoint: true})
		requireCode(t, err, "42501")
		_, err = dispatch.EmitPublishedTx(b.ctx(), tx, "orders.created", json.RawMessage(`{}`), &dispatch.EmitOpts{Savepoint: true})
		requireCode(t, err, "42501")
	}
	b.exec("RESET ROLE")
	require.Equal(t, before, b.counts())
	_, err := b.orders.EmitTx(b.ctx(), tx, "created", a7, &dispatch.EmitOpts{Savepoint: true})
	require.NoError(t, err)
	require.Equal(t, map[string]int{"events": 1, "receipts": 3, "river_job": 3}, added(before, b.counts()))
}

func TestWithoutSavepointTheTransactionIsOver(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	withoutRights(t, tx)
	_, err := b.orders.EmitTx(b.ctx(), tx, "created", a7, nil)
	requireCode(t, err, "42501")
	_, err = tx.Exec(b.ctx(), "SELECT 1")
	requireCode(t, err, "25P02")
}

func TestSavepointKeepsAllEventsOfAnActionOrNone(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	// The key that the action's second event will ask for belongs to something else.
	_, err := b.orders.EmitTx(b.ctx(), tx, "created", order{ID: "another"}, &dispatch.EmitOpts{IdempotencyKey: "k/orders.billed"})
	require.NoError(t, err)
	before := b.counts()
	_, err = b.orders.TriggerTx(b.ctx(), tx, checkout, a7, &dispatch.EmitOpts{IdempotencyKey: "k", Savepoint: true})
	var conflict *dispatch.ConflictError
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, before, b.counts())
	emitted, err := b.orders.TriggerTx(b.ctx(), tx, checkout, a7, &dispatch.EmitOpts{IdempotencyKey: "other", Savepoint: true})
	require.NoError(t, err)
	require.Len(t, emitted, 2)
}
