package receipts_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/receipts"
)

const bulkLane = "email_bulk"

func bulk() channel {
	c := email()
	c.Priority = 3
	return c
}

// bulkOf emits n bulk receipts of a tenant.
func (b *bundle) bulkOf(tenant string, n int) {
	b.t.Helper()
	raw, err := json.Marshal([]channel{bulk()})
	require.NoError(b.t, err)
	b.exec(`SELECT carillon.emit_event('orders.created', '{}', jsonb_build_object('tenant', $1::text), $2) FROM generate_series(1, $3)`,
		tenant, string(raw), n)
	if now := read[time.Time](b, "SELECT clock_timestamp()").UTC(); now.After(b.now) {
		b.now = now
	}
}

func (b *bundle) claimBulk(more int, from string) *receipts.Batch {
	b.t.Helper()
	batch, err := b.store.Claim(b.ctx(), b.db, receipts.ClaimParams{
		Lane: bulkLane, More: more, FromTenant: from, Lease: lease, Worker: "tester",
	})
	require.NoError(b.t, err)
	return batch
}

// permits lists the sizes of the permits that wait in the bulk lane.
func (b *bundle) permits() []int {
	b.t.Helper()
	rows, err := b.db.Query(b.ctx(), `SELECT (args ->> 'permit')::int FROM carillon.river_job
		WHERE queue = 'email_bulk' AND state IN ('available', 'scheduled') ORDER BY id`)
	require.NoError(b.t, err)
	sizes, err := pgx.CollectRows(rows, pgx.RowTo[int])
	require.NoError(b.t, err)
	return sizes
}

func byTenant(batch *receipts.Batch) map[string]int {
	counts := map[string]int{}
	for _, r := range batch.Receipts {
		counts[r.Tenant]++
	}
	return counts
}

func TestAChunkOfBulkReceiptsSharesPermits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.emit(bulk())
	require.Equal(t, []int{1}, b.permits())
	b.audit()
	batch := b.claimBulk(10, "")
	root := batch.Receipts[0].ID
	b.exec("DELETE FROM carillon.river_job")
	require.NoError(t, b.expand(batch.Token, root, people(0, 1200)))
	require.ElementsMatch(t, []int{500, 500, 200}, b.permits())
	b.record(batch.Token, true, receipts.Result{ID: root, State: receipts.Expanded, Reason: receipts.FannedOut})
	b.audit()
	b.exec("DELETE FROM carillon.river_job")
	batch = b.claimBulk(1000, "")
	require.Len(t, batch.Receipts, 1000)
	var results []receipts.Result
	for i, r := range batch.Receipts {
		switch {
		case i < 600:
			results = append(results, waiting(r.ID, time.Duration(i)*time.Millisecond))
		case i < 700:
			results = append(results, waiting(r.ID, time.Hour))
		default:
			results = append(results, sent(r.ID))
		}
	}
	b.bind(batch.Token, idsOf(batch)...)
	b.record(batch.Token, true, results...)
	require.LessOrEqual(t, len(b.permits()), 4, "retries share one for each second and 500")
	require.GreaterOrEqual(t, len(b.permits()), 3)
	require.Zero(t, read[int](b, "SELECT count(*) FROM carillon.receipts WHERE job_id IS NOT NULL"))
	b.exec(`INSERT INTO carillon.river_job (args, kind, max_attempts, queue, priority) VALUES ('{"permit": 200}', 'carillon_receipt', 25, 'email_bulk', 3)`)
	b.audit()
}

func TestBulkIsClaimedInTurnForEachTenant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.bulkOf("noisy", 300)
	b.bulkOf("", 2)
	b.bulkOf("shy", 50)
	for i := range 3 {
		b.bulkOf(fmt.Sprintf("quiet%d", i), 1)
	}
	first := byTenant(b.claimBulk(100, ""))
	require.InDelta(t, 47.5, first["noisy"], 0.5, "a sixth for each; what the quiet ones leave, in halves")
	require.InDelta(t, 47.5, first["shy"], 0.5)
	delete(first, "noisy")
	delete(first, "shy")
	require.Equal(t, map[string]int{"": 2, "quiet0": 1, "quiet1": 1, "quiet2": 1}, first)
	second := byTenant(b.claimBulk(100, ""))
	require.InDelta(t, 2.5, second["shy"], 0.5)
	require.Equal(t, 100, second["shy"]+second["noisy"])
	require.Equal(t, map[string]int{"noisy": 100}, byTenant(b.claimBulk(100, "")))
	require.Len(t, b.claimBulk(100, "").Receipts, 55)
	require.Empty(t, b.claimBulk(100, "").Receipts)
	b.audit()
}

func TestATurnBeginsWhereItIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 5 {
		b.bulkOf(fmt.Sprintf("t%d", i), 5)
	}
	require.Equal(t, map[string]int{"t0": 1, "t1": 1, "t2": 1}, byTenant(b.claimBulk(3, "")))
	require.Equal(t, map[string]int{"t2": 1, "t3": 1, "t4": 1}, byTenant(b.claimBulk(3, "t2")))
	require.Empty(t, b.claimBulk(3, "t5").Receipts)
	owed := func() (string, bool) {
		tenant, owed, err := b.store.Owed(b.ctx(), b.db, bulkLane)
		require.NoError(t, err)
		return tenant, owed
	}
	tenant, is := owed()
	require.Equal(t, "t0", tenant)
	require.True(t, is)
	require.Len(t, b.claimBulk(100, "").Receipts, 19)
	_, is = owed()
	require.False(t, is, "what is leased is somebody's")
}

