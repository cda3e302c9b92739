package worker_test

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

func proving() bool { return os.Getenv("CARILLON_PROVE") == "1" }

// stopwatch is an email transport that takes its time and stamps when the mails of each event began.
type stopwatch struct {
	takes time.Duration
	mu    sync.Mutex
	begun map[uuid.UUID]time.Time
}

func (s *stopwatch) transport() transports.Transport {
	s.begun = map[uuid.UUID]time.Time{}
	return transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		SendFunc: func(ctx context.Context, m transports.Message) (transports.Result, error) {
			now := time.Now()
			s.mu.Lock()
			if _, again := s.begun[m.EventID]; !again {
				s.begun[m.EventID] = now
			}
			s.mu.Unlock()
			done := time.NewTimer(s.takes)
			defer done.Stop()
			select {
			case <-done.C:
				return transports.Result{}, nil
			case <-ctx.Done():
				return transports.Result{}, ctx.Err()
			}
		},
	})
}

// delays are the times from commit to send, shortest first. It waits for all.
func (s *stopwatch) delays(t *testing.T, committed map[uuid.UUID]time.Time) []time.Duration {
	t.Helper()
	var all []time.Duration
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		all = nil
		for event, at := range committed {
			if begun, is := s.begun[event]; is {
				all = append(all, max(begun.Sub(at), 0))
			}
		}
		return len(all) == len(committed)
	}, 60*time.Second, 20*time.Millisecond)
	slices.Sort(all)
	return all
}

func quantile(sorted []time.Duration, share float64) time.Duration {
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// sqlFillBulk makes n bulk receipts of one event that wait to be sent to ann, with their permits.
const sqlFillBulk = `
WITH e AS (
  INSERT INTO carillon.events (id, name, resource_type, resource_id, data)
  VALUES (carillon.uuid7(), 'orders.created', 'orders', 'B', '{"id": "B", "user_id": "ann"}') RETURNING id),
r AS (
  INSERT INTO carillon.receipts (id, event_id, tenant, channel, transport, audience, recipient, priority)
  SELECT carillon.uuid7(), e.id, '', 'email.user', 'email', 'user', 'ann', 3 FROM e, generate_series(1, $1::int))
INSERT INTO carillon.river_job (args, kind, max_attempts, priority, queue)
SELECT '{"permit": 500}', 'carillon_receipt', 25, 3, 'email_bulk' FROM generate_series(1, ($1::int + 499) / 500)`

// Critical mails pass by a million of bulk, or by twenty thousand where nobody has set CARILLON_PROVE.
func TestAMillionOfBulkDoesNotDelayCriticalMail(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	waiting, seconds := 20_000, 3
	if proving() {
		waiting, seconds = 1_000_000, 60
	}
	_, err := pool.Exec(t.Context(), sqlFillBulk, waiting)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `ANALYZE carillon.receipts, carillon.river_job`)
	require.NoError(t, err)
	watch := &stopwatch{takes: 20 * time.Millisecond}
	start(t, pool, d, &worker.Config{Transports: []transports.Transport{watch.transport(), inapp.New()}})
	require.Eventually(t, func() bool { return count(t, pool, sqlSentEmails) > 0 }, 60*time.Second, 10*time.Millisecond)
	committed := map[uuid.UUID]time.Time{}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range seconds * 10 {
		<-tick.C
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		emitted, err := h.EmitTx(t.Context(), tx, "created", order{ID: "C", UserID: "ann"}, &dispatch.EmitOpts{Priority: dispatch.Critical})
		require.NoError(t, err)
		require.NoError(t, tx.Commit(t.Context()))
		committed[emitted.EventID] = time.Now()
	}
	all := watch.delays(t, committed)
	sent := count(t, pool, sqlSentEmails)
	t.Logf("%d bulk waiting, %d sent meanwhile; critical: p50 %s, p99 %s, max %s of %d",
		waiting, sent, quantile(all, 0.5), quantile(all, 0.99), all[len(all)-1], len(all))
	require.Less(t, sent, waiting, "bulk was still waiting at the end")
	require.LessOrEqual(t, quantile(all, 0.99), 2*time.Second)
	require.LessOrEqual(t, all[len(all)-1], 10*time.Second)
}

// One tenant emits as much as it can; the others notice little of it.
func TestANoisyTenantGetsWhatIsLeft(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	quiet, seconds, noise := 10, 2, 20
	if proving() {
		quiet, seconds, noise = 50, 20, 100
	}
	tenants := make([]string, quiet)
	for i := range tenants {
		tenants[i] = "quiet" + string(rune('A'+i))
	}
	for _, tenant := range append(slices.Clone(tenants), "noisy") {
		require.NoError(t, people.Set(t.Context(), pool, tenant, people.Person{ID: "ann", Name: "Ann", Email: "ann@example.com"}))
	}
	watch := &stopwatch{takes: time.Millisecond}
	start(t, pool, d, &worker.Config{Transports: []transports.Transport{watch.transport(), inapp.New()}})
	calm := watch.delays(t, emitEvenly(t, pool, h, tenants, seconds, 0))
	loud := watch.delays(t, emitEvenly(t, pool, h, tenants, seconds, noise))
	t.Logf("quiet tenants: calm p50 %s, p99 %s; beside %d/s p50 %s, p99 %s", quantile(calm, 0.5), quantile(calm, 0.99),
		10*noise, quantile(loud, 0.5), quantile(loud, 0.99))
	// Twice the calm, and what a machine that is busy with other tests adds.
	require.LessOrEqual(t, quantile(loud, 0.99), 2*quantile(calm, 0.99)+time.Second)
}

// emitEvenly emits one event a second for each tenant, and ten times a second noise events of another.
func emitEvenly(
	t *testing.T, pool *pgxpool.Pool, h *dispatch.Handle[order], tenants []string, seconds, noise int,
) map[uuid.UUID]time.Time {
	t.Helper()
	committed := map[uuid.UUID]time.Time{}
	var mu sync.Mutex
	emit := func(tenant string, n int) {
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		var last dispatch.Emitted
		for range n {
			last, err = h.EmitTx(t.Context(), tx, "created", order{ID: "Q", UserID: "ann"}, &dispatch.EmitOpts{Priority: dispatch.Bulk, Tenant: tenant})
			require.NoError(t, err)
		}
		require.NoError(t, tx.Commit(t.Context()))
		if tenant != "noisy" {
			mu.Lock()
			committed[last.EventID] = time.Now()
			mu.Unlock()
		}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := range seconds * 10 {
		<-tick.C
		var group sync.WaitGroup
		if noise > 0 {
			group.Go(func() { emit("noisy", noise) })
		}
		for j, tenant := range tenants {
			if j%10 == i%10 {
				emit(tenant, 1)
			}
		}
		group.Wait()
	}
	return committed
}
