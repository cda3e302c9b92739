package flow_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/transports"
)

func TestEveryKindOfMessageHasItsPolicy(t *testing.T) {
	t.Parallel()
	type numbers struct {
		base, cap, deadline time.Duration
		attempts            int
	}
	want := map[transports.Retry]numbers{
		transports.RetryCode:          {2 * time.Second, 30 * time.Second, 10 * time.Minute, 12},
		transports.RetryTransactional: {5 * time.Second, time.Hour, 48 * time.Hour, 60},
		transports.RetryBulk:          {time.Minute, 4 * time.Hour, 120 * time.Hour, 40},
		transports.RetryWebhook:       {5 * time.Second, 24 * time.Hour, 91 * time.Hour, 10},
		transports.RetryChat:          {5 * time.Second, 15 * time.Minute, 6 * time.Hour, 30},
		transports.RetryPush:          {5 * time.Second, 5 * time.Minute, 24 * time.Hour, 20},
	}
	require.Len(t, transports.Retries(), len(want))
	for _, kind := range transports.Retries() {
		p := flow.PolicyOf(kind)
		require.Equal(t, want[kind], numbers{p.Base, p.Cap, p.Deadline, p.MaxAttempts}, kind)
	}
	require.Equal(t, flow.PolicyOf(transports.RetryTransactional), flow.PolicyOf("unheard of"))
}

func TestWaitsDoubleUpToTheCapWithEqualJitter(t *testing.T) {
	t.Parallel()
	p := flow.RetryPolicy{Base: 8 * time.Second, Cap: time.Minute}
	full := []time.Duration{8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute}
	for i, d := range full {
		least, most := time.Hour, time.Duration(0)
		for range 2000 {
			w := p.Wait(i+1, 0)
			least, most = min(least, w), max(most, w)
		}
		require.GreaterOrEqual(t, least, d/2)
		require.LessOrEqual(t, most, d)
		require.Greater(t, most-least, d*2/5, "the waits are spread over half of the whole")
	}
	require.LessOrEqual(t, p.Wait(1_000_000, 0), time.Minute, "no overflow")
}

func TestRetryAfterIsHonouredWithinReason(t *testing.T) {
	t.Parallel()
	p := flow.PolicyOf(transports.RetryTransactional)
	for asked, want := range map[time.Duration][2]time.Duration{
		0:                      {2500 * time.Millisecond, 5 * time.Second},
		-time.Hour:             {2500 * time.Millisecond, 5 * time.Second},
		time.Nanosecond:        {2500 * time.Millisecond, 5 * time.Second},
		90 * time.Second:       {90 * time.Second, 90 * time.Second},
		1_000_000 * time.Hour:  {24 * time.Hour, 24 * time.Hour},
		-1_000_000 * time.Hour: {2500 * time.Millisecond, 5 * time.Second},
	} {
		got := p.Wait(1, asked)
		require.GreaterOrEqual(t, got, want[0], asked)
		require.LessOrEqual(t, got, want[1], asked)
	}
}

func TestAWebhooksWaitsAreThoseOfTheStandardGiveOrTakeAFifth(t *testing.T) {
	t.Parallel()
	p := flow.RetryPolicy{}.Or(flow.PolicyOf(transports.RetryWebhook))
	schedule := []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
		20 * time.Hour, 24 * time.Hour,
	}
	require.Len(t, schedule, p.MaxAttempts-1)
	var longest time.Duration
	for i, d := range schedule {
		for range 100 {
			w := p.Wait(i+1, 0)
			require.GreaterOrEqual(t, w, d*4/5)
			require.LessOrEqual(t, w, d*6/5)
		}
		longest += d * 6 / 5
	}
	require.Less(t, longest, p.Deadline)
}

func TestAPolicyOfItsOwnReplacesWhatItSays(t *testing.T) {
	t.Parallel()
	p := flow.RetryPolicy{MaxAttempts: 3}.Or(flow.PolicyOf(transports.RetryWebhook))
	require.Equal(t, 3, p.MaxAttempts)
	require.Equal(t, 91*time.Hour, p.Deadline)
	require.GreaterOrEqual(t, p.Wait(2, 0), 4*time.Minute, "the schedule stays")
	p = flow.RetryPolicy{Base: 2 * time.Hour, MaxAttempts: 5000}.Or(flow.PolicyOf(transports.RetryWebhook))
	require.LessOrEqual(t, p.Wait(1, 0), 2*time.Hour)
	require.GreaterOrEqual(t, p.Wait(1, 0), time.Hour, "no schedule beside waits of one's own")
	require.Equal(t, 1000, p.MaxAttempts)
	p = flow.RetryPolicy{Base: 2 * time.Hour}.Or(flow.PolicyOf(transports.RetryTransactional))
	require.Equal(t, 2*time.Hour, p.Cap, "a cap is never below its base")
}
