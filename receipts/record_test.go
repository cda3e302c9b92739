package receipts_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

func TestRecordWritesEveryField(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.sending(1)
	started, finished := b.now.Add(-2*time.Second), b.now.Add(-time.Second)
	verdicts := []receipts.Verdict{{
		Rule: "preference", Verdict: "pass", Row: map[string]any{"choice": "on"}, Detail: "switched on",
	}}
	recorded := b.record(batch.Token, true, receipts.Result{
		ID: ids[0], State: receipts.Sent, Reason: receipts.Accepted, CostsAttempt: true,
		Recipient: "bob", Address: "bob@example.com", RecipientData: json.RawMessage(`{"name": "Bob"}`),
		Provider: "smtp", ProviderMessageID: "<1@x>", Verdicts: verdicts,
		Attempt: &receipts.Attempt{
			StartedAt: started, FinishedAt: finished, Outcome: receipts.AttemptAccepted,
			Class: transports.OK, Code: "250", Detail: "queued",
		},
	})
	require.Equal(t, ids, recorded)
	got := b.row(ids[0])
	require.Equal(t, receipts.Sent, got.State)
	require.Equal(t, receipts.Accepted, *got.Reason)
	require.Equal(t, "bob", *got.Recipient)
	require.Equal(t, "bob@example.com", *got.Address)
	require.JSONEq(t, `{"name": "Bob"}`, string(got.RecipientData))
	require.Equal(t, "smtp", *got.Provider)
	require.Equal(t, "<1@x>", *got.ProviderMessageID)
	require.Equal(t, b.now, got.FinishedAt.UTC())
	require.Nil(t, got.LeaseToken)
	require.Nil(t, got.JobID)
	require.Equal(t, 1, got.Attempts)
	require.Equal(t, 1, got.Tries)
	require.Empty(t, b.jobs(ids[0]))
	require.Zero(t, b.leases())
	attempts := b.attempts(ids[0])
	require.Len(t, attempts, 1)
	a := attempts[0]
	require.Equal(t, started, a.StartedAt.UTC())
	require.Equal(t, finished, a.FinishedAt.UTC())
	a.StartedAt, a.FinishedAt = time.Time{}, time.Time{}
	require.Equal(t, receipts.Attempt{
		N: 1, Outcome: receipts.AttemptAccepted, Class: transports.OK, Code: "250", Detail: "queued",
	}, a)
	decisions, err := b.store.Decisions(b.ctx(), b.db, ids[0])
	require.NoError(t, err)
	require.Len(t, decisions, 1)
	require.Equal(t, b.now, decisions[0].DecidedAt.UTC())
	require.Equal(t, verdicts, decisions[0].Verdicts)
	b.audit()
}

func TestRecordKeepsWhatTheResultDoesNotName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.sending(1)
	b.record(batch.Token, true, receipts.Result{
		ID: ids[0], State: receipts.Waiting, Reason: receipts.Retry,
		RecipientData: json.RawMessage(`{"name": "Ann"}`), Provider: "smtp", ProviderMessageID: "1",
	})
	batch = b.claim(1)
	require.Equal(t, "ann", batch.Receipts[0].Recipient)
	require.JSONEq(t, `{"name": "Ann"}`, string(batch.Receipts[0].RecipientData))
	b.record(batch.Token, true, receipts.Result{ID: ids[0], State: receipts.Failed, Reason: receipts.Rejected})
	got := b.row(ids[0])
	require.Equal(t, "ann", *got.Recipient)
	require.Equal(t, "ann@example.com", *got.Address)
	require.JSONEq(t, `{"name": "Ann"}`, string(got.RecipientData))
	require.Equal(t, "smtp", *got.Provider)
	require.Equal(t, "1", *got.ProviderMessageID)
	require.Empty(t, b.attempts(ids[0]), "no attempt was named")
	decisions, err := b.store.Decisions(b.ctx(), b.db, ids[0])
	require.NoError(t, err)
	require.Empty(t, decisions)
}

