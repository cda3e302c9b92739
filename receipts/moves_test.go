package receipts_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// in makes a receipt in the given state, with a lease that lists it, whether it is leased or not.
func (b *bundle) in(state receipts.State) (id, token uuid.UUID) {
	b.t.Helper()
	id, token = b.owed(), uuid.New()
	b.exec("INSERT INTO carillon.leases (token, until, worker, receipts) VALUES ($1, $2, 'tester', ARRAY[$3::uuid])",
		token, b.now.Add(lease), id)
	reason := ""
	if reasons := receipts.Reasons(state); len(reasons) > 0 {
		reason = string(reasons[0])
	}
	b.exec(`UPDATE carillon.receipts SET state = $2, reason = nullif($3, ''), lease_token = CASE WHEN $4 THEN $5::uuid END,
		finished_at = CASE WHEN $6 THEN now() END WHERE id = $1`, id, string(state), reason, state.Leased(), token, state.Terminal())
	return id, token
}

// statement is one real statement, aimed at one receipt.
type statement struct {
	name string
	by   receipts.Mover
	run  func(b *bundle, id, token uuid.UUID) error
}

func statements() []statement {
	all := []statement{
		{"claim as own", receipts.ByClaim, func(b *bundle, id, _ uuid.UUID) error {
			b.claim(0, id)
			return nil
		}},
		{"claim by job", receipts.ByClaim, func(b *bundle, _, _ uuid.UUID) error {
			b.claim(10)
			return nil
		}},
		{"bind", receipts.ByBind, func(b *bundle, id, token uuid.UUID) error {
			b.bind(token, id)
			return nil
		}},
		{"release of a fresh one", receipts.ByRelease, func(b *bundle, id, token uuid.UUID) error {
			b.release(token, "", id)
			return nil
		}},
		{"release of one that waited", receipts.ByRelease, func(b *bundle, id, token uuid.UUID) error {
			b.release(token, receipts.Retry, id)
			return nil
		}},
		{"reclaim", receipts.ByReclaim, func(b *bundle, _, _ uuid.UUID) error {
			b.advance(lease + time.Second)
			b.reclaim()
			return nil
		}},
		{"reclaim of poison", receipts.ByReclaim, func(b *bundle, id, _ uuid.UUID) error {
			b.exec("UPDATE carillon.receipts SET crashes = $2 WHERE id = $1", id, poison-1)
			b.advance(lease + time.Second)
			b.reclaim()
			return nil
		}},
		{"reclaim of a parked send", receipts.ByReclaim, func(b *bundle, id, _ uuid.UUID) error {
			b.exec("UPDATE carillon.receipts SET on_unknown = 'park', crashes = $2 WHERE id = $1", id, poison-1)
			b.advance(lease + time.Second)
			b.reclaim()
			return nil
		}},
		{"expand", "", func(b *bundle, id, token uuid.UUID) error {
			_ = b.expand(token, id, people(0, 2)) // ErrLeaseLost from every state but one, which expand_test looks at.
			return nil
		}},
		{"reconcile", "", func(b *bundle, _, _ uuid.UUID) error {
			b.exec("DELETE FROM carillon.river_job")
			b.advance(time.Hour)
			b.reconcile()
			return nil
		}},
		{"promote", "", func(b *bundle, _, _ uuid.UUID) error {
			b.advance(time.Hour)
			b.promote(lane)
			return nil
		}},
		{"renew", "", func(b *bundle, _, token uuid.UUID) error {
			_, err := b.store.Renew(b.ctx(), b.db, []uuid.UUID{token}, lease)
			return err
		}},
		{"hold", "", func(b *bundle, id, token uuid.UUID) error {
			tx, err := b.db.Begin(b.ctx())
			if err != nil {
				return err
			}
			if _, err := b.store.Hold(b.ctx(), tx, token, []uuid.UUID{id}); err != nil {
				return err
			}
			return tx.Commit(b.ctx())
		}},
	}
	for action, by := range map[receipts.Action]receipts.Mover{
		receipts.ActionCancel: receipts.ByCancel, receipts.ActionSendNow: receipts.BySendNow,
		receipts.ActionRetry: receipts.ByReopen, receipts.ActionReopen: receipts.ByReopen,
	} {
		all = append(all, statement{string(action), by, func(b *bundle, id, _ uuid.UUID) error {
			b.apply(action, id)
			return nil
		}})
	}
	for _, to := range receipts.States() {
		for _, reason := range receipts.Reasons(to) {
			all = append(all, statement{fmt.Sprintf("record %s(%s)", to, reason), receipts.ByRecord, func(b *bundle, id, token uuid.UUID) error {
				_, _ = b.store.Record(b.ctx(), b.db, token, []receipts.Result{{ID: id, State: to, Reason: reason}}, true)
				return nil // What it refuses is the matter of record_test.
			}})
		}
	}
	return all
}

