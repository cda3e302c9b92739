package receipts_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/receipts"
)

// start writes an operation down.
func (b *bundle) start(action receipts.Action) *receipts.Operation {
	b.t.Helper()
	op, err := b.store.StartOperation(b.ctx(), b.db, receipts.Operation{
		Action: action, Operator: "ann", Reason: "ticket 12", Filter: []byte(`{"state":"failed"}`), Matched: 1,
	})
	require.NoError(b.t, err)
	return op
}

func (b *bundle) apply(action receipts.Action, ids ...uuid.UUID) *receipts.Changes {
	b.t.Helper()
	changes, err := b.store.Apply(b.ctx(), b.db, b.start(action), ids)
	require.NoError(b.t, err)
	return changes
}

func TestEveryActionMovesExactlyTheStatesItStartsFrom(t *testing.T) {
	t.Parallel()
	table := map[receipts.Action]map[receipts.State]receipts.State{
		receipts.ActionCancel: {
			receipts.Pending: receipts.Cancelled, receipts.Waiting: receipts.Cancelled, receipts.Resolving: receipts.Cancelled,
		},
		receipts.ActionSendNow: {receipts.Pending: receipts.Pending, receipts.Waiting: receipts.Pending},
		receipts.ActionRetry: {
			receipts.Failed: receipts.Pending, receipts.Expired: receipts.Pending, receipts.Uncertain: receipts.Pending,
		},
		receipts.ActionReopen: {
			receipts.Failed: receipts.Pending, receipts.Expired: receipts.Pending, receipts.Uncertain: receipts.Pending,
			receipts.Skipped: receipts.Pending, receipts.Cancelled: receipts.Pending,
		},
	}
	b := setup(t)
	outer := b.db
	for _, action := range receipts.Actions() {
		for _, from := range receipts.States() {
			tx, err := outer.Begin(b.ctx())
			require.NoError(t, err)
			b.db = tx
			id, _ := b.in(from)
			before := b.row(id)
			changes := b.apply(action, id, uuid.Max)
			after := b.row(id)
			to, moved := table[action][from]
			require.Equal(t, moved, slices.Contains(action.From(), from), "%s from %s", action, from)
			require.Contains(t, changes.Skipped, receipts.Skip{ID: uuid.Max}, "there is no such receipt")
			operations, err := b.store.Operations(b.ctx(), b.db, id)
			require.NoError(t, err)
			if !moved {
				require.Equal(t, before, after, "%s leaves %s alone", action, from)
				require.Empty(t, changes.Changed)
				require.Len(t, changes.Skipped, 2)
				require.Equal(t, from, changes.Skipped[0].State)
				require.Empty(t, operations)
			} else {
				require.Equal(t, to, after.State, "%s from %s", action, from)
				require.Equal(t, []receipts.Change{{ID: id, LeftState: from, LeftReason: reasonIn(before)}}, changes.Changed)
				require.Len(t, changes.Skipped, 1)
				require.Len(t, operations, 1)
				require.Equal(t, []any{action, "ann", "ticket 12", from, reasonIn(before), 1, 1}, []any{
					operations[0].Action, operations[0].Operator, operations[0].Reason, operations[0].LeftState,
					operations[0].LeftReason, operations[0].Matched, operations[0].Changed,
				})
				require.JSONEq(t, `{"state":"failed"}`, string(operations[0].Filter))
				b.requireAlarm(id, to)
			}
			require.NoError(t, tx.Rollback(b.ctx()))
		}
	}
}

func reasonIn(r row) receipts.Reason {
	if r.Reason == nil {
		return ""
	}
	return *r.Reason
}

// requireAlarm wants the receipt's own new alarm, due now, or none once it is cancelled.
func (b *bundle) requireAlarm(id uuid.UUID, state receipts.State) {
	b.t.Helper()
	got := b.row(id)
	if state == receipts.Cancelled {
		require.NotNil(b.t, got.FinishedAt)
		require.Nil(b.t, got.JobID)
		require.Empty(b.t, b.jobs(id))
		return
	}
	require.Nil(b.t, got.FinishedAt)
	require.False(b.t, got.DueAt.After(b.now))
	var own []job
	for _, j := range b.jobs(id) {
		if j.ID == *got.JobID {
			own = append(own, j)
		}
	}
	require.Len(b.t, own, 1)
	require.Equal(b.t, []any{"available", lane}, []any{own[0].State, own[0].Queue})
}

func TestAnOperationNeedsWhoAndWhyAndToBeStarted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, op := range []receipts.Operation{
		{},
		{Action: "erase", Operator: "ann", Reason: "x"},
		{Action: receipts.ActionRetry, Reason: "x"},
		{Action: receipts.ActionRetry, Operator: "ann"},
	} {
		_, err := b.store.StartOperation(b.ctx(), b.db, op)
		require.ErrorIs(t, err, receipts.ErrOperation)
	}
	id := b.owed()
	_, err := b.store.Apply(b.ctx(), b.db, &receipts.Operation{Action: receipts.ActionCancel}, []uuid.UUID{id})
	require.ErrorIs(t, err, receipts.ErrOperation)
	changes, err := b.store.Apply(b.ctx(), b.db, &receipts.Operation{Action: receipts.ActionCancel, ID: uuid.New()}, []uuid.UUID{id})
	require.NoError(t, err)
	require.Empty(t, changes.Changed, "nothing changes without the row that says who and why")
	require.Equal(t, receipts.Pending, b.state(id))
	require.Empty(t, receipts.Action("erase").From())
}

