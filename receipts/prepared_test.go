package receipts_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/receipts"
)

// To plan these statements takes longer than to run them for a few receipts.
func TestPostgresKeepsThePlansOfASend(t *testing.T) {
	t.Parallel()
	config := newPool(t).Config().ConnConfig
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	b := over(t, conn)
	for range 14 {
		batch, ids := b.resolving(4)
		b.bind(batch.Token, ids[:2]...)
		result := sent(ids[0])
		result.Attempt = &receipts.Attempt{StartedAt: b.now, FinishedAt: b.now, Outcome: receipts.AttemptAccepted, Class: "ok"}
		_, tries, err := b.store.Turn(b.ctx(), conn, batch.Token, []receipts.Result{result}, []receipts.Binding{
			{ID: ids[2], Recipient: "ann", Body: &receipts.Body{RenderedAt: time.Now()}}, {ID: ids[3], Recipient: "bob"},
		})
		require.NoError(t, err)
		require.Equal(t, map[uuid.UUID]int{ids[2]: 1, ids[3]: 1}, tries)
		b.record(batch.Token, true, sent(ids[1]), sent(ids[2]), sent(ids[3]))
	}
	for what, has := range map[string]string{"record": "INSERT INTO carillon.attempts", "bind": "INSERT INTO carillon.contents"} {
		planned := read[int64](b, `SELECT custom_plans FROM pg_prepared_statements WHERE strpos(statement, $1) > 0`, has)
		require.LessOrEqual(t, planned, int64(5), what)
	}
}
