package dispatch_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/transports"
)

type order struct {
	ID     string `json:"id"`
	UserID string `json:"user_id"`
	Note   string `json:"note"`
}

const (
	create   dispatch.Action = "create"
	checkout dispatch.Action = "checkout"
	archive  dispatch.Action = "archive"
)

// orders declares one event of three channels, one that is critical and expires, and an action that causes both.
func orders() dispatch.Resource[order] {
	content := dispatch.Content{Subject: "Order {{ id }}", Title: "Order {{ id }}", Message: "Thank you."}
	return dispatch.Resource[order]{
		Name:    "orders",
		KeyFunc: func(o order) string { return o.ID },
		Actions: []dispatch.Action{create, checkout, archive},
		Audiences: map[string]dispatch.Audience{
			"user": dispatch.Person(func(o order) string { return o.UserID }),
			"ops":  dispatch.Fixed("gongs", "#orders"),
		},
		Events: []dispatch.Event[order]{
			{
				Name: "created", On: []dispatch.Action{create, checkout}, Content: content,
				Channels: []dispatch.Channel{
					{Transport: transports.InApp, Audience: "user"},
					{Transport: transports.Email, Audience: "user", Delay: 5 * time.Minute},
					{Transport: "gongs", Audience: "ops"},
				},
			},
			{
				Name: "billed", On: []dispatch.Action{checkout}, Content: content,
				Priority: dispatch.Critical, ExpiresAfter: time.Hour,
				Channels: []dispatch.Channel{{Transport: transports.Email, Audience: "user", Delay: time.Minute}},
			},
		},
	}
}

// gongs is a transport that knows fixed addresses.
func gongs() transports.Spec {
	return transports.Spec{Name: "gongs", Required: []string{transports.FieldMessage}}
}

var a7 = order{ID: "A7", UserID: "ann"}

func newOrders(t *testing.T) (*dispatch.Dispatcher, *dispatch.Handle[order]) {
	t.Helper()
	d, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{orders()}, Transports: []transports.Spec{gongs()},
	})
	require.NoError(t, err)
	return d, dispatch.For(d, orders())
}

// bundle is a handle and a database to emit into.
type bundle struct {
	t      *testing.T
	d      *dispatch.Dispatcher
	orders *dispatch.Handle[order]
	db     queryer
}

