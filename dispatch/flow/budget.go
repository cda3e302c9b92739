package flow

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/transports"
)

const (
	// kept is the share of a budget's burst that only critical messages may use.
	kept = 0.2
	// burstSpan is how much of a rate may be used at once: what one second allows.
	burstSpan = time.Second
	// portionShare is the part of a burst that is taken beyond what a batch needs, and portionLife how long it may be used:
	// long enough to spare small batches their statement, short enough that other workers do not starve.
	portionShare = 0.2
	portionLife  = time.Second
	// longestQueue bounds how long a receipt waits for its turn before it asks again: the rate may have been raised.
	longestQueue = time.Hour
)

// portion is a handful of tokens that this process has in hand.
type portion struct {
	tokens int
	until  time.Time
}

// burst is how many tokens of a rate may be taken at once.
func burst(r transports.Limit) int {
	return max(1, int(math.Round(burstSpan.Seconds()/r.Period().Seconds())))
}

// reserve is how many of them are kept for critical messages; none where there is only one.
func reserve(burst int) int {
	if burst < 2 {
		return 0
	}
	return int(math.Ceil(float64(burst) * kept))
}

// demand is what a batch asks of one budget.
type demand struct {
	rate                    transports.Limit
	critical, waited, fresh []int
}

func (d *demand) total() int { return len(d.critical) + len(d.waited) + len(d.fresh) }

// grant is what it gets, and when the others come round.
type grant struct {
	critical, waited, fresh, extra int
	criticalWait, wait, tailWait   float64
}

// take gives tokens to the requests of ask, or a time to wait. Small demands are met from what is in hand.
func (g *Gate) take(ctx context.Context, db DB, requests []Request, verdicts []Verdict, ask []int) error {
	demands := map[Key]*demand{}
	for _, i := range ask {
		r := requests[i]
		d := demands[r.Route.Key]
		if d == nil {
			d = &demand{rate: r.Route.Rate}
			demands[r.Route.Key] = d
		}
		switch {
		case r.Critical:
			d.critical = append(d.critical, i)
		case r.Waited:
			d.waited = append(d.waited, i)
		default:
			d.fresh = append(d.fresh, i)
		}
	}
	g.inHand(demands, verdicts)
	if len(demands) == 0 {
		return nil
	}
	started := g.clock()
	granted, err := g.takeTokens(ctx, db, demands)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, d := range demands {
		got := granted[key]
		if tokens := got.critical + got.waited + got.fresh + got.extra; tokens > 0 {
			g.observer.BudgetTaken(key.Transport, tokens)
		}
		if got.extra > 0 {
			g.portions[key] = portion{got.extra, started.Add(portionLife)}
		}
		d.mark(verdicts, started)
		period := d.rate.Period().Seconds()
		refuse(verdicts, d.critical, got.critical, got.criticalWait, period)
		refuse(verdicts, d.waited, got.waited, got.wait, period)
		refuse(verdicts, d.fresh, got.fresh, got.tailWait, period)
	}
	return nil
}

// mark notes when the tokens were taken.
func (d *demand) mark(verdicts []Verdict, taken time.Time) {
	for _, i := range slices.Concat(d.critical, d.waited, d.fresh) {
		verdicts[i].asked, verdicts[i].old = taken, taken.Add(portionLife)
	}
}

// inHand meets demands that the tokens in hand suffice for.
func (g *Gate) inHand(demands map[Key]*demand, verdicts []Verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	for key, d := range demands {
		p, have := g.portions[key]
		switch {
		case !have:
		case p.until.Before(now):
			delete(g.portions, key)
		case p.tokens >= d.total():
			g.portions[key] = portion{p.tokens - d.total(), p.until}
			d.mark(verdicts, p.until.Add(-portionLife))
			delete(demands, key)
		}
	}
}

// refuse tells those beyond the granted ones when their turn comes: one after the other, at the budget's own pace.
func refuse(verdicts []Verdict, asked []int, granted int, first, period float64) {
	for n, i := range asked[granted:] {
		wait := duration(max(0, first) + float64(n)*period)
		if wait > longestQueue {
			wait = longestQueue/2 + rand.N(longestQueue/2)
		}
		// A token is due at that moment, not before.
		verdicts[i] = Verdict{Stop: StopRate, Wait: wait + time.Millisecond}
	}
}

// takeTokens asks for all demands in one statement. A budget that is asked for the first time in its life is added.
func (g *Gate) takeTokens(ctx context.Context, db DB, demands map[Key]*demand) (map[Key]grant, error) {
	keys := make([]Key, 0, len(demands))
	for key := range demands {
		keys = append(keys, key)
	}
	n := len(keys)
	args := keyArgs(keys)
	periods := make([]float64, n)
	ints := map[string][]int{}
	for _, name := range []string{"bursts", "kepts", "criticals", "waiteds", "freshes", "extras"} {
		ints[name] = make([]int, n)
	}
	for i, key := range keys {
		d := demands[key]
		size := burst(d.rate)
		periods[i] = d.rate.Period().Seconds()
		ints["bursts"][i], ints["kepts"][i] = size, reserve(size)
		ints["criticals"][i], ints["waiteds"][i], ints["freshes"][i] = len(d.critical), len(d.waited), len(d.fresh)
		ints["extras"][i] = max(0, int(portionShare*float64(size))-d.total())
	}
	args["periods"], args["longest"], args["now"] = periods, longestQueue.Seconds(), g.now()
	for name, values := range ints {
		args[name] = values
	}
	for range 2 {
		granted, err := g.takeOnce(ctx, db, args)
		if err != nil {
			return nil, fmt.Errorf("take from %d budgets: %w", n, err)
		}
		if len(granted) == n {
			return granted, nil
		}
		if _, err := db.Exec(ctx, sqlAddBudgets, keyArgs(keys)); err != nil {
			return nil, fmt.Errorf("add %d budgets: %w", n, err)
		}
	}
	return nil, fmt.Errorf("take from %d budgets: some are not there", n)
}

func (g *Gate) takeOnce(ctx context.Context, db DB, args pgx.StrictNamedArgs) (map[Key]grant, error) {
	rows, err := db.Query(ctx, sqlTakeTokens, args)
	if err != nil {
		return nil, err
	}
	granted := map[Key]grant{}
	var key Key
	var got grant
	_, err = pgx.ForEachRow(rows, []any{
		&key.Transport, &key.Account, &key.Key, &got.critical, &got.waited, &got.fresh, &got.extra,
		&got.criticalWait, &got.wait, &got.tailWait,
	}, func() error {
		granted[key] = got
		return nil
	})
	return granted, err
}

// spreadHold is how long after the end of a hold the n-th of a batch comes back: the first at once, to see.
func spreadHold(n int, rate transports.Limit) time.Duration {
	if n == 0 {
		return 0
	}
	return time.Duration(n)*max(rate.Period(), 10*time.Millisecond) + rand.N(time.Second)
}
