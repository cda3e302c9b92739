package receipts_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/receipts"
)

func TestClaimReturnsTheReceiptWithItsEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := email()
	c.Delay, c.ExpiresAfter = 60, 3600
	id := b.emit(c)[0]
	batch := b.claim(10)
	require.Len(t, batch.Receipts, 1)
	require.Equal(t, b.now, batch.ClaimedAt.UTC())
	got := batch.Receipts[0]
	require.Equal(t, id, got.ID)
	require.Equal(t, receipts.Resolving, got.State)
	require.Equal(t, "email.user", got.Channel)
	require.Equal(t, "email", got.Transport)
	require.Equal(t, "user", got.Audience)
	require.Equal(t, "acme", got.Tenant)
	require.Equal(t, receipts.Default, got.Priority)
	require.Empty(t, got.WaitedFor)
	require.Zero(t, got.Tries)
	require.Empty(t, got.Cursor)
	require.False(t, got.Bound())
	require.Equal(t, b.now, got.DueAt.UTC(), "the delay postpones the send, not the finding of recipients")
	require.Equal(t, b.now.Add(time.Minute), got.SendAt.UTC())
	require.Equal(t, b.now.Add(time.Minute+time.Hour), got.ExpiresAt.UTC())
	require.Equal(t, got.EventID, got.Event.ID)
	require.Equal(t, "orders.created", got.Event.Name)
	require.Equal(t, "acme", got.Event.Tenant)
	require.Equal(t, "ann", got.Event.Actor)
	require.Equal(t, "orders", got.Event.ResourceType)
	require.Equal(t, "A7", got.Event.ResourceID)
	require.Equal(t, "00-ab", got.Event.Trace)
	require.JSONEq(t, `{"id": "A7"}`, string(got.Event.Data))
	require.Equal(t, b.now, got.Event.CreatedAt.UTC())
	require.Nil(t, got.Event.At)
	b.audit()
}

func TestClaimTakesTheMostUrgentFirstAndDeletesExactlyTheirJobs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	critical := email()
	critical.Channel, critical.Priority = "email.critical", 1
	var owed []uuid.UUID
	for _, minutes := range []time.Duration{1, 3, 0, 2} {
		id := b.owed()
		due := b.now.Add(-minutes * time.Minute)
		b.exec("UPDATE carillon.receipts SET due_at = $2 WHERE id = $1", id, due)
		b.exec("UPDATE carillon.river_job SET scheduled_at = $2 WHERE args ->> 'receipt' = $1::text", id, due)
		owed = append(owed, id)
	}
	own := b.emit(critical)[0]
	batch := b.claim(2, own)
	require.Equal(t, []uuid.UUID{own, owed[1], owed[3]}, idsOf(batch))
	require.Empty(t, b.jobs(owed[1]))
	require.Empty(t, b.jobs(owed[3]))
	require.Len(t, b.jobs(owed[0]), 1)
	require.Len(t, b.jobs(owed[2]), 1)
	require.Len(t, b.jobs(own), 1, "the job that woke us is River's to complete")
	require.Equal(t, []uuid.UUID{owed[0], owed[2]}, idsOf(b.claim(2)))
	require.Equal(t, 2, b.leases())
	b.audit()
}

func TestClaimOfNothingLeavesNoLease(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Empty(t, b.claim(10).Receipts)
	require.Empty(t, b.claim(10, uuid.New()).Receipts)
	require.Zero(t, b.leases())
}

func TestClaimKeepsToItsLane(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := email()
	other.Channel, other.Transport = "sms.user", "sms"
	bulk := email()
	bulk.Channel, bulk.Priority = "email.bulk", 3
	b.emit(other, bulk)
	id := b.owed()
	require.Equal(t, []uuid.UUID{id}, idsOf(b.claim(10)))
	b.audit()
}

func TestWhatIsNotDueIsNotClaimedAndKeepsItsJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.owed()
	b.exec("UPDATE carillon.receipts SET due_at = $2 WHERE id = $1", id, b.now.Add(time.Hour))
	require.Empty(t, b.claim(10).Receipts, "through its job")
	require.Empty(t, b.claim(0, id).Receipts, "as the caller's own")
	jobs := b.jobs(id)
	require.Len(t, jobs, 1, "a job that fires early must not be lost")
	stranded, err := b.store.Stranded(b.ctx(), b.db, id, jobs[0].ID)
	require.NoError(t, err)
	require.True(t, stranded)
	b.advance(time.Hour)
	require.Equal(t, []uuid.UUID{id}, idsOf(b.claim(10)))
}

func TestClaimRemovesStaleJobs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.sending(2)
	b.record(batch.Token, false, sent(ids[0]))
	for _, id := range ids {
		b.exec(`INSERT INTO carillon.river_job (args, kind, max_attempts, queue)
			VALUES (jsonb_build_object('receipt', $1::uuid), 'carillon_receipt', 25, $2)`, id, lane)
	}
	waits := b.owed()
	b.exec(`UPDATE carillon.receipts SET due_at = due_at + interval '1 hour', job_id = nextval('carillon.river_job_id_seq') WHERE id = $1`, waits)
	require.Empty(t, b.claim(10).Receipts)
	require.Empty(t, b.jobs(ids[0]), "of a finished receipt")
	require.Empty(t, b.jobs(ids[1]), "of a leased one")
	require.Empty(t, b.jobs(waits), "of one that has another job by now")
}

