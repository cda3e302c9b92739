package receipts_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/receipts"
)

func people(from, to int) []receipts.Child {
	var chunk []receipts.Child
	for i := from; i < to; i++ {
		id := fmt.Sprintf("p%03d", i)
		chunk = append(chunk, receipts.Child{Key: "person:" + id, Recipient: id})
	}
	return chunk
}

func (b *bundle) expand(token, root uuid.UUID, chunk []receipts.Child) error {
	b.t.Helper()
	return b.store.Expand(b.ctx(), b.db, token, root, chunk)
}

func (b *bundle) childrenOf(root uuid.UUID) []uuid.UUID {
	b.t.Helper()
	rows, err := b.db.Query(b.ctx(), "SELECT id FROM carillon.receipts WHERE root_id = $1 ORDER BY recipient_key", root)
	require.NoError(b.t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(b.t, err)
	return ids
}

func TestExpandGivesEachRecipientAReceiptWithAJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := email()
	c.ExpiresAfter = 3600
	root := b.emit(c)[0]
	batch := b.claim(1)
	require.NoError(t, b.expand(batch.Token, root, []receipts.Child{
		{Key: "address:#ops", Address: "#ops"},
		{Key: "person:ann", Recipient: "ann", Data: json.RawMessage(`{"locale": "de"}`)},
	}))
	require.Equal(t, "person:ann", *b.row(root).Cursor)
	children := b.childrenOf(root)
	require.Len(t, children, 2)
	rootReceipt, err := b.store.Get(b.ctx(), b.db, root)
	require.NoError(t, err)
	for i, id := range children {
		got, err := b.store.Get(b.ctx(), b.db, id)
		require.NoError(t, err)
		require.Equal(t, root, *got.RootID)
		require.Equal(t, receipts.Pending, got.State)
		require.True(t, got.Bound())
		require.Equal(t, []string{"", "ann"}[i], got.Recipient)
		require.Equal(t, []string{"#ops", ""}[i], got.Address)
		require.Equal(t, b.now, got.DueAt.UTC())
		require.Equal(t,
			[]any{rootReceipt.EventID, "acme", "email.user", "email", "user", receipts.Default, *rootReceipt.ExpiresAt},
			[]any{got.EventID, got.Tenant, got.Channel, got.Transport, got.Audience, got.Priority, *got.ExpiresAt})
		require.Len(t, b.jobs(id), 1)
	}
	require.Nil(t, b.row(children[0]).RecipientData)
	require.JSONEq(t, `{"locale": "de"}`, string(b.row(children[1]).RecipientData))
	b.audit()
	b.record(batch.Token, true, receipts.Result{ID: root, State: receipts.Expanded, Reason: receipts.FannedOut})
	b.audit()
	require.ElementsMatch(t, children, idsOf(b.claim(10)))
}

func TestARepeatedChunkAddsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(1)
	require.NoError(t, b.expand(batch.Token, ids[0], people(0, 20)))
	before := b.childrenOf(ids[0])
	jobs := read[int](b, "SELECT count(*) FROM carillon.river_job")
	require.NoError(t, b.expand(batch.Token, ids[0], people(0, 20)))
	require.Equal(t, before, b.childrenOf(ids[0]))
	require.Equal(t, jobs, read[int](b, "SELECT count(*) FROM carillon.river_job"))
	require.NoError(t, b.expand(batch.Token, ids[0], append(people(10, 30), people(10, 30)...)), "a chunk that overlaps, and names people twice")
	require.Len(t, b.childrenOf(ids[0]), 30)
	b.audit()
}

func TestAnExpansionGoesOnWhereItsWorkerWasLost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(1)
	root := ids[0]
	b.exec("UPDATE carillon.receipts SET crashes = 2 WHERE id = $1", root)
	require.NoError(t, b.expand(batch.Token, root, people(0, 10)))
	require.Zero(t, b.row(root).Crashes, "progress ends the row of lost workers")
	b.advance(lease + time.Second)
	require.Equal(t, ids, b.reclaim())
	require.ErrorIs(t, b.expand(batch.Token, root, people(10, 20)), receipts.ErrLeaseLost)
	require.Len(t, b.childrenOf(root), 10)
	again := b.claim(1, root)
	i := slices.IndexFunc(again.Receipts, func(c receipts.Claimed) bool { return c.ID == root })
	require.Equal(t, "person:p009", again.Receipts[i].Cursor)
	require.NoError(t, b.expand(again.Token, root, people(10, 20)))
	require.ErrorIs(t, b.expand(batch.Token, root, people(20, 30)), receipts.ErrLeaseLost, "by the worker that was lost")
	require.Len(t, b.childrenOf(root), 20)
	require.Equal(t, "person:p019", *b.row(root).Cursor)
	b.audit()
}

func TestARootThatWasTakenAwayIsNotExpanded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(3)
	b.exec("UPDATE carillon.receipts SET state = 'cancelled', reason = 'operator', lease_token = NULL, finished_at = now() WHERE id = $1", ids[0])
	require.Len(t, b.bind(batch.Token, ids[1]), 1)
	for i, why := range []string{"cancelled", "being sent"} {
		require.ErrorIs(t, b.expand(batch.Token, ids[i], people(0, 3)), receipts.ErrLeaseLost, why)
		require.Empty(t, b.childrenOf(ids[i]), why)
	}
	require.ErrorIs(t, b.expand(uuid.New(), ids[2], people(0, 3)), receipts.ErrLeaseLost, "another token")
	require.ErrorIs(t, b.expand(batch.Token, uuid.New(), people(0, 3)), receipts.ErrLeaseLost, "another root")
	require.NoError(t, b.expand(batch.Token, ids[2], nil), "nothing to add")
	require.Empty(t, b.childrenOf(ids[2]))
}

func TestChildrenOfADelayedRootWait(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := email()
	c.Delay = 60
	root := b.emit(c)[0]
	batch := b.claim(1)
	require.NoError(t, b.expand(batch.Token, root, people(0, 1)))
	child := b.childrenOf(root)[0]
	got := b.row(child)
	require.Equal(t, receipts.Waiting, got.State)
	require.Equal(t, receipts.Delayed, *got.Reason)
	require.Equal(t, b.now.Add(time.Minute), got.DueAt.UTC())
	require.Equal(t, "scheduled", b.jobs(child)[0].State)
	b.audit()
	b.advance(time.Minute)
	require.NoError(t, b.expand(batch.Token, root, people(0, 2)))
	require.Equal(t, receipts.Pending, b.state(b.childrenOf(root)[1]), "the delay is over")
	require.Equal(t, receipts.Waiting, b.state(child), "one that exists is left alone")
	b.audit()
}

func TestExpandWakesTheLane(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	b := over(t, pool)
	batch, ids := b.resolving(1)
	b.exec("UPDATE carillon.receipts SET priority = 3 WHERE id = $1", ids[0]) // A lane that nobody has woken yet.
	heard := b.listen(pool)
	require.NoError(t, b.expand(batch.Token, ids[0], people(0, 3)))
	require.JSONEq(t, `{"queue": "email_bulk"}`, heard())
}
