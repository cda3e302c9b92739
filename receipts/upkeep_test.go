package receipts_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

const (
	poison = 3
	grace  = 10 * time.Second
)

func (b *bundle) reclaim() []uuid.UUID {
	b.t.Helper()
	all, err := b.store.Reclaim(b.ctx(), b.db, poison)
	require.NoError(b.t, err)
	var ids []uuid.UUID
	for _, one := range all {
		ids = append(ids, one.ID)
		row := b.row(one.ID)
		require.Equal(b.t, row.State, one.State, "what Reclaim says is what it did")
		require.Equal(b.t, *row.Reason, one.Reason)
		require.NotEmpty(b.t, one.Transport)
		require.NotEmpty(b.t, one.Event)
	}
	return ids
}

func (b *bundle) reconcile() []uuid.UUID {
	b.t.Helper()
	ids, err := b.store.Reconcile(b.ctx(), b.db, grace)
	require.NoError(b.t, err)
	return ids
}

func (b *bundle) promote(lanes ...string) int {
	b.t.Helper()
	n, err := b.store.Promote(b.ctx(), b.db, lanes)
	require.NoError(b.t, err)
	return n
}

func TestRenewProlongsOnlyWhatStands(t *testing.T) {
	t.Parallel()
	b := setup(t)
	lost, _ := b.resolving(1)
	b.advance(lease)
	stands, ids := b.resolving(1)
	b.advance(time.Second)
	renewed, err := b.store.Renew(b.ctx(), b.db, []uuid.UUID{lost.Token, stands.Token, uuid.New()}, time.Hour)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{stands.Token}, renewed, "an expired lease is lost even before it is reclaimed")
	b.advance(30 * time.Minute)
	require.Equal(t, idsOf(lost), b.reclaim())
	require.Equal(t, receipts.Resolving, b.state(ids[0]))
	b.audit()
}

func TestReclaimLeavesLeasesThatStand(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.sending(2)
	b.advance(lease - time.Second)
	require.Empty(t, b.reclaim())
	require.Equal(t, 1, b.leases())
}

func TestReclaimOfWhatWasNotSentCostsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, ids := b.resolving(1)
	b.advance(lease + time.Second)
	require.Equal(t, ids, b.reclaim())
	got := b.row(ids[0])
	require.Equal(t, receipts.Waiting, got.State)
	require.Equal(t, receipts.Reclaimed, *got.Reason)
	require.Equal(t, []int{0, 0, 1}, []int{got.Tries, got.Attempts, got.Crashes})
	require.Equal(t, b.now, got.DueAt.UTC())
	require.Empty(t, b.attempts(ids[0]))
	require.Zero(t, b.leases())
	b.audit()
	require.Equal(t, receipts.Reclaimed, b.claim(1).Receipts[0].WaitedFor)
}

func TestReclaimOfASendIsAnAttemptOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	b := setup(t)
	claimedAt := b.now
	_, ids := b.sending(1)
	b.advance(lease + time.Second)
	require.Equal(t, ids, b.reclaim())
	got := b.row(ids[0])
	require.Equal(t, receipts.Waiting, got.State)
	require.Equal(t, []int{1, 1, 1}, []int{got.Tries, got.Attempts, got.Crashes})
	attempts := b.attempts(ids[0])
	require.Len(t, attempts, 1)
	a := attempts[0]
	require.Equal(t, 1, a.N)
	require.Equal(t, receipts.AttemptUnknown, a.Outcome)
	require.Equal(t, transports.Unknown, a.Class)
	require.NotEmpty(t, a.Detail)
	require.Equal(t, claimedAt, a.StartedAt.UTC())
	require.Equal(t, b.now, a.FinishedAt.UTC())
	require.Equal(t, "ann", *got.Recipient, "who gets it stays bound")
	b.audit()
}

