package receipts_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/receipts"
)

const (
	lane  = "email_default"
	lease = 15 * time.Second
)

// bundle is a store over one transaction, with a clock that the test moves. The clock starts at the transaction's now().
type bundle struct {
	t     *testing.T
	db    receipts.DB
	store *receipts.Store
	now   time.Time
}

func setup(t *testing.T) *bundle {
	t.Helper()
	return over(t, dbtest.Tx(t))
}

// newPool has a database of its own. A statement that waits for a lock where it should not is an error, not a hang.
func newPool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(dbtest.DSN(t))
	require.NoError(t, err)
	config.MaxConns = 8
	config.ConnConfig.RuntimeParams["lock_timeout"] = "10s"
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func over(t *testing.T, db receipts.DB) *bundle {
	t.Helper()
	b := &bundle{t: t, db: db}
	b.now = read[time.Time](b, "SELECT now()").UTC()
	b.store = receipts.New(&receipts.Config{NowFunc: func() time.Time { return b.now }})
	return b
}

func (b *bundle) ctx() context.Context { return b.t.Context() }

func (b *bundle) advance(d time.Duration) { b.now = b.now.Add(d) }

func (b *bundle) exec(sql string, args ...any) {
	b.t.Helper()
	_, err := b.db.Exec(b.ctx(), sql, args...)
	require.NoError(b.t, err)
}

// read reads one value.
func read[T any](b *bundle, sql string, args ...any) T {
	b.t.Helper()
	rows, err := b.db.Query(b.ctx(), sql, args...)
	require.NoError(b.t, err)
	value, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	require.NoError(b.t, err)
	return value
}

// channel is one channel as carillon.emit_event takes it.
type channel struct {
	Channel      string  `json:"channel"`
	Transport    string  `json:"transport"`
	Audience     string  `json:"audience"`
	Priority     int     `json:"priority"`
	Delay        float64 `json:"delay"`
	ExpiresAfter float64 `json:"expires_after"`
}

func email() channel {
	return channel{Channel: "email.user", Transport: "email", Audience: "user", Priority: 2}
}

// emit emits an event and returns the ids of its receipts, in the order of channels.
func (b *bundle) emit(channels ...channel) []uuid.UUID {
	b.t.Helper()
	raw, err := json.Marshal(channels)
	require.NoError(b.t, err)
	event := read[uuid.UUID](b, `SELECT event_id FROM carillon.emit_event('orders.created', '{"id": "A7"}',
		'{"tenant": "acme", "actor": "ann", "resource_type": "orders", "resource_id": "A7", "trace": "00-ab"}', $1)`, string(raw))
	if now := read[time.Time](b, "SELECT now()").UTC(); now.After(b.now) {
		b.now = now // Outside a transaction the database's clock goes on.
	}
	ids := make([]uuid.UUID, len(channels))
	for i, c := range channels {
		ids[i] = read[uuid.UUID](b, "SELECT id FROM carillon.receipts WHERE event_id = $1 AND channel = $2", event, c.Channel)
	}
	return ids
}

// owed emits to one channel.
func (b *bundle) owed() uuid.UUID {
	b.t.Helper()
	return b.emit(email())[0]
}

func (b *bundle) claim(more int, own ...uuid.UUID) *receipts.Batch {
	b.t.Helper()
	batch, err := b.store.Claim(b.ctx(), b.db, receipts.ClaimParams{
		Lane: lane, Own: own, More: more, Lease: lease, Worker: "tester",
	})
	require.NoError(b.t, err)
	return batch
}

// resolving emits and claims n receipts.
func (b *bundle) resolving(n int) (*receipts.Batch, []uuid.UUID) {
	b.t.Helper()
	for range n {
		b.owed()
	}
	batch := b.claim(n)
	require.Len(b.t, batch.Receipts, n)
	return batch, idsOf(batch)
}

// sending emits, claims and binds n receipts.
func (b *bundle) sending(n int) (*receipts.Batch, []uuid.UUID) {
	b.t.Helper()
	batch, ids := b.resolving(n)
	require.Len(b.t, b.bind(batch.Token, ids...), n)
	return batch, ids
}

func (b *bundle) bind(token uuid.UUID, ids ...uuid.UUID) map[uuid.UUID]int {
	b.t.Helper()
	bindings := make([]receipts.Binding, len(ids))
	for i, id := range ids {
		bindings[i] = receipts.Binding{ID: id, Recipient: "ann", Address: "ann@example.com"}
	}
	bound, err := b.store.Bind(b.ctx(), b.db, token, bindings)
	require.NoError(b.t, err)
	return bound
}

func (b *bundle) record(token uuid.UUID, last bool, results ...receipts.Result) []uuid.UUID {
	b.t.Helper()
	ids, err := b.store.Record(b.ctx(), b.db, token, results, last)
	require.NoError(b.t, err)
	return ids
}

