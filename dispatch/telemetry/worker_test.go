package telemetry_test

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

func accept(context.Context, transports.Message) (transports.Result, error) {
	return transports.Result{}, nil
}

func TestAcceptedSendsAreCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.start(t, nil, accept)
	for i := range 3 {
		b.emit(t, order{ID: strconv.Itoa(i), UserID: "ann"}, nil)
	}
	b.becomes(t, 3, "receipts_finished_total", "event=orders.created transport=email state=sent reason=accepted")
	b.becomes(t, 3, "receipts_finished_total", "event=orders.created transport=in_app state=sent reason=accepted")
	scraped := b.scrape(t)
	for name, labels := range map[string]string{
		"attempts_total":        "transport=email class=ok",
		"send_duration_seconds": "transport=email",
		"send_delay_seconds":    "transport=email priority=default",
	} {
		require.Equal(t, 3.0, value(scraped, name, labels), name)
	}
	require.Equal(t, 3.0, value(scraped, "attempts_total", "transport=in_app class=ok"))
	require.Zero(t, value(scraped, "attempts_total", "class=transient"))
	require.Positive(t, value(scraped, "claimed_receipts", "transport=email priority=default"))
	require.Zero(t, value(scraped, "sends_in_flight", "transport=email"))
	require.Equal(t, 32.0, value(scraped, "send_slots", "transport=email priority=default"))
}

func TestFailedSendsAreCountedByTheirClass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		err    error
		class  string
		unlike bool // no rule names it
		ends   string
	}{
		{"Unclassified", errors.New("what is this"), "transient", true, ""},
		{"Transient", transports.Errorf(transports.Transient, "busy"), "transient", false, ""},
		{"Rate", transports.Errorf(transports.Rate, "slow down"), "rate", false, ""},
		{"Configuration", transports.Errorf(transports.Configuration, "who are you"), "configuration", false, ""},
		{"Permanent", transports.Errorf(transports.Permanent, "never"), "permanent", false, "rejected"},
		{"Address", transports.Errorf(transports.Address, "nobody"), "address", false, "bad_address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.start(t, func(cfg *worker.Config) { cfg.Retry.Base = time.Hour },
				func(context.Context, transports.Message) (transports.Result, error) {
					return transports.Result{}, c.err
				})
			b.emit(t, order{ID: "1", UserID: "ann"}, nil)
			b.becomes(t, 1, "attempts_total", "transport=email class="+c.class)
			unclassified := value(b.scrape(t), "unclassified_errors_total", "transport=email")
			require.Equal(t, c.unlike, unclassified == 1)
			if c.ends != "" {
				b.becomes(t, 1, "receipts_finished_total", "transport=email state=failed reason="+c.ends)
			} else {
				b.becomes(t, 1, "live_receipts", "state=waiting")
				require.Zero(t, value(b.scrape(t), "receipts_finished_total", "transport=email"))
			}
		})
	}
}

func TestAPanicIsCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var calls atomic.Int32
	b.start(t, nil, func(context.Context, transports.Message) (transports.Result, error) {
		if calls.Add(1) == 1 {
			panic("oh")
		}
		return transports.Result{}, nil
	})
	b.emit(t, order{ID: "1", UserID: "ann"}, nil)
	b.becomes(t, 1, "receipts_finished_total", "transport=email state=sent")
	require.Equal(t, 1.0, value(b.scrape(t), "panics_total", ""))
	require.Equal(t, 1.0, value(b.scrape(t), "send_delay_seconds", "transport=email"), "only the first send says how long it took to begin")
}

func TestASendUnderWayIsInFlight(t *testing.T) {
	t.Parallel()
	b := setup(t)
	finish := make(chan struct{})
	b.start(t, nil, func(ctx context.Context, _ transports.Message) (transports.Result, error) {
		select {
		case <-finish:
			return transports.Result{}, nil
		case <-ctx.Done():
			return transports.Result{}, ctx.Err()
		}
	})
	b.emit(t, order{ID: "1", UserID: "ann"}, nil)
	b.becomes(t, 1, "sends_in_flight", "transport=email priority=default")
	b.becomes(t, 1, "live_receipts", "state=sending") // The in-app one is written meanwhile.
	close(finish)
	b.becomes(t, 0, "sends_in_flight", "transport=email priority=default")
}

func TestAnUndeclaredReceiptIsCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.start(t, nil, accept)
	_, err := b.pool.Exec(t.Context(), `SELECT carillon.emit_event('orders.vanished', '{}', '{}',
		'[{"channel": "c", "transport": "email", "audience": "u"}]')`)
	require.NoError(t, err)
	b.becomes(t, 1, "undeclared_receipts_total", "")
	b.becomes(t, 1, "live_receipts", "state=waiting reason=undeclared")
	for _, family := range b.scrape(t) {
		require.NotContains(t, family.String(), "vanished", "the name is whatever somebody emitted")
	}
}

func TestUpkeepIsCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// Before the worker starts: one receipt in an expired lease, one without a job, one whose job is due but asleep.
	for i := range 3 {
		b.emit(t, order{ID: strconv.Itoa(i), UserID: "ann"}, nil)
	}
	batch, err := receipts.New(nil).Claim(t.Context(), b.pool, receipts.ClaimParams{
		Lane: "in_app_default", More: 1, Lease: time.Second, Worker: "gone",
	})
	require.NoError(t, err)
	require.Len(t, batch.Receipts, 1)
	runSQL(t, b.pool, `UPDATE carillon.leases SET until = now() - interval '1 hour'`)
	runSQL(t, b.pool, `UPDATE carillon.receipts SET due_at = now() - interval '1 hour'`)
	runSQL(t, b.pool, `DELETE FROM carillon.river_job WHERE id = (SELECT min(id) FROM carillon.river_job WHERE queue = 'email_default')`)
	runSQL(t, b.pool, `UPDATE carillon.river_job SET state = 'scheduled' WHERE id = (SELECT max(id) FROM carillon.river_job WHERE queue = 'email_default')`)
	require.InDelta(t, 3600, value(b.scrape(t), "oldest_lease_overdue_seconds", ""), 60)
	b.start(t, nil, accept)
	b.becomes(t, 1, "receipts_reclaimed_total", "")
	b.becomes(t, 1, "receipts_reconciled_total", "")
	b.becomes(t, 1, "jobs_promoted_total", "")
	b.becomes(t, 0, "live_receipts", "")
	b.becomes(t, 6, "receipts_finished_total", "state=sent")
}

func TestWhatAReclaimEndsIsCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	store := receipts.New(nil)
	lose := func(lane string) {
		batch, err := store.Claim(t.Context(), b.pool, receipts.ClaimParams{Lane: lane, More: 10, Lease: time.Second, Worker: "gone"})
		require.NoError(t, err)
		require.NotEmpty(t, batch.Receipts)
	}
	// One that two workers died of already, one that may have been sent and must not be again, and those of names that
	// this program does not declare.
	b.emit(t, order{ID: "1", UserID: "ann"}, nil)
	lose("in_app_default")
	lose("email_default")
	runSQL(t, b.pool, `SELECT carillon.emit_event('made.up', '{}', '{}', '[{"channel": "c", "transport": "made_up", "audience": "u"}]')`)
	lose("made_up_default")
	runSQL(t, b.pool, `UPDATE carillon.receipts SET crashes = 2 WHERE transport <> 'in_app'`)
	runSQL(t, b.pool, `UPDATE carillon.receipts SET state = 'sending', on_unknown = 'park', tries = 1 WHERE transport = 'in_app'`)
	runSQL(t, b.pool, `UPDATE carillon.leases SET until = now() - interval '1 hour'`)
	b.start(t, nil, accept)
	b.becomes(t, 1, "receipts_finished_total", "event=orders.created transport=email state=failed reason=poison")
	b.becomes(t, 1, "receipts_finished_total", "event=orders.created transport=in_app state=uncertain reason=answer_lost")
	b.becomes(t, 1, "receipts_finished_total", "event= transport= state=failed reason=poison")
	require.Equal(t, 3.0, value(b.scrape(t), "receipts_reclaimed_total", ""))
}

func TestALostLeaseIsCountedAndItsResultFenced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	begun, reclaimed := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	b.start(t, func(cfg *worker.Config) { cfg.Lease = 3 * time.Second },
		func(ctx context.Context, _ transports.Message) (transports.Result, error) {
			if calls.Add(1) == 1 {
				close(begun)
				<-ctx.Done()
				<-reclaimed
			}
			return transports.Result{}, nil
		})
	b.emit(t, order{ID: "1", UserID: "ann"}, nil)
	<-begun
	runSQL(t, b.pool, `UPDATE carillon.leases SET until = now() - interval '1 second'`)
	_, err := receipts.New(nil).Reclaim(t.Context(), b.pool, 3)
	require.NoError(t, err)
	// Only a batch that is still under way has a lease to lose; a machine that is busy may lose so short a one once more.
	b.reaches(t, 1, "leases_lost_total")
	close(reclaimed)
	b.reaches(t, 1, "results_fenced_total")
	b.becomes(t, 1, "receipts_finished_total", "transport=email state=sent")
}

func TestLabelsDoNotGrowWithTheData(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.start(t, nil, func(_ context.Context, m transports.Message) (transports.Result, error) {
		if m.Recipient.ID == "p-1" || m.Recipient.ID == "ann" {
			return transports.Result{}, transports.Errorf(transports.Permanent, "no")
		}
		return transports.Result{}, nil
	})
	// The series of all outcomes that occur below.
	b.emit(t, order{ID: "x", UserID: "ann"}, nil)
	runSQL(t, b.pool, `INSERT INTO carillon.people (id, email) VALUES ('bob', 'bob@example.com')`)
	b.emit(t, order{ID: "y", UserID: "bob"}, nil)
	b.becomes(t, 4, "receipts_finished_total", "")
	before := series(b)
	const n = 1000
	_, err := b.pool.Exec(t.Context(), `INSERT INTO carillon.people (tenant, id, email)
		SELECT 'tenant-' || i, 'p-' || i, 'p-' || i || '@example.com' FROM generate_series(1, 1000) i`)
	require.NoError(t, err)
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	for i := range n {
		id := strconv.Itoa(i + 1)
		_, err := b.orders.EmitTx(t.Context(), tx, "created", order{ID: id, UserID: "p-" + id}, &dispatch.EmitOpts{
			Tenant: "tenant-" + id, Actor: "actor-" + id, IdempotencyKey: "key-" + id,
		})
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit(t.Context()))
	b.becomes(t, 2*n+4, "receipts_finished_total", "")
	b.becomes(t, 0, "live_receipts", "")
	require.Equal(t, before, series(b))
}

// series counts those that a worker has; what the database answers is no part of it.
func series(b *bundle) int {
	families, err := b.registry.Gather()
	if err != nil {
		return -1
	}
	n := 0
	for _, f := range families {
		if f.GetName() != "carillon_live_receipts" {
			n += len(f.GetMetric())
		}
	}
	return n
}

func runSQL(t *testing.T, pool *pgxpool.Pool, query string) {
	t.Helper()
	_, err := pool.Exec(t.Context(), query)
	require.NoError(t, err)
}