// A worker also dies with jobs in hand for which it has not claimed: nobody else would look at their receipts for a while.
func TestReclaimHasTheJobsOfALostWorkerFireAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.resolving(1)
	fetch := func(client string, at time.Duration) uuid.UUID {
		id := b.owed()
		b.exec(`UPDATE carillon.river_job SET state = 'running', attempt = 1, attempted_at = $2, attempted_by = ARRAY['before', $3]
			WHERE args ->> 'receipt' = $1`, id.String(), b.now.Add(at), client)
		return id
	}
	lost := fetch("tester/1a2b3c4d", time.Second)
	after := fetch("tester/1a2b3c4d", lease+time.Second)
	others := fetch("tester2/1a2b3c4d", time.Second)
	b.advance(lease - time.Second)
	require.Empty(t, b.reclaim())
	require.Equal(t, "running", b.jobs(lost)[0].State, "its lease stands")
	b.advance(2 * time.Second)
	require.Len(t, b.reclaim(), 1)
	require.Equal(t, "available", b.jobs(lost)[0].State)
	require.Equal(t, "running", b.jobs(after)[0].State, "it was fetched when the lease was over: the worker lives")
	require.Equal(t, "running", b.jobs(others)[0].State)
	require.Contains(t, idsOf(b.claim(10)), lost)
}

// A worker that dies in the middle of its sends leaves many receipts that only waited for a sender. They are above suspicion:
// claimed one by one, they would hold up their lane.
func TestOnlyWhatMayHaveEndedTheWorkerIsSuspected(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// goOn is what the batch had done when its worker was lost.
		goOn func(b *bundle, token uuid.UUID, ids []uuid.UUID)
		want []int
	}{
		{"in the stages before", func(*bundle, uuid.UUID, []uuid.UUID) {}, []int{1, 1, 1}},
		{"at its first send", func(b *bundle, token uuid.UUID, ids []uuid.UUID) { b.bind(token, ids[0]) }, []int{1, 0, 0}},
		{"between two sends", func(b *bundle, token uuid.UUID, ids []uuid.UUID) {
			b.bind(token, ids[0])
			b.record(token, false, sent(ids[0]))
		}, []int{0, 0, 0}},
		{"at its second send", func(b *bundle, token uuid.UUID, ids []uuid.UUID) {
			b.bind(token, ids[0])
			b.record(token, false, waiting(ids[0], time.Hour))
			b.bind(token, ids[1])
		}, []int{0, 1, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			other, others := b.resolving(1)
			batch, ids := b.resolving(3)
			b.bind(other.Token, others[0])
			c.goOn(b, batch.Token, ids)
			b.advance(lease + time.Second)
			b.reclaim()
			require.Equal(t, c.want, []int{b.row(ids[0]).Crashes, b.row(ids[1]).Crashes, b.row(ids[2]).Crashes})
			require.Equal(t, 1, b.row(others[0]).Crashes, "another batch's sends say nothing")
			b.audit()
		})
	}
}

func TestAReceiptThatLosesEveryWorkerIsSetAside(t *testing.T) {
	t.Parallel()
	for _, bound := range []bool{false, true} {
		b := setup(t)
		id := b.owed()
		for crash := 1; crash <= poison; crash++ {
			batch := b.claim(1)
			require.Equal(t, []uuid.UUID{id}, idsOf(batch))
			if bound {
				b.bind(batch.Token, id)
			}
			b.advance(lease + time.Second)
			require.Equal(t, []uuid.UUID{id}, b.reclaim())
			got := b.row(id)
			require.Equal(t, crash, got.Crashes)
			require.Equal(t, crash == poison, got.State == receipts.Failed)
			b.audit()
		}
		got := b.row(id)
		require.Equal(t, receipts.Poison, *got.Reason)
		require.Equal(t, b.now, got.FinishedAt.UTC())
		require.Empty(t, b.jobs(id))
		require.Len(t, b.attempts(id), map[bool]int{true: poison}[bound])
		require.Empty(t, b.claim(1, id).Receipts)
	}
}

func TestAReceiptThatKillsItsWorkersTakesNobodyAlong(t *testing.T) {
	t.Parallel()
	for _, priority := range []receipts.Priority{receipts.Default, receipts.Bulk} {
		b := setup(t)
		bad := b.owed()
		for range 5 {
			b.owed()
		}
		b.exec("UPDATE carillon.receipts SET priority = $1", priority)
		lane := receipts.Lane(transports.Email, priority)
		claim := func() *receipts.Batch {
			batch, err := b.store.Claim(b.ctx(), b.db, receipts.ClaimParams{Lane: lane, More: 10, Lease: lease, Worker: "test"})
			require.NoError(t, err)
			return batch
		}
		b.exec("UPDATE carillon.river_job SET queue = $1", lane)
		require.Len(t, claim().Receipts, 6)
		for deaths := 1; ; deaths++ {
			require.LessOrEqual(t, deaths, poison)
			b.advance(lease + time.Second)
			b.reclaim()
			var batch *receipts.Batch
			for batch = claim(); len(batch.Receipts) > 0 && batch.Receipts[0].ID != bad; batch = claim() {
				if deaths < poison-1 {
					break
				}
				require.Len(t, batch.Receipts, 1, "a suspect is alone")
				b.bind(batch.Token, batch.Receipts[0].ID)
				b.record(batch.Token, true, sent(batch.Receipts[0].ID))
			}
			if len(batch.Receipts) == 0 {
				break
			}
		}
		require.Equal(t, receipts.Failed, b.state(bad))
		require.Equal(t, 5, read[int](b, "SELECT count(*) FROM carillon.receipts WHERE state = 'sent'"))
	}
}