func TestARetriedReceiptStartsAnewAndKeepsWhatItSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state   receipts.State
		reason  receipts.Reason
		renewed bool
		address bool
	}{
		"exhausted":     {receipts.Failed, receipts.Exhausted, false, true},
		"answer lost":   {receipts.Uncertain, receipts.AnswerLost, false, true},
		"deadline":      {receipts.Expired, receipts.Deadline, false, true},
		"render failed": {receipts.Failed, receipts.RenderFailed, true, true},
		"bad address":   {receipts.Failed, receipts.BadAddress, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			id, _ := b.in(c.state)
			b.exec(`UPDATE carillon.receipts SET reason = $2, attempts = 20, tries = 20, crashes = 2, recipient = 'ann',
				address = 'ann@example.com', expires_at = now() - interval '1 hour', send_at = now() - interval '2 hours'
				WHERE id = $1`, id, string(c.reason))
			b.exec(`INSERT INTO carillon.contents VALUES ($1, '{"content": {"subject": "A7"}}', now())`, id)
			changes := b.apply(receipts.ActionRetry, id)
			require.Equal(t, []receipts.Change{{ID: id, LeftState: c.state, LeftReason: c.reason, Renewed: c.renewed}}, changes.Changed)
			got := b.row(id)
			require.Equal(t, []any{0, 0, 20}, []any{got.Attempts, got.Crashes, got.Tries}, "tries go on, which numbers the attempts")
			require.Equal(t, "ann", *got.Recipient)
			require.Equal(t, c.address, got.Address != nil)
			bodies, err := b.store.Bodies(b.ctx(), b.db, []uuid.UUID{id})
			require.NoError(t, err)
			require.Equal(t, !c.renewed, len(bodies) == 1)
			require.Nil(t, read[*time.Time](b, "SELECT expires_at FROM carillon.receipts WHERE id = $1", id))
			require.Equal(t, 20, read[int](b, "SELECT tries FROM carillon.operation_receipts WHERE receipt_id = $1", id))
			batch := b.claim(1)
			require.Equal(t, []uuid.UUID{id}, idsOf(batch), "by its new alarm")
		})
	}
}

func TestAFixedAddressOfTheAudienceIsAskedForAgainAndAChildsIsNot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	root, _ := b.in(receipts.Failed)
	child, _ := b.in(receipts.Failed)
	b.exec(`UPDATE carillon.receipts SET reason = 'bad_address', address = 'ops@example.com', recipient_data = '{"name": "Ops"}'`)
	b.exec(`UPDATE carillon.receipts SET root_id = $2, recipient_key = 'address:ops@example.com' WHERE id = $1`, child, root)
	b.apply(receipts.ActionRetry, root, child)
	require.Nil(t, b.row(root).Address)
	require.Nil(t, b.row(root).RecipientData)
	require.Equal(t, "ops@example.com", *b.row(child).Address)
}

func TestAReopenedReceiptKeepsADelayAndADeadlineThatHold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	delayed := email()
	delayed.Delay, delayed.ExpiresAfter = 3600, 3600
	id := b.emit(delayed)[0]
	const sqlTimes = "SELECT send_at::text || ' ' || expires_at::text FROM carillon.receipts WHERE id = $1"
	before := read[string](b, sqlTimes, id)
	b.apply(receipts.ActionCancel, id)
	b.apply(receipts.ActionReopen, id)
	require.Equal(t, before, read[string](b, sqlTimes, id))
	operations, err := b.store.Operations(b.ctx(), b.db, id)
	require.NoError(t, err)
	require.Len(t, operations, 2)
	require.Equal(t, receipts.Cancelled, operations[1].LeftState)
}

func TestSendNowReplacesTheAlarmAndLiftsTheDelay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	delayed := email()
	delayed.Delay = 3600
	id := b.emit(delayed)[0]
	batch := b.claim(0, id)
	b.record(batch.Token, true, receipts.Result{ID: id, State: receipts.Waiting, Reason: receipts.Delayed})
	b.exec("DELETE FROM carillon.river_job WHERE state = 'available'") // Emit's, which woke us.
	old := b.jobs(id)
	require.Len(t, old, 1)
	require.Equal(t, "scheduled", old[0].State)

	b.apply(receipts.ActionSendNow, id)
	jobs := b.jobs(id)
	require.Len(t, jobs, 1, "the old alarm is gone")
	require.NotEqual(t, old[0].ID, jobs[0].ID)
	require.Nil(t, read[*time.Time](b, "SELECT send_at FROM carillon.receipts WHERE id = $1", id))
	require.Equal(t, []uuid.UUID{id}, idsOf(b.claim(1)))
	require.Empty(t, b.jobs(id))
	b.audit()
}