func TestEveryStatementMovesOnlyAlongTheTable(t *testing.T) {
	t.Parallel()
	made := map[receipts.Transition]bool{}
	b := setup(t)
	outer, start := b.db, b.now
	for _, from := range receipts.States() {
		for _, s := range statements() {
			tx, err := outer.Begin(b.ctx())
			require.NoError(t, err)
			b.db, b.now = tx, start
			id, token := b.in(from)
			require.NoError(t, s.run(b, id, token), "%s from %s", s.name, from)
			move := receipts.Transition{From: from, To: b.state(id), By: s.by}
			if move.To != from {
				require.True(t, receipts.Allowed(move.From, move.To, move.By), "%s moved %s to %s", s.name, from, move.To)
				made[move] = true
			}
			require.NoError(t, tx.Rollback(b.ctx()))
		}
	}
	for _, m := range receipts.Transitions() {
		require.True(t, made[m], "the table has %v", m)
	}
	require.NotEmpty(t, slices.Collect(maps.Keys(made)))
}

// model is what a receipt's counters ought to be after any walk.
type model struct {
	state                    receipts.State
	tries, attempts, crashes int
	rows                     int
}

func TestCountersAgreeWithTheHistoryOnEveryWalk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	outer, start := b.db, b.now
	rapid.Check(t, func(rt *rapid.T) {
		tx, err := outer.Begin(b.ctx())
		require.NoError(rt, err)
		defer func() { require.NoError(rt, tx.Rollback(b.ctx())) }()
		b.db, b.now = tx, start
		id := b.owed()
		m := model{state: receipts.Pending}
		var token uuid.UUID
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"claim", "bind", "retry", "limited", "lost", "zombie", "expand", "release"}), 1, 12).Draw(rt, "steps")
		for _, step := range steps {
			zombie := token
			switch {
			case step == "claim" && !m.state.Leased() && !m.state.Terminal():
				batch := b.claim(0, id)
				require.Len(rt, batch.Receipts, 1)
				token, m.state = batch.Token, receipts.Resolving
			case step == "bind" && m.state == receipts.Resolving:
				m.state, m.tries = receipts.Sending, m.tries+1
				require.Equal(rt, map[uuid.UUID]int{id: m.tries}, b.bind(token, id))
			case (step == "retry" || step == "limited") && m.state.Leased():
				result := waiting(id, 0)
				result.CostsAttempt = step == "retry"
				result.Attempt = &receipts.Attempt{Outcome: receipts.AttemptRefused, Class: transports.Rate, StartedAt: b.now, FinishedAt: b.now}
				require.Len(rt, b.record(token, true, result), 1)
				if m.state == receipts.Resolving {
					m.tries++
				}
				if result.CostsAttempt {
					m.attempts++
				}
				m.rows, m.crashes, m.state = m.rows+1, 0, receipts.Waiting
			case step == "lost" && m.state.Leased():
				b.advance(lease + time.Second)
				require.Equal(rt, []uuid.UUID{id}, b.reclaim())
				if m.state == receipts.Sending {
					m.rows, m.attempts = m.rows+1, m.attempts+1
				}
				m.crashes++
				m.state = receipts.Waiting
				if m.crashes == poison {
					m.state = receipts.Failed
				}
			case step == "expand" && m.state == receipts.Resolving:
				require.NoError(rt, b.expand(token, id, people(0, 1)))
				m.crashes = 0
			case step == "release" && m.state.Leased():
				released := b.release(token, "", id)
				require.Equal(rt, m.state == receipts.Resolving, len(released) == 1)
				if m.state == receipts.Resolving {
					m.state = receipts.Pending
				}
			case step == "zombie" && !m.state.Leased():
				require.Empty(rt, b.record(zombie, true, sent(id), waiting(id, 0)))
			}
			got := b.row(id)
			require.Equal(rt, m, model{got.State, got.Tries, got.Attempts, got.Crashes, len(b.attempts(id))}, "after %s", step)
			require.Equal(rt, m.rows+map[bool]int{true: 1}[m.state == receipts.Sending], m.tries, "every try has its attempt")
			b.audit()
		}
	})
}