func TestWhoHasASuspectMayAskForTheInnocentOnly(t *testing.T) {
	t.Parallel()
	for _, priority := range []receipts.Priority{receipts.Default, receipts.Bulk} {
		b := setup(t)
		suspects := []uuid.UUID{b.owed(), b.owed()}
		innocent := b.owed()
		b.exec("UPDATE carillon.receipts SET priority = $1", priority)
		b.exec("UPDATE carillon.receipts SET crashes = 2 WHERE id = ANY($1)", suspects)
		lane := receipts.Lane(transports.Email, priority)
		b.exec("UPDATE carillon.river_job SET queue = $1", lane)
		claim := func(innocent bool) []receipts.Claimed {
			batch, err := b.store.Claim(b.ctx(), b.db, receipts.ClaimParams{
				Lane: lane, Own: suspects, More: 10, Lease: lease, Worker: "test", Innocent: innocent,
			})
			require.NoError(t, err)
			return batch.Receipts
		}
		first := claim(true)
		require.Len(t, first, 1)
		require.Equal(t, innocent, first[0].ID)
		require.False(t, first[0].Suspect)
		require.Empty(t, claim(true))
		for range suspects {
			one := claim(false)
			require.Len(t, one, 1)
			require.True(t, one[0].Suspect)
		}
		require.Empty(t, claim(false))
	}
}

func TestReclaimTakesOnlyWhatIsStillOfTheBatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.sending(3)
	b.record(batch.Token, false, sent(ids[0]), waiting(ids[1], 0))
	again := b.claim(1)
	b.advance(lease - time.Second)
	_, err := b.store.Renew(b.ctx(), b.db, []uuid.UUID{again.Token}, lease)
	require.NoError(t, err)
	b.advance(2 * time.Second)
	require.Equal(t, ids[2:], b.reclaim())
	require.Equal(t, receipts.Sent, b.state(ids[0]))
	require.Equal(t, receipts.Resolving, b.state(ids[1]), "it belongs to another batch by now")
	b.audit()
}

func TestReclaimTakesManyLeases(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 50 {
		b.resolving(1)
	}
	b.advance(lease + time.Second)
	taken := 0
	for range 3 {
		taken += len(b.reclaim())
	}
	require.Equal(t, 50, taken)
	require.Zero(t, b.leases())
	b.audit()
}

func TestReconcileSetsANewAlarm(t *testing.T) {
	t.Parallel()
	const running = "UPDATE carillon.river_job SET state = 'running', attempt = 1, attempted_at = $2 WHERE id = $1"
	for _, tt := range []struct {
		name   string
		change func(b *bundle, job int64)
		mended bool
	}{
		{"Available", func(*bundle, int64) {}, false},
		{"Deleted", func(b *bundle, job int64) { b.exec("DELETE FROM carillon.river_job WHERE id = $1", job) }, true},
		{"Completed", finalize("completed"), true},
		{"Discarded", finalize("discarded"), true},
		{"Cancelled", finalize("cancelled"), true},
		{"RunningForLong", func(b *bundle, job int64) { b.exec(running, job, b.now.Add(-time.Second)) }, true},
		{"RunningForAMoment", func(b *bundle, job int64) { b.exec(running, job, b.now.Add(grace)) }, false},
		{"ScheduledSoon", reschedule("scheduled", 0), false},
		{"RetryableSoon", reschedule("retryable", grace), false},
		{"RetryableInHours", reschedule("retryable", 3*time.Hour), true},
		{"ScheduledInHours", reschedule("scheduled", 3*time.Hour), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			id := b.owed()
			before := b.jobs(id)[0].ID
			tt.change(b, before)
			require.Empty(t, b.reconcile(), "within the grace")
			b.advance(grace + time.Second)
			if !tt.mended {
				require.Empty(t, b.reconcile())
				require.Equal(t, before, *b.row(id).JobID)
				return
			}
			require.Equal(t, []uuid.UUID{id}, b.reconcile())
			got := b.row(id)
			require.Equal(t, receipts.Pending, got.State, "an alarm is not a move")
			require.NotEqual(t, before, *got.JobID)
			b.audit()
			require.Empty(t, b.reconcile(), "once")
			require.Equal(t, []uuid.UUID{id}, idsOf(b.claim(1)))
		})
	}
}

