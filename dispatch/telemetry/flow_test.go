package telemetry_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/telemetry"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

var _ flow.Observer = (*telemetry.Telemetry)(nil)

func TestABreakerIsSeenOpenAndClosed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var well atomic.Bool
	b.start(t, nil, func(context.Context, transports.Message) (transports.Result, error) {
		if well.Load() {
			return transports.Result{}, nil
		}
		return transports.Result{}, transports.Errorf(transports.Transient, "down")
	})
	scraped := b.scrape(t)
	require.Len(t, scraped["carillon_breakers"].GetMetric(), 4, "two transports and two states, before there is any breaker")
	require.Zero(t, value(scraped, "breakers", ""))
	require.Len(t, scraped["carillon_breaker_changes_total"].GetMetric(), 6, "a series to ask for its rate, before anything happened")
	for i := range 10 {
		b.emit(t, order{ID: strconv.Itoa(i), UserID: "ann"}, nil)
	}
	b.becomes(t, 1, "breakers", "transport=email state=open")
	b.becomes(t, 1, "breaker_changes_total", "transport=email change=opened")
	b.reaches(t, 1, "send_waits_total")
	scraped = b.scrape(t)
	require.Zero(t, value(scraped, "send_waits_total", "reason=rate_limited"))
	require.GreaterOrEqual(t, value(scraped, "send_wait_seconds_total", "transport=email reason=breaker"), 20.0,
		"as long as the breaker is open")
	require.Zero(t, value(scraped, "breakers", "transport=in_app"))
	// Its time is up, and it fails the probe.
	runSQL(t, b.pool, `UPDATE carillon.breakers SET until = now()`)
	require.Equal(t, 1.0, value(b.scrape(t), "breakers", "transport=email state=half_open"))
	b.probes(t, "reopened")
	b.becomes(t, 1, "breakers", "transport=email state=open")
	well.Store(true)
	runSQL(t, b.pool, `UPDATE carillon.breakers SET until = now()`)
	b.probes(t, "closed")
	b.becomes(t, 0, "breakers", "")
	require.Equal(t, 2.0, value(b.scrape(t), "breaker_probes_total", "transport=email"))
}

// probes makes what waits due until a probe has changed the breaker. A worker that has just looked at it looks again
// after a second.
func (b *bundle) probes(t *testing.T, change string) {
	t.Helper()
	require.Eventually(t, func() bool {
		runSQL(t, b.pool, `UPDATE carillon.receipts SET due_at = now() WHERE finished_at IS NULL AND lease_token IS NULL`)
		runSQL(t, b.pool, `UPDATE carillon.river_job SET state = 'available', scheduled_at = now() WHERE state = 'scheduled'`)
		return value(b.scrape(t), "breaker_changes_total", "transport=email change="+change) == 1
	}, 20*time.Second, 200*time.Millisecond, change)
}

func TestAWaitForABudgetIsCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	slow := transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		DestinationFunc: func(transports.Message) transports.Destination {
			return transports.Destination{Host: "slow", Rate: transports.Limit{Count: 1, Per: time.Minute}}
		},
	})
	b.start(t, func(cfg *worker.Config) { cfg.Transports[0] = slow }, nil)
	for i := range 3 {
		b.emit(t, order{ID: strconv.Itoa(i), UserID: "ann"}, nil)
	}
	b.reaches(t, 2, "send_waits_total")
	scraped := b.scrape(t)
	require.GreaterOrEqual(t, value(scraped, "send_waits_total", "transport=email reason=rate_limited"), 2.0)
	require.GreaterOrEqual(t, value(scraped, "send_wait_seconds_total", "transport=email reason=rate_limited"), 60.0,
		"one a minute: the second waits for one, the third for two")
	require.Equal(t, 1.0, value(scraped, "budget_tokens_total", "transport=email"))
	require.Zero(t, value(scraped, "budgets_held", "transport=email"))
	runSQL(t, b.pool, `UPDATE carillon.budgets SET held_until = now() + interval '1 hour'`)
	require.Equal(t, 1.0, value(b.scrape(t), "budgets_held", "transport=email"))
}

func TestABreakerOfAnUnknownTransportHasNoNameOfItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 3 {
		runSQL(t, b.pool, `INSERT INTO carillon.breakers (transport, account, host, opened_at, until, class, code, detail)
			VALUES ('made_up_`+strconv.Itoa(i)+`', 'a', 'h', now(), now() + interval '1 minute', 'transient', '', '')`)
	}
	scraped := b.scrape(t)
	require.Equal(t, 3.0, value(scraped, "breakers", "transport= state=open"))
	require.Len(t, scraped["carillon_breakers"].GetMetric(), 5)
	for _, family := range scraped {
		require.NotContains(t, family.String(), "made_up")
	}
}
