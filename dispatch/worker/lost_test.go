package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// River must know a worker by a name from which Reclaim can tell whose jobs are whose.
func TestRiverKnowsAWorkerByTheNameInItsLeases(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	fake := transporttest.NewFake(transports.Email, nil)
	start(t, pool, d, &worker.Config{Transports: []transports.Transport{fake, inapp.New()}, Name: "shop-1"})
	require.NoError(t, run(t.Context(), pool, h, 1))
	require.Eventually(t, func() bool {
		var known bool
		err := pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM carillon.river_job
			WHERE starts_with(attempted_by[cardinality(attempted_by)], 'shop-1/'))`).Scan(&known)
		return err == nil && known
	}, 5*time.Second, 10*time.Millisecond)
}