// An attempt that ended before the bind is a try of its own, so that every attempt has its number.
func TestRecordCountsTriesAttemptsAndCrashes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(1)
	try := func(bound, costs bool, attempt *receipts.Attempt) row {
		if bound {
			require.Len(t, b.bind(batch.Token, ids...), 1)
		}
		result := waiting(ids[0], 0)
		result.CostsAttempt, result.Attempt = costs, attempt
		require.Equal(t, ids, b.record(batch.Token, true, result))
		got := b.row(ids[0])
		batch = b.claim(1)
		require.Len(t, batch.Receipts, 1)
		require.Equal(t, got.Attempts, batch.Receipts[0].Attempts)
		require.Equal(t, got.Tries, batch.Receipts[0].Tries)
		return got
	}
	refused := &receipts.Attempt{Outcome: receipts.AttemptRefused, Class: transports.Transient, StartedAt: b.now, FinishedAt: b.now}
	for _, step := range []struct {
		name                  string
		bound, costs, attempt bool
		tries, attempts, rows int
	}{
		{"a refused send", true, true, true, 1, 1, 1},
		{"a rate limit costs nothing", true, false, true, 2, 1, 2},
		{"a resolver that failed", false, true, true, 3, 2, 3},
		{"a wait before any send", false, false, false, 3, 2, 3},
	} {
		var attempt *receipts.Attempt
		if step.attempt {
			attempt = refused
		}
		got := try(step.bound, step.costs, attempt)
		require.Equal(t, step.tries, got.Tries, step.name)
		require.Equal(t, step.attempts, got.Attempts, step.name)
		attempts := b.attempts(ids[0])
		require.Len(t, attempts, step.rows, step.name)
		for i, a := range attempts {
			require.Equal(t, i+1, a.N, step.name)
		}
	}
	b.exec("UPDATE carillon.receipts SET crashes = 2 WHERE id = $1", ids[0])
	require.Zero(t, try(false, false, nil).Crashes, "a worker that came back ends the row of lost ones")
}

// A receipt whose transport is limited or misconfigured for weeks is tried more often than two bytes can count.
func TestTriesAreNotBoundedByTwoBytes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.owed()
	b.exec("UPDATE carillon.receipts SET tries = 32767, attempts = 32767 WHERE id = $1", id)
	batch := b.claim(1)
	require.Equal(t, map[uuid.UUID]int{id: 32768}, b.bind(batch.Token, id))
	result := waiting(id, 0)
	result.CostsAttempt = true
	result.Attempt = &receipts.Attempt{Outcome: receipts.AttemptRefused, StartedAt: b.now, FinishedAt: b.now}
	require.Len(t, b.record(batch.Token, true, result), 1)
	require.Equal(t, 32768, b.attempts(id)[0].N)
}

func TestAWaitingReceiptHasOneJobOfTheRightState(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		wait  time.Duration
		state string
	}{
		{0, "available"},
		{5 * time.Second, "available"},
		{5*time.Second + time.Millisecond, "scheduled"},
		{24 * time.Hour, "scheduled"},
	} {
		t.Run(tt.wait.String(), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			batch, ids := b.sending(1)
			b.record(batch.Token, true, waiting(ids[0], tt.wait))
			got := b.row(ids[0])
			require.Equal(t, receipts.Waiting, got.State)
			require.Equal(t, receipts.Retry, *got.Reason)
			require.Nil(t, got.FinishedAt)
			require.Equal(t, b.now.Add(tt.wait), got.DueAt.UTC())
			jobs := b.jobs(ids[0])
			require.Len(t, jobs, 1)
			require.Equal(t, *got.JobID, jobs[0].ID)
			require.Equal(t, b.now.Add(tt.wait), jobs[0].ScheduledAt.UTC())
			jobs[0].ID, jobs[0].ScheduledAt = 0, time.Time{}
			require.Equal(t, job{State: tt.state, Kind: "carillon_receipt", Queue: lane, Priority: 2, MaxAttempts: 25}, jobs[0])
			b.audit()
		})
	}
}

func TestDelayedIsDueAtItsOwnTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := email()
	c.Delay = 300
	b.emit(c)
	batch := b.claim(1)
	id := batch.Receipts[0].ID
	b.record(batch.Token, true, receipts.Result{ID: id, State: receipts.Waiting, Reason: receipts.Delayed, Wait: time.Second})
	require.Equal(t, b.now.Add(5*time.Minute), b.row(id).DueAt.UTC())
	b.audit()
	b.advance(5 * time.Minute)
	require.Equal(t, receipts.Delayed, b.claim(0, id).Receipts[0].WaitedFor)
}

// A receipt without a delay cannot be delayed; it must not take its batch down either.
func TestDelayedWithoutATimeOfItsOwnWaitsAsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.resolving(2)
	recorded := b.record(batch.Token, true,
		receipts.Result{ID: ids[0], State: receipts.Waiting, Reason: receipts.Delayed, Wait: time.Minute},
		receipts.Result{ID: ids[1], State: receipts.Skipped, Reason: receipts.NoAddress})
	require.ElementsMatch(t, ids, recorded)
	require.Equal(t, b.now.Add(time.Minute), b.row(ids[0]).DueAt.UTC())
	b.audit()
}

func TestALateResultChangesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.sending(1)
	late := receipts.Result{
		ID: ids[0], State: receipts.Sent, Reason: receipts.Accepted, CostsAttempt: true, Provider: "smtp",
		Attempt:  &receipts.Attempt{Outcome: receipts.AttemptAccepted, StartedAt: b.now, FinishedAt: b.now},
		Verdicts: []receipts.Verdict{{Rule: "x", Verdict: "pass"}},
	}
	b.advance(lease + time.Second)
	require.Equal(t, ids, b.reclaim())
	decisions := func() []receipts.Decision {
		decisions, err := b.store.Decisions(b.ctx(), b.db, ids[0])
		require.NoError(t, err)
		return decisions
	}
	refuse := func(token uuid.UUID, why string) {
		before, attempts, jobs, decided := b.row(ids[0]), b.attempts(ids[0]), b.jobs(ids[0]), decisions()
		b.advance(time.Millisecond)
		require.Empty(t, b.record(token, false, late), why)
		require.Equal(t, before, b.row(ids[0]), why)
		require.Equal(t, attempts, b.attempts(ids[0]), why)
		require.Equal(t, jobs, b.jobs(ids[0]), why)
		require.Equal(t, decided, decisions(), why)
	}
	refuse(batch.Token, "reclaimed")
	again := b.claim(1)
	refuse(batch.Token, "held by somebody else")
	refuse(again.Token, "not being sent yet")
	require.Len(t, b.bind(again.Token, ids...), 1)
	refuse(batch.Token, "sent by somebody else")
	require.Equal(t, ids, b.record(again.Token, true, late))
	refuse(again.Token, "recorded before")
	b.audit()
}

func TestPartsOfABatchAreRecordedOneByOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.sending(3)
	require.Equal(t, ids[:1], b.record(batch.Token, false, sent(ids[0])))
	require.Equal(t, 1, b.leases())
	b.audit()
	require.Equal(t, ids[1:2], b.record(batch.Token, false, sent(ids[0]), waiting(ids[1], 0)), "a repeated result is fenced off")
	b.audit()
	require.Equal(t, ids[2:], b.record(batch.Token, true, sent(ids[2])))
	require.Zero(t, b.leases())
	b.audit()
}

// Otherwise nothing would ever look at the forgotten receipt again.
func TestTheLastResultLeavesTheLeaseOfAForgottenReceipt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.sending(2)
	b.record(batch.Token, true, sent(ids[0]))
	require.Equal(t, 1, b.leases())
	b.audit()
	b.advance(lease + time.Second)
	require.Equal(t, ids[1:], b.reclaim())
	b.audit()

	batch = b.claim(1)
	b.record(batch.Token, true)
	require.Equal(t, 1, b.leases())
	b.audit()
}

// nobody is a database that must not be asked.
type nobody struct{ receipts.DB }

func (nobody) Query(context.Context, string, ...any) (pgx.Rows, error) {
	return nil, errors.New("the database was asked")
}

func TestIllegalResultsAreRefusedBeforeAnyStatement(t *testing.T) {
	t.Parallel()
	store := receipts.New(nil)
	for _, state := range append(receipts.States(), "", "nonsense") {
		reasons := append(receipts.Reasons(state), "", "nonsense")
		for _, other := range receipts.States() {
			reasons = append(reasons, receipts.Reasons(other)...)
		}
		for _, reason := range reasons {
			legal := false
			for _, from := range []receipts.State{receipts.Resolving, receipts.Sending} {
				for _, r := range receipts.Reasons(state) {
					legal = legal || (receipts.Allowed(from, state, receipts.ByRecord) && r == reason)
				}
			}
			if legal {
				continue
			}
			_, err := store.Record(t.Context(), nobody{}, uuid.New(), []receipts.Result{{State: state, Reason: reason}}, false)
			require.ErrorContains(t, err, "a holder may not set", "%s(%s)", state, reason)
		}
	}
	for _, outcome := range []receipts.Outcome{"", "nonsense"} {
		_, err := store.Record(t.Context(), nobody{}, uuid.New(), []receipts.Result{{
			State: receipts.Sent, Reason: receipts.Accepted, Attempt: &receipts.Attempt{Outcome: outcome},
		}}, false)
		require.ErrorContains(t, err, "outcome")
	}
}

