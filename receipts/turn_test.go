package receipts_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/receipts"
)

// turn records that the first is sent, and binds the second.
func (b *bundle) turn(token uuid.UUID, first, second uuid.UUID) ([]uuid.UUID, map[uuid.UUID]int, error) {
	b.t.Helper()
	return b.store.Turn(b.ctx(), b.db, token, []receipts.Result{sent(first)}, []receipts.Binding{{
		ID: second, Recipient: "ann", Address: "ann@example.com", Body: &receipts.Body{RenderedAt: b.now},
	}})
}

func TestATurnRecordsAndBindsInOneTransaction(t *testing.T) {
	t.Parallel()
	b := over(t, newPool(t))
	batch, ids := b.resolving(2)
	b.bind(batch.Token, ids[0])
	recorded, tries, err := b.turn(batch.Token, ids[0], ids[1])
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{ids[0]}, recorded)
	require.Equal(t, map[uuid.UUID]int{ids[1]: 1}, tries)
	require.Equal(t, receipts.Sent, b.state(ids[0]))
	require.Equal(t, receipts.Sending, b.state(ids[1]))
	require.EqualValues(t, 1, read[int64](b, `SELECT count(DISTINCT xmin::text) FROM carillon.receipts WHERE id = ANY($1)`, ids))
	require.Equal(t, 1, b.leases(), "the second is under it")
	b.audit()
}

func TestATurnThatFailsDoesNeither(t *testing.T) {
	t.Parallel()
	for what, table := range map[string]string{"record": "attempts", "bind": "contents"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := over(t, newPool(t))
			batch, ids := b.resolving(2)
			b.bind(batch.Token, ids[0])
			b.exec(`ALTER TABLE carillon.` + table + ` ADD CONSTRAINT no CHECK (false) NOT VALID`)
			result := sent(ids[0])
			result.Attempt = &receipts.Attempt{StartedAt: b.now, FinishedAt: b.now, Outcome: receipts.AttemptAccepted, Class: "ok"}
			_, _, err := b.store.Turn(b.ctx(), b.db, batch.Token, []receipts.Result{result},
				[]receipts.Binding{{ID: ids[1], Recipient: "ann", Body: &receipts.Body{RenderedAt: b.now}}})
			require.ErrorContains(t, err, what)
			require.Equal(t, receipts.Sending, b.state(ids[0]))
			require.Equal(t, receipts.Resolving, b.state(ids[1]))
			require.Zero(t, b.row(ids[1]).Tries)
		})
	}
}

func TestATurnWithALostTokenChangesNothing(t *testing.T) {
	t.Parallel()
	b := over(t, newPool(t))
	batch, ids := b.resolving(2)
	b.bind(batch.Token, ids[0])
	b.advance(lease + time.Second)
	require.Len(t, b.reclaim(), 2)
	before := []row{b.row(ids[0]), b.row(ids[1])}
	recorded, tries, err := b.turn(batch.Token, ids[0], ids[1])
	require.NoError(t, err)
	require.Empty(t, recorded)
	require.Empty(t, tries)
	require.Equal(t, before, []row{b.row(ids[0]), b.row(ids[1])})
	b.audit()
}
