package receipts_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/receipts"
)

func (b *bundle) release(token uuid.UUID, waitedFor receipts.Reason, ids ...uuid.UUID) []uuid.UUID {
	b.t.Helper()
	claimed := make([]receipts.Claimed, len(ids))
	for i, id := range ids {
		claimed[i] = receipts.Claimed{Receipt: receipts.Receipt{ID: id}, WaitedFor: waitedFor}
	}
	released, err := b.store.Release(b.ctx(), b.db, token, claimed)
	require.NoError(b.t, err)
	return released
}

func TestWhatIsGivenBackIsAsItWasAndDueAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(2)
	b.record(batch.Token, true, waiting(ids[0], time.Minute))
	fresh := b.row(ids[1])
	require.Equal(t, []uuid.UUID{ids[1]}, b.release(batch.Token, "", ids[1]))
	require.Equal(t, receipts.Pending, b.state(ids[1]))
	b.advance(time.Minute)
	b.promote(lane)
	again := b.claim(10)
	require.Len(t, again.Receipts, 2)
	before := b.row(ids[0])
	released, err := b.store.Release(b.ctx(), b.db, again.Token, again.Receipts)
	require.NoError(t, err)
	require.ElementsMatch(t, ids, released)
	waited := b.row(ids[0])
	require.Equal(t, receipts.Waiting, waited.State)
	require.Equal(t, receipts.Retry, *waited.Reason)
	require.Equal(t, before.DueAt, waited.DueAt)
	require.Equal(t, fresh.Tries, b.row(ids[1]).Tries, "it cost nothing")
	require.Equal(t, fresh.Attempts, b.row(ids[1]).Attempts)
	require.Equal(t, "available", b.jobs(ids[0])[0].State)
	require.Zero(t, b.leases(), "the lease ended with what it held")
	b.audit()
	require.Len(t, b.claim(10).Receipts, 2)
}

func TestOnlyWhatWasNotBegunIsGivenBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(2)
	b.bind(batch.Token, ids[0])
	require.Equal(t, []uuid.UUID{ids[1]}, b.release(batch.Token, "", ids...))
	require.Equal(t, 1, b.leases(), "it still holds what is being sent")
	require.Empty(t, b.release(uuid.New(), "", ids...), "of another's lease")
	require.Equal(t, receipts.Sending, b.state(ids[0]))
	b.audit()
}

func TestAReleaseWakesTheLane(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	b := over(t, pool)
	b.owed()
	batch := b.claim(10)
	heard := b.listen(pool)
	_, err := b.store.Release(b.ctx(), b.db, batch.Token, batch.Receipts)
	require.NoError(t, err)
	require.JSONEq(t, `{"queue": "email_default"}`, heard())
}
