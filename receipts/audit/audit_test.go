package audit_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/receipts/audit"
)

// corruptions break one promise each. Every check has at least one.
var corruptions = []struct{ check, name, sql string }{
	{"I1", "EventWithoutReceipts", `INSERT INTO carillon.events (id, name, data) VALUES (carillon.uuid7(), 'shop.told', '{}')`},
	{"I1", "RootGone", `
		DELETE FROM carillon.receipts r USING carillon.events e
		 WHERE e.id = r.event_id AND e.data ->> 'n' = 'C9' AND r.channel = 'reminder'`},
	{"I1", "TwoRootsOfAChannel", `
		INSERT INTO carillon.receipts (id, event_id, tenant, channel, transport, audience, priority, due_at)
		SELECT carillon.uuid7(), event_id, tenant, channel, transport, audience, priority, now() + interval '1 hour'
		  FROM carillon.receipts WHERE root_id IS NULL LIMIT 1`},
	{"I2", "ReceiptsWithoutEvent", `DELETE FROM carillon.events WHERE data ->> 'n' = 'C9'`},
	{"I2", "ChildOfAnotherChannel", `UPDATE carillon.receipts SET channel = 'other' WHERE recipient = 'slow' AND state = 'sent'`},
	{"I2", "ChildOfAChild", `
		UPDATE carillon.receipts c SET root_id = o.id
		  FROM carillon.receipts o
		 WHERE c.recipient = 'slow' AND c.channel = 'in_app.team' AND o.recipient = 'fine' AND o.root_id = c.root_id`},
	{"I3", "JobGone", `
		WITH r AS (UPDATE carillon.receipts SET due_at = now() - interval '2 minutes' WHERE reason = 'delayed' RETURNING job_id)
		DELETE FROM carillon.river_job j USING r WHERE j.id = r.job_id`},
	{"I3", "JobFinished", `
		WITH r AS (UPDATE carillon.receipts SET due_at = now() - interval '2 minutes' WHERE reason = 'delayed' RETURNING job_id)
		UPDATE carillon.river_job j SET state = 'completed', finalized_at = now() FROM r WHERE j.id = r.job_id`},
	{"I3", "JobPutOff", `
		UPDATE carillon.receipts SET due_at = now() - interval '2 minutes' WHERE reason = 'delayed'`},
	{"I3", "JobFetchedByTheDead", `
		WITH r AS (UPDATE carillon.receipts SET due_at = now() - interval '9 minutes' WHERE reason = 'delayed' RETURNING job_id)
		UPDATE carillon.river_job j SET state = 'running', attempted_at = now() - interval '9 minutes' FROM r WHERE j.id = r.job_id`},
	{"I3", "JobOfAnotherReceipt", `
		WITH r AS (UPDATE carillon.receipts SET due_at = now() - interval '2 minutes' WHERE reason = 'delayed' RETURNING job_id)
		UPDATE carillon.river_job j SET state = 'available', scheduled_at = now(), args = '{"receipt": "?"}' FROM r WHERE j.id = r.job_id`},
	{"I3", "NoPermitForBulk", `
		UPDATE carillon.receipts SET priority = 3, due_at = now() - interval '2 minutes', job_id = NULL WHERE reason = 'delayed'`},
	{"I3", "PermitOfAnotherLane", `
		UPDATE carillon.receipts SET priority = 3, due_at = now() - interval '2 minutes', job_id = NULL WHERE reason = 'delayed';
		INSERT INTO carillon.river_job (args, kind, max_attempts, queue) VALUES ('{"permit": 1}', 'carillon_receipt', 25, 'sms_bulk')`},
	{"I3", "PermitPutOff", `
		UPDATE carillon.receipts SET priority = 3, due_at = now() - interval '2 minutes', job_id = NULL WHERE reason = 'delayed';
		INSERT INTO carillon.river_job (args, kind, max_attempts, queue, state, scheduled_at)
		VALUES ('{"permit": 1}', 'carillon_receipt', 25, 'email_bulk', 'scheduled', now() + interval '2 minutes')`},
	{"I3", "PermitFetchedByTheDead", `
		UPDATE carillon.receipts SET priority = 3, due_at = now() - interval '9 minutes', job_id = NULL WHERE reason = 'delayed';
		INSERT INTO carillon.river_job (args, kind, max_attempts, queue, state, attempted_at)
		VALUES ('{"permit": 1}', 'carillon_receipt', 25, 'email_bulk', 'running', now() - interval '9 minutes')`},
	{"I3", "LeaseGone", `DELETE FROM carillon.leases`},
	{"I3", "LeaseLongOver", `UPDATE carillon.leases SET until = now() - interval '2 minutes'`},
	{"I4", "NoChildren", `UPDATE carillon.receipts SET state = 'expanded', reason = 'fan_out' WHERE state = 'skipped' AND reason = 'no_recipients'`},
	{"I4", "LastChildMissing", `UPDATE carillon.receipts SET cursor = 'person:zoe' WHERE state = 'expanded'`},
	{"I5", "AcceptedTwice", `
		WITH r AS (UPDATE carillon.receipts SET attempts = attempts + 1 WHERE recipient = 'fine' AND state = 'sent' RETURNING id)
		INSERT INTO carillon.attempts (receipt_id, n, started_at, finished_at, outcome, class)
		SELECT id, 9, now(), now(), 'accepted', 'ok' FROM r`},
	{"I6", "SentWithoutAcceptance", `UPDATE carillon.attempts SET outcome = 'refused' WHERE outcome = 'accepted'`},
	{"I6", "AcceptanceOfTheFailed", `UPDATE carillon.attempts SET outcome = 'accepted' WHERE class = 'permanent'`},
	{"I7", "JobOfTheFinished", `
		INSERT INTO carillon.river_job (args, kind, max_attempts, queue)
		SELECT jsonb_build_object('receipt', id), 'carillon_receipt', 25, 'email_default' FROM carillon.receipts WHERE state = 'sent'`},
	{"I7", "LeaseOfTheFinished", `
		ALTER TABLE carillon.receipts DROP CONSTRAINT receipts_state;
		UPDATE carillon.receipts SET lease_token = gen_random_uuid() WHERE state = 'sent'`},
	{"I7", "FinishedWithoutATime", `
		ALTER TABLE carillon.receipts DROP CONSTRAINT receipts_state;
		UPDATE carillon.receipts SET finished_at = NULL, due_at = now() WHERE state = 'sent'`},
	{"I8", "NotificationGone", `DELETE FROM carillon.notifications WHERE person = 'fine'`},
	{"I8", "NotificationOfNobody", `
		INSERT INTO carillon.notifications (id, event_id, tenant, person, event, notification_type, title, message, seq, born_seq)
		VALUES (carillon.uuid7(), carillon.uuid7(), '', 'fine', 'shop.told', 'info', 'Hello', '', 1, 1)`},
	{"I9", "Miscounted", `UPDATE carillon.receipts SET attempts = attempts + 1 WHERE recipient = 'slow'`},
	{"I9", "AttemptOfNobody", `
		INSERT INTO carillon.attempts (receipt_id, n, started_at, finished_at, outcome, class)
		VALUES (carillon.uuid7(), 1, now(), now(), 'refused', 'transient')`},
	{"I10", "ReasonOfAnotherState", `UPDATE carillon.receipts SET reason = 'accepted' WHERE state = 'failed'`},
	{"I10", "ReasonWithoutNeed", `UPDATE carillon.receipts SET reason = 'retry' WHERE state IN ('pending', 'resolving')`},
	{"I11", "LeaseOfOthers", `UPDATE carillon.leases SET receipts = ARRAY(SELECT id FROM carillon.receipts WHERE state = 'sent')`},
	{"I11", "LeaseOfNobody", `UPDATE carillon.leases SET receipts = receipts || gen_random_uuid()`},
	{"I11", "LeaseNeverReclaimed", `
		INSERT INTO carillon.leases (token, until, worker, receipts)
		VALUES (gen_random_uuid(), now() - interval '2 minutes', 'gone', '{}')`},
	{"I12", "DeadlinePassed", `
		UPDATE carillon.receipts SET expires_at = now() - interval '2 minutes', due_at = now() + interval '1 hour' WHERE reason = 'delayed'`},
	{"W1", "EmitFailed", `INSERT INTO carillon.emit_failures (sqlstate, message) VALUES ('CN001', 'event is not published')`},
}

