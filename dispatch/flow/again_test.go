package flow_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/transports"
)

func free(verdicts []flow.Verdict) (n int) {
	for _, v := range verdicts {
		if v.Stop == flow.Free {
			n++
		}
	}
	return n
}

func TestATokenThatGrewOldIsTakenAnew(t *testing.T) {
	t.Parallel()
	pool, c := dbtest.Pool(t), newClock()
	r := route(perSecond(10))
	slow, quick := c.gate(), c.gate()
	asked := requests(8, flow.Request{Route: r})
	held, n := admit(t, slow, pool, asked)
	require.Equal(t, 8, n)
	c.Advance(999 * time.Millisecond)
	require.NoError(t, slow.Again(t.Context(), pool, asked, held))
	require.Equal(t, 8, free(held), "a token is good for a second")

	// Others use what the next second allows; the eight would come on top of that.
	c.Advance(time.Second)
	_, n = admit(t, quick, pool, requests(8, flow.Request{Route: r}))
	require.Equal(t, 8, n)
	require.NoError(t, slow.Again(t.Context(), pool, asked, held))
	require.Zero(t, free(held))
	for _, v := range held {
		require.Equal(t, flow.StopRate, v.Stop)
		require.Positive(t, v.Wait)
		require.LessOrEqual(t, v.Wait, time.Second)
	}
}

func TestASendDoesNotBeginLongAfterItsToken(t *testing.T) {
	t.Parallel()
	pool, c := dbtest.Pool(t), newClock()
	g := c.gate()
	request := flow.Request{Route: route(perSecond(10))}
	verdicts, _ := admit(t, g, pool, requests(1, request))
	c.Advance(4 * time.Second)
	require.Equal(t, flow.Free, g.Check(request.Route, verdicts[0]).Stop)
	c.Advance(time.Second)
	late := g.Check(request.Route, verdicts[0])
	require.Equal(t, flow.StopRate, late.Stop)
	require.Positive(t, late.Wait)
	admit(t, g, pool, requests(1, request))
	require.Equal(t, flow.Free, g.Check(request.Route, verdicts[0]).Stop, "it may have one of those in hand")
	require.Equal(t, flow.StopRate, g.Check(request.Route, verdicts[0]).Stop)
}

// A provider asks one of eight workers for patience while all have sends in preparation.
func TestOnePleaForPatienceStopsEightWorkers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rate transports.Limit
		// after is how soon the others know.
		after time.Duration
	}{"DeclaredRate": {perSecond(100), 20 * time.Millisecond}, "NoRate": {transports.Limit{}, time.Second}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, c := dbtest.Pool(t), newClock()
			r := route(test.rate)
			asked := requests(5, flow.Request{Route: r})
			gates, held := make([]*flow.Gate, 8), make([][]flow.Verdict, 8)
			for i := range gates {
				gates[i] = c.gate()
				held[i], _ = admit(t, gates[i], pool, asked)
			}
			require.Equal(t, 5, free(held[0]))
			gates[0].Report(flow.Result{
				Route: r, Receipt: uuid.New(), Wait: 30 * time.Second,
				Failure: &transports.Error{Class: transports.Rate, RetryAfter: 30 * time.Second},
			})
			require.True(t, gates[0].Pending())
			require.NoError(t, gates[0].Flush(t.Context(), pool))
			told := c.Now()
			c.Advance(test.after)
			for sent := 0; c.Now().Before(told.Add(30 * time.Second)); c.Advance(time.Second) {
				for i, g := range gates {
					if held[i] != nil && test.rate.Limited() {
						require.NoError(t, g.Again(t.Context(), pool, asked, held[i]))
						sent += free(held[i])
					}
					held[i] = nil
					_, n := admit(t, g, pool, asked)
					sent += n
				}
				require.Zero(t, sent)
			}
		})
	}
}

func TestAClockPutBackStopsNothingForLong(t *testing.T) {
	t.Parallel()
	pool, c := dbtest.Pool(t), newClock()
	g := c.gate()
	limited, broken := route(perSecond(10)), route(transports.Limit{})
	broken.Host.Host = "down.example.com"
	admit(t, g, pool, requests(50, flow.Request{Route: limited}))
	for range 2 {
		g.Report(flow.Result{Route: broken, Receipt: uuid.New(), Failure: &transports.Error{Class: transports.Configuration}})
	}
	require.NoError(t, g.Flush(t.Context(), pool))
	c.Advance(-time.Hour)
	for _, gate := range []*flow.Gate{g, c.gate()} {
		verdicts, n := admit(t, gate, pool, requests(20, flow.Request{Route: limited, Waited: true}))
		require.Zero(t, n, "the burst is used up")
		require.LessOrEqual(t, verdicts[19].Wait, 3*time.Second)
	}
	c.Advance(2 * time.Second)
	_, n := admit(t, g, pool, requests(20, flow.Request{Route: limited, Waited: true}))
	require.Equal(t, 8, n, "and no more than one burst")
	_, n = admit(t, c.gate(), pool, requests(20, flow.Request{Route: broken}))
	require.Equal(t, 1, n, "one probe, no storm")
}