func finalize(state string) func(*bundle, int64) {
	return func(b *bundle, job int64) {
		b.exec("UPDATE carillon.river_job SET state = $2::carillon.river_job_state, finalized_at = now() WHERE id = $1", job, state)
	}
}

func reschedule(state string, in time.Duration) func(*bundle, int64) {
	return func(b *bundle, job int64) {
		b.exec("UPDATE carillon.river_job SET state = $2::carillon.river_job_state, scheduled_at = $3 WHERE id = $1",
			job, state, b.now.Add(in))
	}
}

func TestReconcileLeavesWhatIsNotOverdue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.sending(4)
	b.record(batch.Token, false, sent(ids[0]), waiting(ids[1], 72*time.Hour))
	b.exec("DELETE FROM carillon.river_job")
	for range 72 {
		b.advance(time.Hour - time.Second)
		require.Empty(t, b.reconcile())
	}
	b.advance(72*time.Second + grace + time.Second)
	require.Equal(t, ids[1:2], b.reconcile(), "finished and leased receipts are none of its business")
	require.Equal(t, b.row(ids[1]).DueAt, b.jobs(ids[1])[0].ScheduledAt)
}

func TestReconcileFindsOneBrokenAmongManyHealthy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 1500 {
		b.owed()
	}
	broken := b.owed()
	b.exec("UPDATE carillon.receipts SET due_at = due_at + interval '1 second' WHERE id = $1", broken)
	b.exec("DELETE FROM carillon.river_job WHERE args ->> 'receipt' = $1::text", broken)
	b.advance(grace + 2*time.Second)
	require.Equal(t, []uuid.UUID{broken}, b.reconcile())
}

func TestReconcileDoesNotWaitForALockedReceipt(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	b := over(t, pool)
	locked, free := b.owed(), b.owed()
	b.exec("DELETE FROM carillon.river_job")
	holder, err := pool.Begin(b.ctx())
	require.NoError(t, err)
	defer func() { _ = holder.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = holder.Exec(b.ctx(), "SELECT id FROM carillon.receipts WHERE id = $1 FOR UPDATE", locked)
	require.NoError(t, err)
	b.now = time.Now().Add(grace + time.Minute)
	require.Equal(t, []uuid.UUID{free}, b.reconcile())
}

func TestPromoteMakesDueJobsFetchable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(4)
	b.record(batch.Token, true, waiting(ids[0], time.Minute), waiting(ids[1], time.Minute), waiting(ids[2], time.Hour), waiting(ids[3], 0))
	b.exec("UPDATE carillon.river_job SET state = 'retryable' WHERE args ->> 'receipt' = $1::text", ids[1])
	require.Zero(t, b.promote(lane))
	b.advance(time.Minute)
	require.Zero(t, b.promote("sms_default", "email_bulk"), "other lanes")
	require.Empty(t, b.promote())
	require.Equal(t, 2, b.promote("sms_default", lane))
	require.Zero(t, b.promote(lane), "once")
	require.Equal(t, "scheduled", b.jobs(ids[2])[0].State)
	require.ElementsMatch(t, []uuid.UUID{ids[0], ids[1], ids[3]}, idsOf(b.claim(10)))
	b.audit()
}

func TestPromoteKeepsToOurJobs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`INSERT INTO carillon.river_job (args, kind, max_attempts, queue, state, scheduled_at)
		VALUES ('{}', 'somebody_elses', 25, $1, 'scheduled', $2)`, lane, b.now.Add(-time.Hour))
	require.Zero(t, b.promote(lane))
}

