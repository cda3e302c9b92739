package worker_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
)

// What a process had sent and not recorded when it died is sent again: never more than it has senders.
func TestNoMoreThanTheSendersAreUnrecorded(t *testing.T) {
	t.Parallel()
	for name, fill := range map[string]string{"default": sqlFillDefault, "bulk": sqlFillBulk} {
		for size, batch := range map[string]int{"one": 1, "many": 15} {
			t.Run(name+" "+size, func(t *testing.T) {
				t.Parallel()
				pool, d, _ := setup(t)
				config := pool.Config()
				config.MaxConns = 25 // Not they are what bounds it.
				wide, err := pgxpool.NewWithConfig(t.Context(), config)
				require.NoError(t, err)
				t.Cleanup(wide.Close)
				_, err = pool.Exec(t.Context(), fill, 40)
				require.NoError(t, err)
				block, err := pool.Begin(t.Context())
				require.NoError(t, err)
				defer func() { _ = block.Rollback(t.Context()) }() // Otherwise the worker could not stop.
				_, err = block.Exec(t.Context(), `LOCK TABLE carillon.attempts IN EXCLUSIVE MODE`)
				require.NoError(t, err)
				var sends atomic.Int32
				start(t, wide, d, &worker.Config{
					Senders: 4, Batch: batch, Transports: []transports.Transport{inapp.New(), email(func(context.Context) error {
						sends.Add(1)
						return nil
					})},
				})
				require.Eventually(t, func() bool { return sends.Load() >= 1 }, 10*time.Second, time.Millisecond)
				require.Never(t, func() bool { return sends.Load() > 4 }, 400*time.Millisecond, 5*time.Millisecond)
				require.NoError(t, block.Rollback(t.Context()))
				require.Equal(t, 40, settled(t, pool, 40)["email sent(accepted)"])
				require.EqualValues(t, 40, sends.Load())
			})
		}
	}
}
