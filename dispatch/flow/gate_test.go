package flow_test

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/transports"
)

// clock is one that tests move, for gates and database alike.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) gate() *flow.Gate {
	return flow.New(&flow.Config{NowFunc: c.Now, Logger: slog.New(slog.DiscardHandler)})
}

func route(rate transports.Limit) flow.Route {
	return flow.Route{
		Host: flow.Host{Transport: "chat", Account: "T1", Host: "chat.example.com"},
		Key:  flow.Key{Transport: "chat", Account: "T1", Key: "C9"}, Rate: rate,
	}
}

func TestABreakersLogHasNoneOfTheProvidersWords(t *testing.T) {
	t.Parallel()
	c, r := newClock(), route(transports.Limit{})
	var log bytes.Buffer
	g := flow.New(&flow.Config{NowFunc: c.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for range 2 {
		g.Report(flow.Result{Route: r, Receipt: uuid.New(), Failure: &transports.Error{
			Class: transports.Configuration, Code: "no ann@example.com", Detail: "ann@example.com is unknown to us",
		}})
	}
	require.Contains(t, log.String(), "breaker opened")
	require.Contains(t, log.String(), "host=chat.example.com")
	require.NotContains(t, log.String(), "ann@")
}

func requests(n int, r flow.Request) []flow.Request {
	list := make([]flow.Request, n)
	for i := range list {
		list[i] = r
	}
	return list
}

func admit(t *testing.T, g *flow.Gate, db flow.DB, list []flow.Request) (verdicts []flow.Verdict, free int) {
	t.Helper()
	verdicts, err := g.Admit(t.Context(), db, uuid.New(), list)
	require.NoError(t, err)
	for _, v := range verdicts {
		if v.Stop == flow.Free {
			free++
		} else {
			require.Positive(t, v.Wait)
		}
	}
	return verdicts, free
}

func perSecond(n int) transports.Limit { return transports.Limit{Count: n, Per: time.Second} }

func TestABudgetIsSharedAndNeverExceeded(t *testing.T) {
	t.Parallel()
	pool := dbtest.Pool(t)
	for range 4 {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a seed that a failure prints
		c := newClock()
		rate := random.IntN(40) + 1
		r := route(perSecond(rate))
		r.Key.Key = uuid.NewString()
		gates := []*flow.Gate{c.gate(), c.gate(), c.gate()}
		type sent struct {
			at time.Time
			n  int
		}
		var log []sent
		for range 120 {
			request := flow.Request{Route: r, Critical: random.IntN(4) == 0, Waited: random.IntN(2) == 0}
			_, free := admit(t, gates[random.IntN(3)], pool, requests(1+random.IntN(2*rate), request))
			log = append(log, sent{c.Now(), free})
			c.Advance(time.Duration(random.IntN(400)) * time.Millisecond)
		}
		total := 0
		for i := range log {
			sum := 0
			for _, later := range log[i:] {
				sum += later.n
				// One burst, one portion in each gate's hand, and what the time allows.
				most := float64(rate)*(later.at.Sub(log[i].at).Seconds()+1) + 3*0.2*float64(rate) + 1
				require.LessOrEqual(t, float64(sum), most, "seed %d, rate %d", seed, rate)
			}
			total += log[i].n
		}
		span := log[len(log)-1].at.Sub(log[0].at).Seconds()
		require.Greater(t, float64(total), 0.5*float64(rate)*span, "seed %d, rate %d: the budget is used", seed, rate)
	}
}

func TestAShareOfTheBudgetIsKeptForCriticalMessages(t *testing.T) {
	t.Parallel()
	pool, c := dbtest.Pool(t), newClock()
	r := route(perSecond(10))
	_, free := admit(t, c.gate(), pool, requests(50, flow.Request{Route: r}))
	require.Equal(t, 8, free)
	verdicts, free := admit(t, c.gate(), pool, requests(5, flow.Request{Route: r, Critical: true}))
	require.Equal(t, 2, free)
	require.InDelta(t, 100, verdicts[2].Wait.Milliseconds(), 2)
	_, free = admit(t, c.gate(), pool, requests(5, flow.Request{Route: r}))
	require.Zero(t, free)
}

func TestWhoWaitsIsSpreadOverTheBudgetAndGoesFirst(t *testing.T) {
	t.Parallel()
	pool, c := dbtest.Pool(t), newClock()
	r := route(perSecond(10))
	verdicts, free := admit(t, c.gate(), pool, requests(48, flow.Request{Route: r}))
	require.Equal(t, 8, free)
	for i, v := range verdicts[8:] {
		require.InDelta(t, (100 * time.Duration(i+1) * time.Millisecond).Seconds(), v.Wait.Seconds(), 0.01)
	}
	// Whoever is new stands behind the forty that wait.
	verdicts, free = admit(t, c.gate(), pool, requests(1, flow.Request{Route: r}))
	require.Zero(t, free)
	require.InDelta(t, 4.1, verdicts[0].Wait.Seconds(), 0.02)
	c.Advance(101 * time.Millisecond)
	_, free = admit(t, c.gate(), pool, requests(1, flow.Request{Route: r}))
	require.Zero(t, free, "a newcomer does not take the turn")
	_, free = admit(t, c.gate(), pool, requests(1, flow.Request{Route: r, Waited: true}))
	require.Equal(t, 1, free, "of the one that waited")
}

func TestRetryAfterStopsEveryWorker(t *testing.T) {
	t.Parallel()
	pool, c := dbtest.Pool(t), newClock()
	one, other := c.gate(), c.gate()
	r := route(transports.Limit{})
	_, free := admit(t, other, pool, requests(3, flow.Request{Route: r}))
	require.Equal(t, 3, free)
	one.Report(flow.Result{Route: r, Failure: &transports.Error{Class: transports.Rate, RetryAfter: 30 * time.Second}, Wait: 30 * time.Second})
	require.Equal(t, flow.StopRate, one.Check(r, flow.Verdict{}).Stop, "at once in the process that heard it")
	require.NoError(t, one.Flush(t.Context(), pool))
	c.Advance(time.Second)
	for range 29 {
		verdicts, free := admit(t, other, pool, requests(3, flow.Request{Route: r}))
		require.Zero(t, free)
		require.Equal(t, flow.StopRate, verdicts[0].Stop)
		require.WithinDuration(t, time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC), c.Now().Add(verdicts[0].Wait), time.Millisecond)
		c.Advance(time.Second - time.Nanosecond)
	}
	c.Advance(time.Second)
	_, free = admit(t, other, pool, requests(3, flow.Request{Route: r}))
	require.Equal(t, 3, free)
}

func TestOneOfTwentyWorkersProbes(t *testing.T) {
	t.Parallel()
	pool, c := dbtest.Pool(t), newClock()
	r := route(transports.Limit{})
	first := c.gate()
	for range 2 {
		first.Report(flow.Result{Route: r, Receipt: uuid.New(), Failure: &transports.Error{Class: transports.Configuration, Code: "401"}})
	}
	require.NoError(t, first.Flush(t.Context(), pool))
	for level, opened := 1, 30*time.Second; level <= 3; level, opened = level+1, 2*opened {
		c.Advance(opened)
		token, probes := probeAll(t, pool, c, 20, r)
		require.Equal(t, 1, probes)
		// While it is under way, nobody else does; not even when its lease was renewed for long.
		c.Advance(20 * time.Second)
		_, again := probeAll(t, pool, c, 5, r)
		require.Zero(t, again)
		prober := c.gate()
		_, err := prober.Admit(t.Context(), pool, uuid.New(), nil)
		require.NoError(t, err)
		prober.Report(flow.Result{Route: r, Probe: true, Token: token, Failure: &transports.Error{Class: transports.Unknown, Code: "502"}})
		require.NoError(t, prober.Flush(t.Context(), pool))
		list, err := flow.Breakers(t.Context(), pool, "chat")
		require.NoError(t, err)
		require.Equal(t, level+1, list[0].Level)
		require.WithinDuration(t, c.Now().Add(2*opened), list[0].Until, 0)
	}
	c.Advance(10 * time.Minute)
	// The prober dies: its lease ends, and another probes.
	token, probes := probeAll(t, pool, c, 20, r)
	require.Equal(t, 1, probes)
	_, err := pool.Exec(t.Context(), `DELETE FROM carillon.leases WHERE token = $1`, token)
	require.NoError(t, err)
	c.Advance(16 * time.Second)
	token, probes = probeAll(t, pool, c, 20, r)
	require.Equal(t, 1, probes)
	last := c.gate()
	last.Report(flow.Result{Route: r, Probe: true, Token: token})
	require.NoError(t, last.Flush(t.Context(), pool))
	_, free := admit(t, c.gate(), pool, requests(10, flow.Request{Route: r}))
	require.Equal(t, 10, free)
}

// probeAll lets n gates at once ask for ten sends each, under leases of their own.
func probeAll(t *testing.T, pool *pgxpool.Pool, c *clock, n int, r flow.Route) (winner uuid.UUID, probes int) {
	t.Helper()
	var mu sync.Mutex
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			token := uuid.New()
			_, err := pool.Exec(context.Background(), `INSERT INTO carillon.leases (token, until, worker, receipts) VALUES ($1, $2, 'test', '{}')`,
				token, c.Now().Add(time.Hour))
			if err != nil {
				t.Error(err)
				return
			}
			verdicts, err := c.gate().Admit(context.Background(), pool, token, requests(10, flow.Request{Route: r}))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for _, v := range verdicts {
				if v.Stop == flow.Free {
					winner = token
					probes++
				}
			}
		})
	}
	group.Wait()
	return winner, probes
}