func TestSendNowWakesTheLane(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	b := over(t, pool)
	id := b.owed()
	b.store = receipts.New(nil)
	heard := b.listen(pool)
	b.apply(receipts.ActionSendNow, id)
	require.JSONEq(t, `{"queue": "email_default"}`, heard())
}

// Cancel by chunks races with claimers over the same receipts: each is claimed or cancelled, never both, never neither.
func TestCancelAgainstClaim(t *testing.T) {
	t.Parallel()
	const n = 2000
	b := race(t, n)
	all := b.all()
	var group errgroup.Group
	claimed, cancelled := make([][]uuid.UUID, 4), make([][]uuid.UUID, 4)
	op := b.start(receipts.ActionCancel)
	for i := range 4 {
		mine := slices.Clone(all)
		rand.Shuffle(n, func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
		group.Go(func() error {
			for chunk := range slices.Chunk(mine, 20) {
				got, err := claimAndBind(b, chunk)
				if err != nil {
					return err
				}
				claimed[i] = append(claimed[i], got...)
			}
			return nil
		})
		theirs := slices.Clone(all)
		rand.Shuffle(n, func(i, j int) { theirs[i], theirs[j] = theirs[j], theirs[i] })
		group.Go(func() error {
			for chunk := range slices.Chunk(theirs, 1+rand.IntN(30)) {
				changes, err := b.store.Apply(b.ctx(), b.db, op, chunk)
				if err != nil {
					return err
				}
				for _, c := range changes.Changed {
					cancelled[i] = append(cancelled[i], c.ID)
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	sending, ended := slices.Concat(claimed...), slices.Concat(cancelled...)
	require.ElementsMatch(t, all, slices.Concat(sending, ended), "both 0, neither 0")
	require.Equal(t, len(sending), read[int](b, "SELECT count(*) FROM carillon.receipts WHERE state = 'sending'"))
	require.Equal(t, len(ended), read[int](b, "SELECT count(*) FROM carillon.receipts WHERE state = 'cancelled'"))
	require.Equal(t, len(ended), read[int](b, "SELECT changed FROM carillon.operations"))
	require.Equal(t, len(ended), read[int](b, "SELECT count(*) FROM carillon.operation_receipts"))
	b.audit()
	t.Logf("claimed %d, cancelled %d", len(sending), len(ended))
}

// claimAndBind returns what came as far as sending.
func claimAndBind(b *bundle, ids []uuid.UUID) ([]uuid.UUID, error) {
	batch, err := b.store.Claim(b.ctx(), b.db, receipts.ClaimParams{Lane: lane, Own: ids, Lease: time.Minute, Worker: "racer"})
	if err != nil || len(batch.Receipts) == 0 {
		return nil, err
	}
	bindings := make([]receipts.Binding, len(batch.Receipts))
	for i, r := range batch.Receipts {
		bindings[len(bindings)-1-i] = receipts.Binding{ID: r.ID, Recipient: "ann"}
	}
	bound, err := b.store.Bind(b.ctx(), b.db, batch.Token, bindings)
	if err != nil {
		return nil, err
	}
	var got []uuid.UUID
	for id := range bound {
		got = append(got, id)
	}
	return got, nil
}

// Many press retry at once, while workers send: each receipt is reopened once, and sent once more.
func TestARetryPressedManyTimesReopensOnce(t *testing.T) {
	t.Parallel()
	const n = 200
	b := race(t, n)
	all := b.all()
	b.exec("DELETE FROM carillon.river_job")
	b.exec("UPDATE carillon.receipts SET state = 'failed', reason = 'exhausted', finished_at = now(), job_id = NULL")
	reopened := make([]int, 6)
	sentIDs := make([][]uuid.UUID, 2)
	ops := make([]*receipts.Operation, len(reopened))
	for i := range ops {
		ops[i] = b.start(receipts.ActionRetry)
	}
	var group errgroup.Group
	for i, op := range ops {
		group.Go(func() error {
			changes, err := b.store.Apply(b.ctx(), b.db, op, all)
			if err == nil {
				reopened[i] = len(changes.Changed)
			}
			return err
		})
	}
	for i := range sentIDs {
		group.Go(func() error {
			for range 30 {
				got, err := claimAndBind(b, all)
				if err != nil {
					return err
				}
				sentIDs[i] = append(sentIDs[i], got...)
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	sum := 0
	for _, count := range reopened {
		sum += count
	}
	require.Equal(t, n, sum)
	last, err := claimAndBind(b, all)
	require.NoError(t, err)
	require.ElementsMatch(t, all, slices.Concat(append(sentIDs, last)...), "each is sent once")
	for _, id := range all {
		require.Equal(t, 1, b.row(id).Tries)
	}
}