func TestPromoteWakesTheLane(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	b := over(t, pool)
	batch, ids := b.resolving(1)
	b.record(batch.Token, true, waiting(ids[0], time.Minute))
	b.exec("UPDATE carillon.river_job SET queue = 'email_bulk', priority = 3")
	heard := b.listen(pool)
	b.advance(time.Minute)
	require.Equal(t, 1, b.promote("email_bulk"))
	require.JSONEq(t, `{"queue": "email_bulk"}`, heard())
}

// partitions lists the partitions with their bounds.
func (b *bundle) partitions() []string {
	b.t.Helper()
	rows, err := b.db.Query(b.ctx(), `SELECT c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid)
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
		WHERE p.relnamespace = 'carillon'::regnamespace AND p.relkind = 'p' ORDER BY 1`)
	require.NoError(b.t, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b.t, err)
	return found
}

// alone is a transaction in a database of the test's own, for what locks whole tables.
func alone(t *testing.T) *bundle {
	t.Helper()
	tx, err := newPool(t).Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	return over(t, tx)
}

const sqlDropPartitions = `
DO $$ DECLARE p text; BEGIN
  FOR p IN SELECT inhrelid::regclass FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
            WHERE inhparent IN ('carillon.attempts'::regclass, 'carillon.decisions'::regclass, 'carillon.contents'::regclass)
              AND c.relname !~ 'default' LOOP
    EXECUTE 'DROP TABLE ' || p;
  END LOOP;
END $$`

func TestPartitionsAreThoseOfUTCMonthsWhateverTheTimeZone(t *testing.T) {
	t.Parallel()
	b := alone(t)
	want := b.partitions()
	require.Len(t, want, 3*(1+3), "attempts, decisions and contents: the default, this month and the next two")
	for _, zone := range []string{"UTC", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago"} {
		b.exec(sqlDropPartitions)
		b.exec("SET LOCAL TimeZone = '" + zone + "'")
		require.NoError(t, b.store.EnsurePartitions(b.ctx(), b.db))
		require.Equal(t, want, b.partitions(), zone)
		// A year has every kind of month, and every change to and from summer time.
		b.exec("SELECT carillon.ensure_partitions(14)")
		require.Len(t, b.partitions(), 3*(1+15), zone)
		require.Zero(t, read[int](b, `SELECT count(*) FROM generate_series(0, 14) i,
			LATERAL (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i) AS month) m
			WHERE to_regclass('carillon.attempts_' || to_char(month, 'YYYYMM')) IS NULL
			   OR pg_get_expr((SELECT relpartbound FROM pg_class WHERE oid = to_regclass('carillon.attempts_' || to_char(month, 'YYYYMM'))), 0)
			      NOT LIKE '%' || carillon.uuid7_floor(month AT TIME ZONE 'UTC') || '%'
			              || carillon.uuid7_floor((month + interval '1 month') AT TIME ZONE 'UTC') || '%'`), zone)
	}
}

func TestEnsurePartitionsIsIdempotentAndConcurrent(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	b := over(t, pool)
	want := b.partitions()
	b.exec(sqlDropPartitions)
	var group errgroup.Group
	for range 6 {
		group.Go(func() error { return b.store.EnsurePartitions(b.ctx(), pool) })
	}
	require.NoError(t, group.Wait())
	require.Equal(t, want, b.partitions())
	require.NoError(t, b.store.EnsurePartitions(b.ctx(), pool))
	require.Equal(t, want, b.partitions())
}