// counting counts the statements that run on it.
type counting struct {
	flow.DB
	n int
}

func (c *counting) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	c.n++
	return c.DB.Query(ctx, sql, args...)
}

func TestABatchCostsNoStatementWithoutARateAndOneWith(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := &counting{DB: dbtest.Pool(t)}
	g := c.gate()
	plain := requests(200, flow.Request{Route: route(transports.Limit{})})
	admit(t, g, db, plain)
	require.Equal(t, 1, db.n, "what is open is read once")
	for range 20 {
		admit(t, g, db, plain)
	}
	require.NoError(t, g.Flush(t.Context(), db))
	require.Equal(t, 1, db.n)

	many := make([]flow.Request, 200)
	for i := range many {
		many[i] = flow.Request{Route: route(perSecond(10))}
		many[i].Route.Key.Key = string(rune('a' + i%20))
	}
	admit(t, g, db, many)
	db.n = 0
	admit(t, g, db, many)
	require.Equal(t, 1, db.n, "twenty destinations")

	small := requests(2, flow.Request{Route: route(perSecond(100))})
	small[0].Route.Key.Key, small[1].Route.Key.Key = "small", "small"
	admit(t, g, db, small)
	db.n = 0
	for range 9 {
		_, free := admit(t, g, db, small)
		require.Equal(t, 2, free)
	}
	require.Zero(t, db.n, "small batches live on what is in hand")
}

func TestAWorkersClockDoesNotMatter(t *testing.T) {
	t.Parallel()
	// No clock is given: spans count from the database's own, whatever either clock says.
	pool := dbtest.Pool(t)
	one, other := flow.New(nil), flow.New(nil)
	r := route(transports.Limit{})
	_, err := pool.Exec(t.Context(), `INSERT INTO carillon.budgets (transport, account, key, held_until)
		VALUES ('chat', 'T1', 'C9', clock_timestamp() + interval '40 seconds')`)
	require.NoError(t, err)
	for _, g := range []*flow.Gate{one, other} {
		verdicts, _ := admit(t, g, pool, requests(1, flow.Request{Route: r}))
		require.InDelta(t, 40, verdicts[0].Wait.Seconds(), 2)
	}
}