func TestAuditFindsWhatIsCorruptedAndNothingElse(t *testing.T) {
	t.Parallel()
	pool := busy(t)
	reached := outcomes(t, pool)
	for _, pair := range []string{
		"sent(accepted)", "skipped(no_recipients)", "skipped(no_address)", "skipped(opted_out)", "failed(rejected)",
		"failed(bad_address)", "failed(exhausted)", "failed(render)", "expired(deadline)", "uncertain(answer_lost)",
		"expanded(fan_out)", "waiting(delayed)", "waiting(misconfigured)", "pending", "resolving",
	} {
		require.True(t, reached[pair], "the run was not busy enough: no receipt is %s", pair)
	}
	results, err := audit.Run(t.Context(), pool, nil)
	require.NoError(t, err)
	for _, r := range results {
		require.True(t, r.Holds(), "%s: %s: %d %v", r.Check, r.Meaning, r.Count, r.IDs)
		require.Equal(t, []string{}, r.IDs)
	}

	proved := map[string]bool{}
	for _, c := range corruptions {
		proved[c.check] = true
		t.Run(c.check+c.name, func(t *testing.T) {
			tx, err := pool.Begin(t.Context())
			require.NoError(t, err)
			defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()
			// So that the grace after the end of what the worker finished just now is over.
			_, err = tx.Exec(t.Context(), `UPDATE carillon.receipts SET finished_at = finished_at - interval '5 minutes'`)
			require.NoError(t, err)
			require.Empty(t, short(t, tx))
			results, err := tx.Conn().PgConn().Exec(t.Context(), c.sql).ReadAll()
			require.NoError(t, err)
			last := results[len(results)-1]
			require.Positive(t, last.CommandTag.RowsAffected(), "nothing was corrupted")

			found := short(t, tx)
			require.Len(t, found, 1, "%v", found)
			require.Equal(t, c.check, found[0].Check)
			require.Len(t, found[0].IDs, int(min(found[0].Count, audit.MaxIDs)))
		})
	}
	for _, r := range results {
		require.True(t, proved[r.Check], "no corruption proves %s", r.Check)
		require.Equal(t, r.Check == "W1", r.Level == audit.Warn)
	}
}