// A provider's answer is foreign text. Losing a batch of results over it would send the batch twice.
func TestForeignTextInAResultIsMended(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch, ids := b.sending(2)
	const dirty = "a\x00b\xffc"
	recorded := b.record(batch.Token, true, sent(ids[1]), receipts.Result{
		ID: ids[0], State: receipts.Failed, Reason: receipts.Rejected,
		Recipient: dirty, Address: dirty, Provider: dirty, ProviderMessageID: dirty,
		RecipientData: json.RawMessage(`{"name": "a\u0000b\\u0000"}`),
		Verdicts:      []receipts.Verdict{{Rule: dirty, Verdict: "pass", Row: map[string]any{dirty: dirty}}},
		Attempt: &receipts.Attempt{
			Outcome: receipts.AttemptRefused, Class: transports.Permanent, Code: dirty, Detail: dirty, StartedAt: b.now, FinishedAt: b.now,
		},
	})
	require.ElementsMatch(t, ids, recorded)
	const clean = "a\uFFFDb\uFFFDc"
	got := b.row(ids[0])
	require.Equal(t, []string{clean, clean, clean, clean}, []string{*got.Recipient, *got.Address, *got.Provider, *got.ProviderMessageID})
	require.JSONEq(t, `{"name": "a\ufffdb\\u0000"}`, string(got.RecipientData))
	attempt := b.attempts(ids[0])[0]
	require.Equal(t, clean, attempt.Code)
	require.Equal(t, clean, attempt.Detail)
	decisions, err := b.store.Decisions(b.ctx(), b.db, ids[0])
	require.NoError(t, err)
	require.Equal(t, clean, decisions[0].Verdicts[0].Rule)
	require.Equal(t, map[string]any{clean: clean}, decisions[0].Verdicts[0].Row)
}

func TestHoldReturnsWhatTheBatchIsSending(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tx, err := b.db.Begin(b.ctx())
	require.NoError(t, err)
	batch, ids := b.sending(3)
	b.record(batch.Token, false, sent(ids[0]))
	other, others := b.sending(1)
	held, err := b.store.Hold(b.ctx(), tx, batch.Token, append(ids, others...))
	require.NoError(t, err)
	require.ElementsMatch(t, ids[1:], held)
	resolving, early := b.resolving(1)
	held, err = b.store.Hold(b.ctx(), tx, resolving.Token, early)
	require.NoError(t, err)
	require.Empty(t, held, "not being sent yet")
	b.record(other.Token, true, sent(others[0]))
	_, err = b.store.Hold(b.ctx(), tx, other.Token, others)
	require.ErrorIs(t, err, receipts.ErrLeaseLost)
}

// heldElsewhere begins to send one receipt and holds it in a transaction of another connection.
func heldElsewhere(t *testing.T) (b *bundle, batch *receipts.Batch, holder pgx.Tx) {
	t.Helper()
	pool := newPool(t)
	b = over(t, pool)
	batch, ids := b.sending(1)
	holder, err := pool.Begin(b.ctx())
	require.NoError(t, err)
	t.Cleanup(func() { _ = holder.Rollback(context.WithoutCancel(t.Context())) })
	held, err := b.store.Hold(b.ctx(), holder, batch.Token, ids)
	require.NoError(t, err)
	require.Equal(t, ids, held)
	return b, batch, holder
}

func TestNobodyReclaimsWhatIsHeld(t *testing.T) {
	t.Parallel()
	b, batch, holder := heldElsewhere(t)
	b.advance(time.Hour)
	require.Empty(t, b.reclaim())
	recorded, err := b.store.Record(b.ctx(), holder, batch.Token, []receipts.Result{sent(batch.Receipts[0].ID)}, true)
	require.NoError(t, err)
	require.Len(t, recorded, 1)
	require.NoError(t, holder.Commit(b.ctx()))
	require.Empty(t, b.reclaim())
	b.audit()
}

// All leases of a process are renewed by one statement. If it waited for a transaction that holds one of them, a slow
// in-app delivery would end every other lease.
func TestRenewDoesNotWaitForWhatIsHeld(t *testing.T) {
	t.Parallel()
	b, batch, holder := heldElsewhere(t)
	other, _ := b.resolving(1)
	tx, err := b.db.Begin(b.ctx())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	_, err = tx.Exec(b.ctx(), "SET LOCAL lock_timeout = '2s'")
	require.NoError(t, err)
	tokens := []uuid.UUID{batch.Token, other.Token}
	stand, err := b.store.Renew(b.ctx(), tx, tokens, time.Hour)
	require.NoError(t, err)
	require.ElementsMatch(t, tokens, stand)
	require.NoError(t, tx.Commit(b.ctx()))
	require.NoError(t, holder.Rollback(b.ctx()))
	b.advance(30 * time.Minute)
	require.Empty(t, b.reclaim())
}
