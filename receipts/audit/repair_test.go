package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/receipts/audit"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// damage is something that a repair mends. r names the email receipt of an event of its own; held ones are leased.
var damages = []struct {
	check, name, sql string
	// held and sending say what the receipt is in when it is damaged.
	held, sending bool
	want          string
}{
	{check: "I3", name: "JobGone", sql: `DELETE FROM carillon.river_job WHERE id = (SELECT job_id FROM r)`},
	{check: "I3", name: "JobFinished", sql: `
		UPDATE carillon.river_job SET state = 'completed', finalized_at = now() WHERE id = (SELECT job_id FROM r)`},
	{check: "I3", name: "JobDiscarded", sql: `
		UPDATE carillon.river_job SET state = 'discarded', finalized_at = now() WHERE id = (SELECT job_id FROM r)`},
	{check: "I3", name: "JobPutOff", sql: `
		UPDATE carillon.river_job SET state = 'scheduled', scheduled_at = now() + interval '1 day' WHERE id = (SELECT job_id FROM r)`},
	{check: "I3", name: "JobFetchedByTheDead", sql: `
		UPDATE carillon.river_job SET state = 'running', attempted_at = now() - interval '9 minutes' WHERE id = (SELECT job_id FROM r)`},
	{check: "I3", name: "JobOfAnother", sql: `
		UPDATE carillon.river_job SET args = '{"receipt": "?"}' WHERE id = (SELECT job_id FROM r)`},
	{check: "I3", name: "LeaseGone", held: true, sql: `DELETE FROM carillon.leases WHERE token = (SELECT lease_token FROM r)`},
	{check: "I3", name: "LeaseGoneInTheSend", held: true, sending: true, sql: `
		DELETE FROM carillon.leases WHERE token = (SELECT lease_token FROM r)`},
	{check: "I3", name: "LeaseOver", held: true, sql: `
		UPDATE carillon.leases SET until = now() - interval '2 minutes' WHERE token = (SELECT lease_token FROM r)`},
	{check: "I11", name: "LeaseThatListsNobody", held: true, sql: `
		UPDATE carillon.leases SET receipts = ARRAY[gen_random_uuid()], until = now() - interval '2 seconds'
		 WHERE token = (SELECT lease_token FROM r)`},
	{check: "I1", name: "RootGone", sql: `, j AS (DELETE FROM carillon.river_job WHERE id = (SELECT job_id FROM r))
		DELETE FROM carillon.receipts WHERE id = (SELECT id FROM r)`},
	{check: "I12", name: "PastItsDeadline", want: "expired(deadline)", sql: `
		UPDATE carillon.receipts SET expires_at = now() - interval '2 minutes', due_at = now() + interval '1 hour'
		 WHERE id = (SELECT id FROM r)`},
}

func TestARepairMendsAndWhatItMendedIsDelivered(t *testing.T) {
	t.Parallel()
	pool := dbtest.Pool(t)
	require.NoError(t, people.Set(t.Context(), pool, "", people.Person{ID: "fine", Email: "fine@example.com"}))
	email := transporttest.NewFake(transports.Email, nil)
	file := declare(t, pool, email)
	store := receipts.New(nil)

	for _, d := range damages {
		emit(t, pool, "shop.told", fmt.Sprintf(`{"people": ["fine"], "n": %q}`, d.name), `{}`)
		id := emailOf(t, pool, d.name)
		if d.held {
			batch, err := store.Claim(t.Context(), pool, receipts.ClaimParams{Own: []uuid.UUID{id}, Lease: time.Hour, Worker: "test"})
			require.NoError(t, err)
			require.Len(t, batch.Receipts, 1)
			if d.sending {
				_, err := store.Bind(t.Context(), pool, batch.Token, []receipts.Binding{{ID: id, Recipient: "fine", Address: "fine@example.com"}})
				require.NoError(t, err)
			}
		}
		_, err := pool.Exec(t.Context(), `UPDATE carillon.receipts SET due_at = now() - interval '10 minutes' WHERE id = $1`, id)
		require.NoError(t, err)
		before := shortOf(t, pool)
		tag, err := pool.Exec(t.Context(), fmt.Sprintf(
			`WITH r AS (SELECT id, job_id, lease_token FROM carillon.receipts WHERE id = '%s')%s`, id, d.sql))
		require.NoError(t, err, d.name)
		require.Positive(t, tag.RowsAffected(), d.name)
		require.Contains(t, shortOf(t, pool), d.check, "%s is not seen", d.name)
		require.Greater(t, shortOf(t, pool)[d.check], before[d.check], "%s is not seen", d.name)
	}

	op, done := mend(t, pool)
	require.Empty(t, shortOf(t, pool), "%v", done)
	mended := map[uuid.UUID]bool{}
	for _, step := range done {
		for _, id := range step.IDs {
			mended[id] = true
		}
	}
	for _, d := range damages {
		id := emailOf(t, pool, d.name)
		require.True(t, mended[id], "%s is not told", d.name)
		history, err := store.Operations(t.Context(), pool, id)
		require.NoError(t, err)
		require.Len(t, history, 1, d.name)
		require.Equal(t, op.ID, history[0].ID)
		require.Equal(t, "ada", history[0].Operator)
	}

	deliver(t, pool, file)
	require.Empty(t, shortOf(t, pool))
	sent := map[uuid.UUID]int{}
	for _, m := range email.Accepted() {
		sent[m.EventID]++
	}
	for _, d := range damages {
		r, err := store.Get(t.Context(), pool, emailOf(t, pool, d.name))
		require.NoError(t, err)
		want, times := "sent(accepted)", 1
		if d.want != "" {
			want, times = d.want, 0
		}
		require.Equal(t, want, fmt.Sprintf("%s(%s)", r.State, r.Reason), d.name)
		require.Equal(t, times, sent[r.EventID], "%s: sent so many times", d.name)
	}
	mend(t, pool) // Old alarms of what has just been sent.
	_, again := mend(t, pool)
	require.Empty(t, again, "another repair finds nothing")
}