// short lists the results that fall short.
func short(t *testing.T, db audit.Querier) []audit.Result {
	t.Helper()
	results, err := audit.Run(t.Context(), db, nil)
	require.NoError(t, err)
	var found []audit.Result
	for _, r := range results {
		if !r.Holds() {
			found = append(found, r)
		}
	}
	return found
}

func TestWhatIsAcceptedTwiceAfterALostAnswerIsAllowed(t *testing.T) {
	t.Parallel()
	tx := dbtest.Tx(t)
	plant(t, tx, `
		INSERT INTO carillon.attempts (receipt_id, n, started_at, finished_at, outcome, class)
		SELECT id, n, now(), now(), outcome, 'ok'
		  FROM carillon.receipts, unnest('{accepted,unknown,accepted}'::text[]) WITH ORDINALITY AS a(outcome, n)
		 WHERE channel = 'audit'`)
	for _, r := range short(t, tx) {
		require.NotEqual(t, "I5", r.Check)
	}
}

func TestAttemptsBeforeAReopeningNoLongerCount(t *testing.T) {
	t.Parallel()
	tx := dbtest.Tx(t)
	const attempts = `
		INSERT INTO carillon.attempts (receipt_id, n, started_at, finished_at, outcome, class)
		SELECT id, n, now(), now(), 'refused', 'transient' FROM carillon.receipts, generate_series(1, 3) n WHERE channel = 'audit'`
	plant(t, tx, attempts)
	require.Equal(t, "I9", short(t, tx)[0].Check)
	_, err := tx.Exec(t.Context(), `
		WITH o AS (
		  INSERT INTO carillon.operations (id, action, operator, reason, filter, matched)
		  VALUES (carillon.uuid7(), 'reopen', 'ada', 'test', '{}', 1) RETURNING id)
		INSERT INTO carillon.operation_receipts (operation_id, receipt_id, left_state, tries)
		SELECT o.id, r.id, 'failed', 3 FROM o, carillon.receipts r WHERE r.channel = 'audit'`)
	require.NoError(t, err)
	require.Empty(t, short(t, tx))
}

func TestAtMostTwentyIDsAreNamed(t *testing.T) {
	t.Parallel()
	tx := dbtest.Tx(t)
	plant(t, tx, `
		INSERT INTO carillon.events (id, name, data) SELECT carillon.uuid7(), 'a.b', '{}' FROM generate_series(1, 25)`)
	found := short(t, tx)
	require.Equal(t, "I1", found[0].Check)
	require.EqualValues(t, 25, found[0].Count)
	require.Len(t, found[0].IDs, audit.MaxIDs)
	require.IsIncreasing(t, found[0].IDs)
}

func TestOptionsNowAndGraceMoveTheJudgement(t *testing.T) {
	t.Parallel()
	tx := dbtest.Tx(t)
	plant(t, tx, `UPDATE carillon.receipts SET due_at = '2026-01-01 12:00:00Z', job_id = NULL WHERE channel = 'audit'`)
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		opts  *audit.Opts
		stuck int64
	}{
		{nil, 1},
		{&audit.Opts{Now: noon.Add(-time.Hour)}, 0},
		{&audit.Opts{Now: noon.Add(time.Minute)}, 0},
		{&audit.Opts{Now: noon.Add(time.Minute + time.Second)}, 1},
		{&audit.Opts{Now: noon.Add(time.Minute + time.Second), Grace: time.Hour}, 0},
		{&audit.Opts{Now: noon.Add(time.Second), Grace: time.Millisecond}, 1},
	} {
		results, err := audit.Run(t.Context(), tx, c.opts)
		require.NoError(t, err)
		require.Equal(t, c.stuck, results[2].Count, "%+v", c.opts)
	}
	_, err := audit.Run(t.Context(), tx, &audit.Opts{Grace: -time.Second})
	require.EqualError(t, err, "audit: Grace is -1s (at least 0)")
}

// plant emits one event of the channel audit, and changes it.
func plant(t *testing.T, tx pgx.Tx, sql string) {
	t.Helper()
	_, err := tx.Exec(t.Context(), `SELECT carillon.emit_event('a.b', '{}', '{}',
		'[{"channel": "audit", "transport": "email", "audience": "user"}]')`)
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), sql)
	require.NoError(t, err)
}