func TestAClaimTakesNoMorePermitsThanItUsesAndLeavesOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.bulkOf("a", 20)
	require.Len(t, b.permits(), 20)
	require.Len(t, b.claimBulk(5, "").Receipts, 5)
	require.Len(t, b.permits(), 16, "as much as was claimed, but the first")
	b.audit()
	b.exec(`UPDATE carillon.river_job SET args = '{"permit": 500}' WHERE queue = 'email_bulk'`)
	require.Len(t, b.claimBulk(5, "").Receipts, 5)
	require.Len(t, b.permits(), 16, "they are worth more")
	b.exec(`UPDATE carillon.river_job SET args = '{"permit": 1}' WHERE queue = 'email_bulk'`)
	require.Len(t, b.claimBulk(100, "").Receipts, 10)
	require.Len(t, b.permits(), 7)
	require.Empty(t, b.claimBulk(100, "").Receipts)
	require.Len(t, b.permits(), 7, "a claim of nothing takes nothing")
}

func TestBulkThatIsNotDueOrLockedIsPassedOver(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	b := over(t, pool)
	b.bulkOf("a", 3)
	b.exec("UPDATE carillon.receipts SET due_at = due_at + interval '1 hour' WHERE id = (SELECT min(id::text)::uuid FROM carillon.receipts)")
	tx, err := pool.Begin(b.ctx())
	require.NoError(t, err)
	_, err = tx.Exec(b.ctx(), "SELECT FROM carillon.receipts WHERE id = (SELECT max(id::text)::uuid FROM carillon.receipts) FOR UPDATE")
	require.NoError(t, err)
	require.Len(t, b.claimBulk(10, "").Receipts, 1)
	_, owed, err := b.store.Owed(b.ctx(), b.db, bulkLane)
	require.NoError(t, err)
	require.True(t, owed, "the permit must fire again for what is locked")
	require.NoError(t, tx.Rollback(b.ctx()))
	require.Len(t, b.claimBulk(10, "").Receipts, 1)
	b.advance(time.Hour)
	require.Len(t, b.claimBulk(10, "").Receipts, 1)
}

func TestReconcileGivesABulkLaneAPermit(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		damage string
		mends  bool
	}{
		"Gone":        {"DELETE FROM carillon.river_job", true},
		"Completed":   {"UPDATE carillon.river_job SET state = 'completed', finalized_at = now()", true},
		"FarAway":     {"UPDATE carillon.river_job SET state = 'scheduled', scheduled_at = scheduled_at + interval '1 day'", true},
		"LongFetched": {"UPDATE carillon.river_job SET state = 'running', attempted_at = now() - interval '1 hour'", true},
		"Another":     {"DELETE FROM carillon.river_job WHERE id <> (SELECT max(id) FROM carillon.river_job)", false},
		"ElseWhere":   {"UPDATE carillon.river_job SET queue = 'sms_bulk'", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.bulkOf("a", 3)
			b.bulkOf("b", 3)
			b.exec(tt.damage)
			require.Empty(t, b.reconcile(), "not due for long")
			b.advance(time.Minute)
			require.Equal(t, tt.mends, len(b.reconcile()) == 1)
			require.Empty(t, b.reconcile(), "one is enough")
			if tt.mends {
				require.Contains(t, b.permits(), 500)
			}
			require.Len(t, b.claimBulk(10, "").Receipts, 6)
		})
	}
}

func TestCancellingBulkLeavesThePermitToTheOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := append([]uuid.UUID{}, b.emit(bulk())...)
	ids = append(ids, b.emit(bulk())...)
	b.exec("DELETE FROM carillon.river_job WHERE id = (SELECT max(id) FROM carillon.river_job)")
	b.apply(receipts.ActionCancel, ids[0])
	require.Len(t, b.permits(), 1)
	b.audit()
	b.apply(receipts.ActionReopen, ids[0])
	require.Len(t, b.permits(), 2)
	b.audit()
}

func TestReleasedReclaimedAndSentNowBulkHasPermits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.bulkOf("a", 4)
	b.exec("DELETE FROM carillon.river_job")
	batch := b.claimBulk(2, "")
	_, err := b.store.Release(b.ctx(), b.db, batch.Token, batch.Receipts)
	require.NoError(t, err)
	require.Equal(t, []int{2}, b.permits())
	b.audit()
	b.claimBulk(10, "")
	b.exec("DELETE FROM carillon.river_job")
	b.advance(lease + time.Second)
	require.Len(t, b.reclaim(), 4)
	require.Equal(t, []int{4}, b.permits())
	b.audit()
	b.exec("DELETE FROM carillon.river_job")
	b.apply(receipts.ActionSendNow, read[uuid.UUID](b, "SELECT id FROM carillon.receipts LIMIT 1"))
	require.Equal(t, []int{1}, b.permits())
}