// What is over keeps no lease and no alarm.
func TestARepairClearsWhatIsOver(t *testing.T) {
	t.Parallel()
	tx := dbtest.Tx(t)
	plant(t, tx, `
		UPDATE carillon.receipts SET state = 'cancelled', reason = 'operator', finished_at = now() - interval '5 minutes', job_id = NULL
		 WHERE channel = 'audit'`)
	plantSQL(t, tx, `DELETE FROM carillon.river_job`)
	require.Empty(t, short(t, tx))
	plantSQL(t, tx, `
		INSERT INTO carillon.river_job (args, kind, max_attempts, queue)
		SELECT jsonb_build_object('receipt', id), 'carillon_receipt', 25, 'email_default' FROM carillon.receipts WHERE channel = 'audit'`)
	plantSQL(t, tx, `ALTER TABLE carillon.receipts DROP CONSTRAINT receipts_state`)
	plantSQL(t, tx, `UPDATE carillon.receipts SET lease_token = gen_random_uuid() WHERE channel = 'audit'`)
	require.Equal(t, "I7", short(t, tx)[0].Check)
	_, done := mend(t, tx)
	require.Len(t, done, 2)
	require.Empty(t, short(t, tx))
}

// What nothing in the database can tell is left alone, and has a remedy in words.
func TestARepairInventsNothing(t *testing.T) {
	t.Parallel()
	pool := busy(t)
	mendable := map[string]bool{
		"JobGone": true, "JobFinished": true, "JobPutOff": true, "JobFetchedByTheDead": true, "JobOfAnotherReceipt": true,
		"LeaseGone": true, "LeaseLongOver": true, "JobOfTheFinished": true, "LeaseOfTheFinished": true,
		"FinishedWithoutATime": true, "LeaseOfOthers": true, "LeaseOfNobody": true, "LeaseNeverReclaimed": true,
		"DeadlinePassed": true, "RootGone": true, "NoPermitForBulk": true, "PermitOfAnotherLane": true, "PermitPutOff": true,
		"PermitFetchedByTheDead": true,
	}
	for _, c := range corruptions {
		t.Run(c.check+c.name, func(t *testing.T) { // not parallel: each is rolled back in the one database
			tx, err := pool.Begin(t.Context())
			require.NoError(t, err)
			defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
			plantSQL(t, tx, `UPDATE carillon.receipts SET finished_at = finished_at - interval '5 minutes'`)
			_, err = tx.Conn().PgConn().Exec(t.Context(), c.sql).ReadAll()
			require.NoError(t, err)
			_, _ = mend(t, tx)
			found := short(t, tx)
			if mendable[c.name] {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Equal(t, c.check, found[0].Check)
			require.NotEmpty(t, audit.Remedy(c.check))
		})
	}
}

// mend runs a repair and checks that it was written down.
func mend(t *testing.T, db receipts.DB) (*receipts.Operation, []receipts.Repaired) {
	t.Helper()
	store := receipts.New(nil)
	op, err := store.StartOperation(t.Context(), db, receipts.Operation{
		Action: receipts.ActionRepair, Operator: "ada", Reason: "the audit fell short",
	})
	require.NoError(t, err)
	done, err := store.Repair(t.Context(), db, op, 10*time.Second)
	require.NoError(t, err)
	return op, done
}

func shortOf(t *testing.T, db audit.Querier) map[string]int64 {
	t.Helper()
	counts := map[string]int64{}
	for _, r := range short(t, db) {
		counts[r.Check] = r.Count
	}
	return counts
}

// emailOf is the email receipt of the event whose number is n.
func emailOf(t *testing.T, pool *pgxpool.Pool, n string) uuid.UUID {
	t.Helper()
	var id uuid.UUID
	require.NoError(t, pool.QueryRow(t.Context(), `
		SELECT r.id FROM carillon.receipts r JOIN carillon.events e ON e.id = r.event_id
		 WHERE e.data ->> 'n' = $1 AND r.channel = 'email.team'`, n).Scan(&id))
	return id
}

func plantSQL(t *testing.T, db receipts.DB, sql string) {
	t.Helper()
	_, err := db.Exec(t.Context(), sql)
	require.NoError(t, err)
}
