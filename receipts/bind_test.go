package receipts_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/receipts"
)

func TestBindMovesToSendingAndCountsTheTry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(2)
	bound, err := b.store.Bind(b.ctx(), b.db, batch.Token, []receipts.Binding{
		{ID: ids[0], Recipient: "ann", Address: "ann@example.com"}, {ID: ids[1], Address: "#ops"},
	})
	require.NoError(t, err)
	require.Equal(t, map[uuid.UUID]int{ids[0]: 1, ids[1]: 1}, bound)
	person, fixed := b.row(ids[0]), b.row(ids[1])
	require.Equal(t, receipts.Sending, person.State)
	require.Equal(t, "ann", *person.Recipient)
	require.Equal(t, "ann@example.com", *person.Address)
	require.Zero(t, person.Attempts, "only a result costs an attempt")
	require.Nil(t, fixed.Recipient)
	require.Equal(t, "#ops", *fixed.Address)
	require.Empty(t, b.bind(batch.Token, ids...), "a receipt is bound once per claim")
	require.Equal(t, 1, b.row(ids[0]).Tries)
	b.audit()
}

func TestBindOfNothingIsNoStatement(t *testing.T) {
	t.Parallel()
	bound, err := receipts.New(nil).Bind(t.Context(), nil, uuid.New(), nil)
	require.NoError(t, err)
	require.Empty(t, bound)
}

func TestBindWithALostTokenChangesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(1)
	body := &receipts.Body{RenderedAt: b.now}
	bind := func(token uuid.UUID) map[uuid.UUID]int {
		bound, err := b.store.Bind(b.ctx(), b.db, token, []receipts.Binding{{ID: ids[0], Recipient: "eve", Body: body}})
		require.NoError(t, err)
		return bound
	}
	other, _ := b.resolving(1)
	before := b.row(ids[0])
	require.Empty(t, bind(uuid.New()), "a token of nobody")
	require.Empty(t, bind(other.Token), "a token of another batch")
	require.Equal(t, before, b.row(ids[0]))

	b.advance(lease + time.Second)
	require.Len(t, b.reclaim(), 2)
	before = b.row(ids[0])
	require.Empty(t, bind(batch.Token), "a token that was reclaimed")
	require.Len(t, b.claim(10).Receipts, 2)
	require.Empty(t, bind(batch.Token), "a token that was reclaimed, of a receipt that somebody else holds")
	require.Equal(t, before.Tries, b.row(ids[0]).Tries)
	bodies, err := b.store.Bodies(b.ctx(), b.db, ids)
	require.NoError(t, err)
	require.Empty(t, bodies, "the content of a lost batch is not stored")
}

func TestContentIsStoredOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(1)
	bind := func(token uuid.UUID, subject string) {
		body := &receipts.Body{RenderedAt: b.now}
		body.Content.Subject = subject
		_, err := b.store.Bind(b.ctx(), b.db, token, []receipts.Binding{{ID: ids[0], Recipient: "ann", Body: body}})
		require.NoError(t, err)
	}
	bind(batch.Token, "first")
	b.record(batch.Token, true, waiting(ids[0], 0))
	bind(b.claim(1).Token, "second")
	require.Equal(t, 2, b.row(ids[0]).Tries)
	bodies, err := b.store.Bodies(b.ctx(), b.db, ids)
	require.NoError(t, err)
	require.Equal(t, "first", bodies[ids[0]].Content.Subject)
}

// What one message says must not keep the rest of its batch from being sent.
func TestTextThatPostgresCannotStoreIsMended(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(2)
	body := &receipts.Body{RenderedAt: b.now}
	body.Content.Subject = "a\x00b\xffc\\u0000d"
	bound, err := b.store.Bind(b.ctx(), b.db, batch.Token, []receipts.Binding{
		{ID: ids[0], Recipient: "an\x00n", Address: "ann\xff@example.com", Body: body}, {ID: ids[1], Recipient: "bob"},
	})
	require.NoError(t, err)
	require.Len(t, bound, 2)
	got := b.row(ids[0])
	require.Equal(t, "an\uFFFDn", *got.Recipient)
	require.Equal(t, "ann\uFFFD@example.com", *got.Address)
	bodies, err := b.store.Bodies(b.ctx(), b.db, ids)
	require.NoError(t, err)
	require.Equal(t, "a\uFFFDb\uFFFDc\\u0000d", bodies[ids[0]].Content.Subject)
}
