package flow

import (
	"context"
	"time"
)

const (
	// current is how old what is known of a destination with a rate may be when a send is prepared. A batch that begins at
	// once needs no second look.
	current = 20 * time.Millisecond
	// oldest is how long after a token was taken a send may still begin with it. Only a database that is slow to store
	// what is sent makes it older than portionLife.
	oldest = 5 * time.Second
)

// Again looks once more at what [Gate.Admit] allowed, before it is committed to a send: receipts may have waited for
// a sender meanwhile. It changes the verdicts of those that may not go any more. Whoever has a token that has grown old
// needs another, since the time that it stood for is over; and where a rate is declared, what other workers were told is
// read anew. It makes no statement without a rate, and none for what was allowed a moment ago.
func (g *Gate) Again(ctx context.Context, db DB, requests []Request, verdicts []Verdict) error {
	look := false
	now := g.clock()
	for i, r := range requests {
		look = look || r.Route.Rate.Limited() && now.Sub(verdicts[i].asked) >= current
	}
	if look {
		if err := g.refresh(ctx, db, current); err != nil {
			return err
		}
	}
	var ask []int
	var renewed []Request
	g.mu.Lock()
	now = g.clock()
	for i, r := range requests {
		stop := g.stopped(now, r.Route, verdicts[i].Probe)
		switch {
		case stop.Stop != Free:
			verdicts[i] = stop
		case r.Route.Rate.Limited() && !now.Before(verdicts[i].old):
			// It has waited for its token before.
			r.Waited = true
			ask = append(ask, i)
		}
		renewed = append(renewed, r)
	}
	g.mu.Unlock()
	if len(ask) == 0 {
		return nil
	}
	return g.take(ctx, db, renewed, verdicts, ask)
}

// Check looks a last time right before a send, at what this process knows. It makes no statement.
func (g *Gate) Check(r Route, v Verdict) Verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	stop := g.stopped(now, r, v.Probe)
	if stop.Stop == Free && r.Rate.Limited() && now.Sub(v.old) >= oldest-portionLife {
		stop = Verdict{Stop: StopRate, Wait: r.Rate.Period()}
		if p := g.portions[r.Key]; p.tokens > 0 && now.Before(p.until) {
			g.portions[r.Key] = portion{p.tokens - 1, p.until}
			stop = Verdict{}
		}
	}
	if stop.Stop == Free {
		return v
	}
	return stop
}

// stopped is what this process knows against a send.
func (g *Gate) stopped(now time.Time, r Route, probe bool) Verdict {
	if hold := g.holds[r.Key].Sub(now); hold > 0 {
		return Verdict{Stop: StopRate, Wait: hold + spreadHold(1, r.Rate)}
	}
	if b := g.breakers[r.Host]; b != nil && b.open && !probe {
		return Verdict{Stop: StopBreaker, Wait: b.wait(b.until.Sub(now), 1)}
	}
	return Verdict{}
}
