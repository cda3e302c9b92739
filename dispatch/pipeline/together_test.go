package pipeline_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/inbox"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// unrecordable delivers, and sees to it that the delivery cannot be recorded.
type unrecordable struct{ *refusing }

func (u unrecordable) SendTx(ctx context.Context, tx pgx.Tx, ms []transports.Message) ([]transports.Result, error) {
	if _, err := tx.Exec(ctx, `ALTER TABLE carillon.receipts ADD CONSTRAINT never_sent CHECK (state <> 'sent') NOT VALID`); err != nil {
		return nil, err
	}
	return u.refusing.SendTx(ctx, tx, ms)
}

func TestANotificationWhoseResultCannotBeRecordedIsTakenBack(t *testing.T) {
	t.Parallel()
	board := unrecordable{&refusing{Fake: transporttest.NewFake("board", nil)}}
	r := resource(nil, dispatch.Channel{Transport: "board", Audience: "user"})
	pool := dbtest.Pool(t)
	d, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{r}, Categories: []dispatch.Category{{Name: "orders"}},
		Transports: []transports.Spec{{Name: "board", Required: []string{transports.FieldMessage}}},
	})
	require.NoError(t, err)
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	emitted, err := dispatch.For(d, r).EmitTx(t.Context(), tx, "created", numbered("ann"), nil)
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	store := receipts.New(nil)
	p, err := pipeline.New(&pipeline.Config{
		Dispatcher: d, Store: store, Transports: []transports.Transport{board}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	list, err := store.OfEvent(t.Context(), pool, emitted.EventID)
	require.NoError(t, err)
	batch, err := store.Claim(t.Context(), pool, receipts.ClaimParams{Own: []uuid.UUID{one(t, list).ID}, Lease: aWhile, Worker: "test"})
	require.NoError(t, err)
	require.NoError(t, p.Run(t.Context(), pool, batch))
	got, err := store.Get(t.Context(), pool, list[0].ID)
	require.NoError(t, err)
	require.Equal(t, receipts.Waiting, got.State)
	notifications, err := inbox.List(t.Context(), pool, "", "ann", 10)
	require.NoError(t, err)
	require.Empty(t, notifications, "delivered, and not recorded")
}
