package worker_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

const sqlKillListener = `
SELECT count(*) FROM (
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
   WHERE datname = current_database() AND query ILIKE 'LISTEN %' AND pid <> pg_backend_pid()) killed`

// What is emitted while nobody listens is found by the poll.
func TestWithoutItsListenerAWorkerStaysQuick(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	fake := transporttest.NewFake(transports.Email, nil)
	start(t, pool, d, &worker.Config{Transports: []transports.Transport{fake, inapp.New()}})
	require.NoError(t, run(t.Context(), pool, h, 1))
	_, err := fake.Wait(t.Context(), 1)
	require.NoError(t, err)
	var took []time.Duration
	for i := range 3 {
		require.Eventually(t, func() bool { return count(t, pool, sqlKillListener) > 0 }, 20*time.Second, 5*time.Millisecond)
		began := time.Now()
		require.NoError(t, run(t.Context(), pool, h, 1))
		_, err := fake.Wait(t.Context(), i+2)
		require.NoError(t, err)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("from emit to send: %v", took)
	require.LessOrEqual(t, quantile(took, 0.5), 2*time.Second)
}