func sent(id uuid.UUID) receipts.Result {
	return receipts.Result{ID: id, State: receipts.Sent, Reason: receipts.Accepted}
}

func waiting(id uuid.UUID, wait time.Duration) receipts.Result {
	return receipts.Result{ID: id, State: receipts.Waiting, Reason: receipts.Retry, Wait: wait}
}

func idsOf(batch *receipts.Batch) []uuid.UUID {
	ids := make([]uuid.UUID, len(batch.Receipts))
	for i, r := range batch.Receipts {
		ids[i] = r.ID
	}
	return ids
}

// row is a receipt as the table has it.
type row struct {
	State             receipts.State
	Reason            *receipts.Reason
	Recipient         *string
	RecipientData     json.RawMessage
	Address           *string
	Tries             int
	Attempts          int
	Crashes           int
	DueAt             time.Time
	JobID             *int64
	LeaseToken        *uuid.UUID
	Cursor            *string
	Provider          *string
	ProviderMessageID *string
	FinishedAt        *time.Time
}

func (b *bundle) row(id uuid.UUID) row {
	b.t.Helper()
	rows, err := b.db.Query(b.ctx(), `SELECT state, reason, recipient, recipient_data, address, tries, attempts, crashes,
		due_at, job_id, lease_token, cursor, provider, provider_message_id, finished_at
		FROM carillon.receipts WHERE id = $1`, id)
	require.NoError(b.t, err)
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[row])
	require.NoError(b.t, err)
	return found
}

func (b *bundle) state(id uuid.UUID) receipts.State {
	b.t.Helper()
	return b.row(id).State
}

// job is one alarm.
type job struct {
	ID          int64
	State       string
	Kind        string
	Queue       string
	Priority    int
	MaxAttempts int
	ScheduledAt time.Time
}

// jobs lists the alarms of a receipt.
func (b *bundle) jobs(id uuid.UUID) []job {
	b.t.Helper()
	rows, err := b.db.Query(b.ctx(), `SELECT id, state::text AS state, kind, queue, priority, max_attempts, scheduled_at
		FROM carillon.river_job WHERE args = jsonb_build_object('receipt', $1::uuid) ORDER BY id`, id)
	require.NoError(b.t, err)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[job])
	require.NoError(b.t, err)
	return found
}

func (b *bundle) attempts(id uuid.UUID) []receipts.Attempt {
	b.t.Helper()
	found, err := b.store.Attempts(b.ctx(), b.db, id)
	require.NoError(b.t, err)
	return found
}

func (b *bundle) leases() int {
	b.t.Helper()
	return read[int](b, "SELECT count(*) FROM carillon.leases")
}

// sqlAdrift lists what breaks the promise: live receipts without job and lease, and finished ones that still have one.
const sqlAdrift = `
SELECT r.id || ' ' || r.state
  FROM carillon.receipts r
  LEFT JOIN carillon.river_job j ON j.id = r.job_id AND j.args ->> 'receipt' = r.id::text
  LEFT JOIN carillon.leases l ON l.token = r.lease_token AND r.id = ANY(l.receipts)
 WHERE CASE
         WHEN r.finished_at IS NOT NULL THEN r.job_id IS NOT NULL OR r.lease_token IS NOT NULL
         WHEN r.lease_token IS NOT NULL THEN l.token IS NULL
         WHEN r.priority = 3 THEN r.job_id IS NOT NULL OR NOT EXISTS (
           SELECT FROM carillon.river_job p
            WHERE p.queue = carillon.lane(r.transport, r.priority) AND p.args ? 'permit'
              AND p.state IN ('available', 'scheduled') AND p.scheduled_at < r.due_at + interval '1 second')
         ELSE j.id IS NULL OR j.state NOT IN ('available', 'scheduled')
              OR j.queue <> carillon.lane(r.transport, r.priority) OR j.priority <> r.priority
              OR j.scheduled_at <> r.due_at END`

// audit holds every receipt to the promise.
func (b *bundle) audit() {
	b.t.Helper()
	rows, err := b.db.Query(b.ctx(), sqlAdrift)
	require.NoError(b.t, err)
	adrift, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b.t, err)
	require.Empty(b.t, adrift, "receipts without alarm or lease")
}

// listen returns what waits for the next wake-up of a lane.
func (b *bundle) listen(pool *pgxpool.Pool) (heard func() string) {
	b.t.Helper()
	listener, err := pool.Acquire(b.ctx())
	require.NoError(b.t, err)
	b.t.Cleanup(listener.Release)
	_, err = listener.Exec(b.ctx(), `LISTEN "carillon.river_insert"`)
	require.NoError(b.t, err)
	return func() string {
		b.t.Helper()
		ctx, cancel := context.WithTimeout(b.ctx(), 10*time.Second)
		defer cancel()
		notification, err := listener.Conn().WaitForNotification(ctx)
		require.NoError(b.t, err, "nobody was woken")
		return notification.Payload
	}
}
