package pipeline_test

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// outage is a lane over committed transactions, with a clock that moves.
type outage struct {
	pool     *pgxpool.Pool
	store    *receipts.Store
	pipeline *pipeline.Pipeline
	// dispatcher is what the pipeline was made of.
	dispatcher *dispatch.Dispatcher
	mu         sync.Mutex
	now        time.Time
	// claims counts claimed receipts.
	claims int
}

func (o *outage) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

// setupOutage has n receipts that are due for s.
func setupOutage(t *testing.T, s *server, n int) *outage {
	t.Helper()
	r := resource(nil, emailTo("others"))
	d, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{r}, Categories: []dispatch.Category{{Name: "orders"}},
	})
	require.NoError(t, err)
	o := &outage{pool: dbtest.Pool(t), dispatcher: d}
	o.store = receipts.New(&receipts.Config{NowFunc: o.clock})
	quiet := slog.New(slog.DiscardHandler)
	o.pipeline, err = pipeline.New(&pipeline.Config{
		Dispatcher: d, Transports: []transports.Transport{s}, Store: o.store, Logger: quiet,
		Gate: flow.New(&flow.Config{NowFunc: o.clock, Logger: quiet}),
	})
	require.NoError(t, err)
	people := make([]string, n)
	for i := range people {
		people[i] = fmt.Sprintf("p%05d", i)
	}
	_, err = o.pool.Exec(t.Context(), `INSERT INTO carillon.people (tenant, id, email)
		SELECT '', id, id || '@example.com' FROM unnest($1::text[]) id`, people)
	require.NoError(t, err)
	tx, err := o.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = dispatch.For(d, r).EmitTx(t.Context(), tx, "created", numbered("", people...), nil)
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, o.pool.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&o.now))
	return o
}

// pass moves the clock and delivers what is due.
func (o *outage) pass(t *testing.T, d time.Duration) {
	t.Helper()
	o.mu.Lock()
	o.now = o.now.Add(d)
	o.mu.Unlock()
	lane := receipts.Lane(transports.Email, receipts.Default)
	for {
		_, err := o.store.Promote(t.Context(), o.pool, []string{lane})
		require.NoError(t, err)
		batch, err := o.store.Claim(t.Context(), o.pool, receipts.ClaimParams{
			Lane: lane, Own: []uuid.UUID{}, More: 200, Lease: time.Hour, Worker: "test",
		})
		require.NoError(t, err)
		if len(batch.Receipts) == 0 {
			return
		}
		o.claims += len(batch.Receipts)
		require.NoError(t, o.pipeline.Run(t.Context(), o.pool, batch))
	}
}

// count asks how many receipts are as the condition says.
func (o *outage) count(t *testing.T, condition string) (n int) {
	t.Helper()
	require.NoError(t, o.pool.QueryRow(t.Context(),
		`SELECT count(*) FROM carillon.receipts WHERE state <> 'expanded' AND `+condition).Scan(&n))
	return n
}

// many is the count of a test's long form, if that is asked for, else of its short one.
func many(long, short int) int {
	if os.Getenv("CARILLON_PROVE") == "1" {
		return long
	}
	return short
}

func TestManyWaitAnHourForCredentialsAtOneLoginAtATime(t *testing.T) {
	t.Parallel()
	queued := many(10_000, 250)
	s := newServer(mailhost)
	s.answer.Store(&transports.Error{Class: transports.Configuration, Code: "535 5.7.8", Detail: "authentication failed"})
	o := setupOutage(t, s, queued)
	o.pass(t, 0)
	first := s.asked.Load()
	require.LessOrEqual(t, first, int64(2+32), "two confirm each other; the rest were under way")
	step := time.Duration(many(5, 30)) * time.Second
	level, logins, claims := 1, first, o.claims
	for end := o.clock().Add(time.Hour); o.clock().Before(end); {
		o.pass(t, step)
		list, err := flow.Breakers(t.Context(), o.pool, "")
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.LessOrEqual(t, s.asked.Load()-logins, int64(list[0].Level-level), "one login per interval")
		if list[0].Level > level {
			t.Logf("at level %d: %d claims", level, o.claims-claims)
			level, logins, claims = list[0].Level, s.asked.Load(), o.claims
		}
	}
	t.Logf("%d queued: %d logins at first, %d in the hour after, %d claims", queued, first, s.asked.Load()-first, o.claims)
	require.Equal(t, queued, o.count(t, "state = 'waiting'"))
	require.Zero(t, o.count(t, "attempts > 0"))

	s.answer.Store(nil)
	mended := o.clock()
	for o.clock().Before(mended.Add(20*time.Minute)) && o.count(t, "state = 'sent'") < queued {
		o.pass(t, step)
	}
	t.Logf("all sent after %s", o.clock().Sub(mended))
	require.Equal(t, queued, o.count(t, "state = 'sent'"))
}

func TestNoHerdAfterSixHoursOfOutage(t *testing.T) {
	t.Parallel()
	queued, rate := many(20_000, 60), many(200, 10)
	destination := mailhost
	destination.Rate = transports.Limit{Count: rate, Per: time.Second}
	s := newServer(destination)
	s.answer.Store(&transports.Error{Class: transports.Transient, Code: "refused", Detail: "connection refused"})
	o := setupOutage(t, s, queued)
	o.pass(t, 0)
	opened, last := o.clock(), s.asked.Load()
	probed := opened
	for o.clock().Before(opened.Add(6 * time.Hour)) {
		o.pass(t, 5*time.Minute)
		if s.asked.Load() > last {
			last, probed = s.asked.Load(), o.clock()
		}
		require.LessOrEqual(t, o.clock().Sub(probed), 15*time.Minute, "somebody looks every ten minutes")
	}
	require.LessOrEqual(t, last, int64(32+45), "a probe for each time it was open")
	s.answer.Store(nil)
	up := o.clock()
	for o.clock().Before(up.Add(30*time.Minute)) && o.count(t, "state = 'sent'") < queued {
		before := s.asked.Load()
		o.pass(t, 10*time.Second)
		// The clock stands still while a batch is sent: what was saved up, which is one burst, and the probe.
		require.LessOrEqual(t, s.asked.Load()-before, int64(rate+1))
	}
	t.Logf("%d queued: all sent %s after the receiver was back", queued, o.clock().Sub(up))
	require.Equal(t, queued, o.count(t, "state = 'sent'"))
}