type queryer interface {
	dispatch.Beginner
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// setup emits in one transaction, which is rolled back. The database is of the test alone: published events and keys have
// the same names in all tests, which would wait for each other.
func setup(t *testing.T) (*bundle, pgx.Tx) {
	t.Helper()
	tx, err := dbtest.Pool(t).Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	return over(t, tx), tx
}

// committing has a database of its own, with a connection for each of many goroutines.
func committing(t *testing.T) (*bundle, *pgxpool.Pool) {
	t.Helper()
	config, err := pgxpool.ParseConfig(dbtest.DSN(t))
	require.NoError(t, err)
	config.MaxConns = 25
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return over(t, pool), pool
}

func over(t *testing.T, db queryer) *bundle {
	t.Helper()
	d, handle := newOrders(t)
	return &bundle{t: t, d: d, orders: handle, db: db}
}

func (b *bundle) ctx() context.Context { return b.t.Context() }

func (b *bundle) exec(sql string, args ...any) {
	b.t.Helper()
	_, err := b.db.Exec(b.ctx(), sql, args...)
	require.NoError(b.t, err)
}

// read reads one value.
func read[T any](b *bundle, sql string, args ...any) T {
	b.t.Helper()
	values := list[T](b, sql, args...)
	require.Len(b.t, values, 1)
	return values[0]
}

// list reads one column.
func list[T any](b *bundle, sql string, args ...any) []T {
	b.t.Helper()
	rows, err := b.db.Query(b.ctx(), sql, args...)
	require.NoError(b.t, err)
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	require.NoError(b.t, err)
	return values
}

// publish stores the declarations.
func (b *bundle) publish() {
	b.t.Helper()
	_, err := b.d.Publish(b.ctx(), b.db)
	require.NoError(b.t, err)
}

// emit emits orders.created in a transaction of its own.
func (b *bundle) emit(opts *dispatch.EmitOpts) dispatch.Emitted {
	b.t.Helper()
	return b.emitEvent("created", a7, opts)
}

func (b *bundle) emitEvent(event string, payload order, opts *dispatch.EmitOpts) dispatch.Emitted {
	b.t.Helper()
	emitted, err := b.tryEmit(event, payload, opts)
	require.NoError(b.t, err)
	return emitted
}

func (b *bundle) tryEmit(event string, payload order, opts *dispatch.EmitOpts) (emitted dispatch.Emitted, err error) {
	err = pgx.BeginFunc(b.ctx(), b.db, func(tx pgx.Tx) error {
		emitted, err = b.orders.EmitTx(b.ctx(), tx, event, payload, opts)
		return err
	})
	return emitted, err
}

// counts is how many rows every table of the schema has, whatever tables there are.
func (b *bundle) counts() map[string]int {
	b.t.Helper()
	counts := map[string]int{}
	for _, table := range list[string](b, `SELECT relname::text FROM pg_class
		WHERE relnamespace = 'carillon'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`) {
		counts[table] = read[int](b, "SELECT count(*) FROM carillon."+pgx.Identifier{table}.Sanitize())
	}
	require.Contains(b.t, counts, "events")
	require.Contains(b.t, counts, "river_job")
	return counts
}

// added is what two counts differ in.
func added(before, after map[string]int) map[string]int {
	diff := map[string]int{}
	for table, n := range after {
		if n != before[table] {
			diff[table] = n - before[table]
		}
	}
	return diff
}

// sqlAlarm joins a receipt r with its job j; a bulk receipt with the last permit of its lane.
const sqlAlarm = `CROSS JOIN LATERAL (
	SELECT * FROM carillon.river_job x
	 WHERE x.id = r.job_id AND x.args = jsonb_build_object('receipt', r.id)
	    OR r.priority = 3 AND r.job_id IS NULL AND x.args = '{"permit": 1}' AND x.queue = carillon.lane(r.transport, r.priority) AND x.xmin = r.xmin
	 ORDER BY x.id DESC LIMIT 1) j`

// written is what one event left, without ids and the times of writing. Times of it are seconds from the event's creation.
func (b *bundle) written(event uuid.UUID) string {
	b.t.Helper()
	raw := read[json.RawMessage](b, `
		SELECT jsonb_build_object(
		  'event', to_jsonb(e) - '{id,created_at}'::text[],
		  'receipts', (SELECT jsonb_agg(to_jsonb(r) - '{id,event_id,job_id,created_at,due_at,send_at,expires_at}'::text[]
		     || jsonb_build_object('due', r.due_at - e.created_at, 'send', r.send_at - e.created_at, 'expires', r.expires_at - e.created_at)
		     ORDER BY r.channel) FROM carillon.receipts r WHERE r.event_id = e.id),
		  'jobs', (SELECT jsonb_agg(to_jsonb(j) - '{id,args,created_at,scheduled_at}'::text[]
		     || jsonb_build_object('scheduled', j.scheduled_at - e.created_at) ORDER BY r.channel)
		     FROM carillon.receipts r `+sqlAlarm+`
		     WHERE r.event_id = e.id))
		  FROM carillon.events e WHERE e.id = $1`, event)
	return string(raw)
}

// receipt is what emit decides about one.
type receipt struct {
	Channel, Transport, Audience string
	Priority                     int
	State                        string
	DueAt                        time.Time
	SendAt, ExpiresAt            *time.Time
	Queue, JobState              string
	ScheduledAt                  time.Time
}

// receipts are those of one event with their jobs, by channel.
func (b *bundle) receipts(event uuid.UUID) map[string]receipt {
	b.t.Helper()
	rows, err := b.db.Query(b.ctx(), `SELECT r.channel, r.transport, r.audience, r.priority, r.state, r.due_at, r.send_at,
		r.expires_at, j.queue, j.state::text AS job_state, j.scheduled_at
		FROM carillon.receipts r `+sqlAlarm+`
		WHERE r.event_id = $1`, event)
	require.NoError(b.t, err)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[receipt])
	require.NoError(b.t, err)
	byChannel := map[string]receipt{}
	for _, r := range found {
		byChannel[r.Channel] = r
	}
	require.Len(b.t, byChannel, len(found))
	return byChannel
}

// requireCode wants an error of the database.
func requireCode(t *testing.T, err error, code string) {
	t.Helper()
	var pgErr *pgconn.PgError
	require.ErrorAs(t, err, &pgErr)
	require.Equal(t, code, pgErr.Code, pgErr.Message)
}