func TestAJobOfAnUnknownReceiptIsLeftToRiver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	unknown := uuid.New()
	b.exec(`INSERT INTO carillon.river_job (args, kind, max_attempts, queue)
		VALUES (jsonb_build_object('receipt', $1::uuid), 'carillon_receipt', 25, $2)`, unknown, lane)
	require.Empty(t, b.claim(10).Receipts)
	require.Len(t, b.jobs(unknown), 1)
}

func TestTheClockOfTheStoreDecidesWhatIsDue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(1)
	b.record(batch.Token, true, waiting(ids[0], time.Hour))
	require.Equal(t, b.now.Add(time.Hour), b.row(ids[0]).DueAt.UTC())
	b.advance(time.Hour - time.Second)
	require.Empty(t, b.claim(10, ids...).Receipts)
	b.advance(time.Second)
	again := b.claim(0, ids...)
	require.Equal(t, ids, idsOf(again))
	require.Equal(t, receipts.Retry, again.Receipts[0].WaitedFor)
	require.Equal(t, b.now, again.ClaimedAt.UTC())
	b.record(again.Token, true, receipts.Result{ID: ids[0], State: receipts.Skipped, Reason: receipts.OptedOut})
	require.Equal(t, b.now, b.row(ids[0]).FinishedAt.UTC())
}

func TestTheClockOfTheStoreDecidesWhenALeaseEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.advance(24 * time.Hour)
	batch, ids := b.resolving(1)
	renew := func() []uuid.UUID {
		stand, err := b.store.Renew(b.ctx(), b.db, []uuid.UUID{batch.Token}, lease)
		require.NoError(t, err)
		return stand
	}
	b.advance(lease - time.Second)
	require.Equal(t, []uuid.UUID{batch.Token}, renew())
	b.advance(lease - time.Second)
	require.Empty(t, b.reclaim())
	b.advance(2 * time.Second)
	require.Empty(t, renew())
	require.Equal(t, ids, b.reclaim())
}

func TestALockedReceiptIsPassedOverAndStranded(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	b := over(t, pool)
	locked, free := b.owed(), b.owed()
	jobID := b.jobs(locked)[0].ID
	stranded := func(id uuid.UUID, job int64) bool {
		answer, err := b.store.Stranded(b.ctx(), b.db, id, job)
		require.NoError(t, err)
		return answer
	}
	holder, err := pool.Begin(b.ctx())
	require.NoError(t, err)
	t.Cleanup(func() { _ = holder.Rollback(context.WithoutCancel(t.Context())) })
	_, err = holder.Exec(b.ctx(), "SELECT id FROM carillon.receipts WHERE id = $1 FOR UPDATE", locked)
	require.NoError(t, err)
	b.now = time.Now().Add(time.Second)
	require.Equal(t, []uuid.UUID{free}, idsOf(b.claim(10, locked)), "nothing waits for the lock")
	require.Len(t, b.jobs(locked), 1)
	require.True(t, stranded(locked, jobID))
	require.False(t, stranded(locked, jobID+1000), "it waits for another job")
	require.False(t, stranded(free, jobID), "it is leased")
	require.False(t, stranded(uuid.New(), jobID), "it is gone")
	require.NoError(t, holder.Rollback(b.ctx()))
	batch := b.claim(10, locked)
	require.Equal(t, []uuid.UUID{locked}, idsOf(batch))
	require.False(t, stranded(locked, jobID), "it is leased")
	b.bind(batch.Token, locked)
	b.record(batch.Token, true, sent(locked))
	require.False(t, stranded(locked, jobID), "it is finished")
}

func TestClaimReadsNoFartherThanItWasTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 5 {
		b.owed()
	}
	for _, want := range []int{3, 2, 0} {
		require.Len(t, b.claim(3).Receipts, want)
	}
	b.audit()
}

func TestBodiesAreReadBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(2)
	rendered := b.now.Add(-time.Minute)
	body := &receipts.Body{Category: "orders", NotificationType: "info", RenderedAt: rendered}
	body.Content.Subject = "Order A7 <ü>"
	body.Recipient.Name = "Ann"
	_, err := b.store.Bind(b.ctx(), b.db, batch.Token, []receipts.Binding{
		{ID: ids[0], Recipient: "ann", Body: body}, {ID: ids[1], Recipient: "bob"},
	})
	require.NoError(t, err)
	bodies, err := b.store.Bodies(b.ctx(), b.db, ids)
	require.NoError(t, err)
	require.Len(t, bodies, 1)
	got := bodies[ids[0]]
	got.RenderedAt = got.RenderedAt.UTC()
	require.Equal(t, *body, got)
}

// claimAll claims own and everything else that waits in the lane.
func claimAll(t *testing.T, db receipts.DB, own []uuid.UUID) ([]uuid.UUID, error) {
	store := receipts.New(nil)
	var all []uuid.UUID
	for {
		batch, err := store.Claim(t.Context(), db, receipts.ClaimParams{
			Lane: lane, Own: own, More: 7, Lease: time.Minute, Worker: "claimer",
		})
		if err != nil {
			return nil, err
		}
		if len(batch.Receipts) == 0 {
			return all, nil
		}
		all = append(all, idsOf(batch)...)
	}
}