// A worker that comes late finds rows of this month in the default partition. They must not keep the partitions of the
// months to come from being made.
func TestEnsurePartitionsMovesWhatTheDefaultHas(t *testing.T) {
	t.Parallel()
	b := alone(t)
	b.exec(sqlDropPartitions)
	batch, ids := b.resolving(2)
	_, err := b.store.Bind(b.ctx(), b.db, batch.Token, []receipts.Binding{{ID: ids[0], Recipient: "ann", Body: &receipts.Body{RenderedAt: b.now}}})
	require.NoError(t, err)
	b.record(batch.Token, true, receipts.Result{
		ID: ids[0], State: receipts.Sent, Reason: receipts.Accepted, Verdicts: []receipts.Verdict{{Rule: "x", Verdict: "pass"}},
		Attempt: &receipts.Attempt{Outcome: receipts.AttemptAccepted, StartedAt: b.now, FinishedAt: b.now},
	}, waiting(ids[1], 0))
	old := uuid.Must(uuid.Parse("00000000-0000-7000-8000-000000000001"))
	b.exec(`INSERT INTO carillon.contents VALUES ($1, '{}', now())`, old)
	rows := func(table string) int { return read[int](b, "SELECT count(*) FROM carillon."+table) }
	require.Equal(t, []int{1, 1, 2}, []int{rows("attempts_default"), rows("decisions_default"), rows("contents_default")})
	require.NoError(t, b.store.EnsurePartitions(b.ctx(), b.db))
	require.Equal(t, []int{0, 0, 1}, []int{rows("attempts_default"), rows("decisions_default"), rows("contents_default")})
	require.Equal(t, []int{1, 1, 2}, []int{rows("attempts"), rows("decisions"), rows("contents")})
	require.Len(t, b.partitions(), 12)
	require.Len(t, b.attempts(ids[0]), 1)
}

// Making a partition must not stop, nor wait for, those who read or write the others.
func TestEnsurePartitionsDoesNotWaitForReadersOfOtherPartitions(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	b := over(t, pool)
	_, ids := b.sending(1)
	reader, err := pool.Begin(b.ctx())
	require.NoError(t, err)
	defer func() { _ = reader.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = b.store.Attempts(b.ctx(), reader, ids[0])
	require.NoError(t, err)
	maker, err := pool.Begin(b.ctx())
	require.NoError(t, err)
	t.Cleanup(func() { _ = maker.Rollback(context.WithoutCancel(t.Context())) })
	_, err = maker.Exec(b.ctx(), "SET LOCAL lock_timeout = '2s'")
	require.NoError(t, err)
	_, err = maker.Exec(b.ctx(), "SELECT carillon.ensure_partitions(3)")
	require.NoError(t, err)
	require.NoError(t, maker.Commit(b.ctx()))
	require.Len(t, b.partitions(), 15)
}

func TestIDsStandForTheirTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := make([]uuid.UUID, 200)
	from := read[uuid.UUID](b, "SELECT carillon.uuid7_floor(clock_timestamp())")
	for i := range ids {
		ids[i] = read[uuid.UUID](b, "SELECT carillon.uuid7()")
		require.Equal(t, uuid.Version(7), ids[i].Version())
		require.Equal(t, uuid.RFC4122, ids[i].Variant())
	}
	to := read[uuid.UUID](b, "SELECT carillon.uuid7_floor(clock_timestamp() + interval '1 ms')")
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	require.Len(t, slices.Compact(ids), 200)
	require.LessOrEqual(t, from.String(), ids[0].String())
	require.Greater(t, to.String(), ids[199].String())
}

func TestReclaimLeavesAParkedSendAsUncertain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(3)
	bindings := []receipts.Binding{
		{ID: ids[0], Recipient: "ann", OnUnknown: transports.Park},
		{ID: ids[1], Recipient: "ann", OnUnknown: transports.Probe},
	}
	_, err := b.store.Bind(b.ctx(), b.db, batch.Token, bindings)
	require.NoError(t, err)
	b.advance(lease + time.Second)
	require.ElementsMatch(t, ids, b.reclaim())

	parked := b.row(ids[0])
	require.Equal(t, receipts.Uncertain, parked.State)
	require.Equal(t, 1, parked.Attempts)
	require.Equal(t, receipts.AttemptUnknown, b.attempts(ids[0])[0].Outcome)
	require.Empty(t, b.jobs(ids[0]), "nobody sends it again")
	require.Equal(t, receipts.Waiting, b.state(ids[1]))
	require.Equal(t, receipts.Waiting, b.state(ids[2]), "what was only being resolved was not sent")
	b.audit()

	again := b.claim(0, ids...)
	unanswered := map[uuid.UUID]bool{}
	for _, r := range again.Receipts {
		unanswered[r.ID] = r.Unanswered
	}
	require.Equal(t, map[uuid.UUID]bool{ids[1]: true, ids[2]: false}, unanswered)
	b.apply(receipts.ActionReopen, ids[0])
	require.Equal(t, receipts.Pending, b.state(ids[0]))
	require.Len(t, b.jobs(ids[0]), 1)
	require.True(t, b.claim(0, ids[0]).Receipts[0].Unanswered, "the question stays open")
	b.audit()
}
