package pipeline_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// A function of the application that forgets to close its rows keeps no connection of the worker's pool.
func TestRowsThatTheApplicationLeavesOpenAreClosed(t *testing.T) {
	t.Parallel()
	careless := func(ctx context.Context, db dispatch.Querier) error {
		rows, err := db.Query(ctx, "SELECT n FROM generate_series(1, 3) n")
		if err == nil {
			rows.Next()
		}
		return err
	}
	r := resource(func(r *dispatch.Resource[order], e *dispatch.Event[order]) {
		r.Audiences["user"] = dispatch.AudienceFunc(func(ctx context.Context, db dispatch.Querier, o order) ([]dispatch.Recipient, error) {
			return []dispatch.Recipient{{ID: o.UserID}}, careless(ctx, db)
		})
		e.EnrichFunc = dispatch.Enrich(func(ctx context.Context, db dispatch.Querier, _ order) (struct{}, error) {
			return struct{}{}, careless(ctx, db)
		})
	}, emailTo("user"))
	pool := dbtest.Pool(t)
	require.NoError(t, people.Set(t.Context(), pool, "", people.Person{ID: "ann", Email: "ann@example.com"}))
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{r}, Categories: []dispatch.Category{{Name: "orders"}}})
	require.NoError(t, err)
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	emitted, err := dispatch.For(d, r).EmitTx(t.Context(), tx, "created", numbered("ann"), nil)
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	store := receipts.New(nil)
	email := transporttest.NewFake(transports.Email, nil)
	p, err := pipeline.New(&pipeline.Config{Dispatcher: d, Store: store, Transports: []transports.Transport{email}})
	require.NoError(t, err)
	list, err := store.OfEvent(t.Context(), pool, emitted.EventID)
	require.NoError(t, err)
	batch, err := store.Claim(t.Context(), pool, receipts.ClaimParams{Own: []uuid.UUID{one(t, list).ID}, Lease: aWhile, Worker: "test"})
	require.NoError(t, err)
	require.NoError(t, p.Run(t.Context(), pool, batch))
	require.Len(t, email.Accepted(), 1)
	require.Zero(t, pool.Stat().AcquiredConns(), "connections that nobody will give back")
}
