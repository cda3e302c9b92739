package pipeline_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// trips counts the round trips of a pool.
type trips struct {
	*pgxpool.Pool
	batches, statements atomic.Int32
}

func (p *trips) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	p.batches.Add(1)
	return p.Pool.SendBatch(ctx, b)
}

func (p *trips) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	p.statements.Add(1)
	return p.Pool.Query(ctx, sql, args...)
}

// claimed sets up an outage's lane with that many senders, and claims what is due.
func claimed(t *testing.T, s *server, n, senders int) (*outage, *receipts.Batch) {
	t.Helper()
	o := setupOutage(t, s, n)
	o.pass(t, 0) // Who is in the audience.
	require.Equal(t, n, o.count(t, "state = 'sent'"))
	_, err := o.pool.Exec(t.Context(), `UPDATE carillon.receipts SET state = 'pending', reason = NULL, finished_at = NULL, tries = 0, attempts = 0
		WHERE state = 'sent'`)
	require.NoError(t, err)
	_, err = o.pool.Exec(t.Context(), `TRUNCATE carillon.attempts, carillon.contents`)
	require.NoError(t, err)
	var own []uuid.UUID
	require.NoError(t, o.pool.QueryRow(t.Context(), `SELECT array_agg(id) FROM carillon.receipts WHERE state = 'pending'`).Scan(&own))
	o.pipeline, err = pipeline.New(&pipeline.Config{
		Dispatcher: o.dispatcher, Transports: []transports.Transport{s}, Store: o.store, Senders: senders,
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	batch, err := o.store.Claim(t.Context(), o.pool, receipts.ClaimParams{Lane: "email_default", Own: own, Lease: time.Hour, Worker: "test"})
	require.NoError(t, err)
	require.Len(t, batch.Receipts, n)
	return o, batch
}

func TestSendersGoToTheNextReceiptsInOneRoundTrip(t *testing.T) {
	t.Parallel()
	o, batch := claimed(t, newServer(mailhost), 12, 1)
	pool := &trips{Pool: o.pool}
	require.NoError(t, o.pipeline.Run(t.Context(), pool, batch))
	require.Equal(t, 12, o.count(t, "state = 'sent'"))
	require.EqualValues(t, 11, pool.batches.Load(), "one between every two sends")
	require.LessOrEqual(t, pool.statements.Load(), int32(2+4), "the first bind, the last record, and the stages before")
}

// A batch whose next receipts cannot be bound has its results recorded all the same.
func TestResultsAreWrittenThoughTheNextCannotBeBound(t *testing.T) {
	t.Parallel()
	o, batch := claimed(t, newServer(mailhost), 3, 1)
	_, err := o.pool.Exec(t.Context(), `ALTER TABLE carillon.contents ADD CONSTRAINT second CHECK (receipt_id <> '`+batch.Receipts[1].ID.String()+`')`)
	require.NoError(t, err)
	require.ErrorContains(t, o.pipeline.Run(t.Context(), o.pool, batch), "bind 1 receipts")
	require.Equal(t, 1, o.count(t, "state = 'sent'"))
	require.Equal(t, 2, o.count(t, "state = 'resolving' AND tries = 0"), "to be given back, or reclaimed at no cost")
}
