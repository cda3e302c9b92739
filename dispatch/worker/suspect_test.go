package worker_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// Receipts that lost two workers are sent one at a time by each process, so that a third death is the fault of one; and
// nobody waits for them who is above suspicion.
func TestSuspectsGoAloneAndInnocentsPass(t *testing.T) {
	t.Parallel()
	pool, d, h := setup(t)
	const suspects = 4
	require.NoError(t, run(t.Context(), pool, h, suspects))
	_, err := pool.Exec(t.Context(), `UPDATE carillon.receipts SET crashes = 2`)
	require.NoError(t, err)
	_, err = h.Run(t.Context(), pool, create, func(pgx.Tx) (order, error) { return order{ID: "late", UserID: "ann"}, nil }, nil)
	require.NoError(t, err)
	var mu sync.Mutex
	underWay, most, passed := 0, 0, false
	innocent := make(chan struct{})
	mail := transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		SendFunc: func(ctx context.Context, m transports.Message) (transports.Result, error) {
			if m.ResourceID == "late" {
				close(innocent)
				return transports.Result{}, nil
			}
			mu.Lock()
			underWay++
			most = max(most, underWay)
			mu.Unlock()
			select {
			case <-innocent:
				passed = true
			case <-time.After(5 * time.Second):
			case <-ctx.Done():
			}
			mu.Lock()
			underWay--
			mu.Unlock()
			return transports.Result{}, nil
		},
	})
	start(t, pool, d, &worker.Config{Transports: []transports.Transport{mail, inapp.New()}})
	require.Equal(t, map[string]int{"email sent(accepted)": suspects + 1, "in_app sent(accepted)": suspects + 1}, settled(t, pool, 2*(suspects+1)))
	require.Equal(t, 1, most, "suspects under way at once")
	require.True(t, passed, "the first suspect held everybody up")
}
