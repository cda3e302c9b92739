package flow

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/transports"
)

// refresh reads what stops sends, unless that was done less than age ago.
func (g *Gate) refresh(ctx context.Context, db DB, age time.Duration) error {
	g.mu.Lock()
	started := g.clock()
	fresh := !g.readAt.IsZero() && started.Sub(g.readAt) < age && !started.Before(g.readAt)
	g.mu.Unlock()
	if fresh {
		return nil
	}
	rows, err := db.Query(ctx, sqlReadState, pgx.StrictNamedArgs{
		"now": g.now(), "most": longestShut.Seconds(),
	})
	if err != nil {
		return fmt.Errorf("read breakers and holds: %w", err)
	}
	breakers, holds := map[Host]shut{}, map[Key]time.Duration{}
	var kind, transport, account, name string
	var seconds float64
	var level int
	_, err = pgx.ForEachRow(rows, []any{&kind, &transport, &account, &name, &seconds, &level}, func() error {
		if kind == "hold" {
			holds[Key{transport, account, name}] = duration(seconds)
		} else {
			breakers[Host{transport, account, name}] = shut{duration(seconds), level}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read breakers and holds: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.readAt = started
	known := map[Host]bool{} // better than by what was read
	for _, e := range g.events {
		known[e.host] = true
	}
	for host, b := range g.breakers {
		known[host] = known[host] || b.since.After(started)
		if _, open := breakers[host]; !open && b.open && !known[host] {
			b.open, b.level = false, 0
			b.forget()
		}
	}
	for host, s := range breakers {
		if !known[host] {
			g.shut(host, s, started)
		}
	}
	for key, until := range g.holds {
		if _, held := holds[key]; !held && !g.unsaidHold(key) || until.Before(started) {
			delete(g.holds, key)
		}
	}
	for key, wait := range holds {
		g.holds[key] = later(g.holds[key], started.Add(wait))
		delete(g.portions, key)
	}
	return nil
}

func (g *Gate) unsaidHold(key Key) bool {
	for _, e := range g.events {
		if e.kind == eventHold && e.key == key {
			return true
		}
	}
	return false
}

// shut is how long a breaker is open, and its level.
type shut struct {
	wait  time.Duration
	level int
}

// shut notes what Postgres says of a breaker.
func (g *Gate) shut(host Host, s shut, at time.Time) {
	b := g.breaker(host)
	if !b.open {
		b.forget()
	}
	b.open, b.level, b.until = true, s.level, at.Add(s.wait)
}

// probe asks for the right to probe, and lets the requests through that get it.
func (g *Gate) probe(ctx context.Context, db DB, token uuid.UUID, verdicts []Verdict, probes map[Host]int) error {
	var hosts []Host
	for host, i := range probes {
		if verdicts[i].Stop == Free {
			hosts = append(hosts, host)
		}
	}
	if len(hosts) == 0 {
		return nil
	}
	args := hostArgs(hosts)
	args["token"], args["now"] = token, g.now()
	args["settled"], args["most"] = settled.Seconds(), longestShut.Seconds()
	started := g.clock()
	rows, err := db.Query(ctx, sqlProbeBreakers, args)
	if err != nil {
		return fmt.Errorf("probe %d destinations: %w", len(hosts), err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var h Host
	var won, open bool
	var level int
	var seconds float64
	_, err = pgx.ForEachRow(rows, []any{&h.Transport, &h.Account, &h.Host, &won, &open, &level, &seconds}, func() error {
		v := &verdicts[probes[h]]
		switch {
		case won:
			g.observer.BreakerProbed(h.Transport)
			v.Probe = true
		case open:
			g.shut(h, shut{duration(seconds), level}, started)
			*v = Verdict{Stop: StopBreaker, Wait: g.breaker(h).wait(duration(seconds), 1)}
		default:
			// Closed meanwhile.
			g.breaker(h).open = false
			g.breaker(h).forget()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("probe %d destinations: %w", len(hosts), err)
	}
	return nil
}

// Pending reports whether [Gate.Flush] has something to tell. What other workers should know does not wait.
func (g *Gate) Pending() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.events) > 0
}

// Flush tells Postgres what Report found out. Most of the time there is nothing to tell, and it makes no statement.
func (g *Gate) Flush(ctx context.Context, db DB) error {
	g.mu.Lock()
	events := g.events
	g.events = nil
	g.mu.Unlock()
	if len(events) == 0 {
		return nil
	}
	byKind := map[eventKind][]event{}
	for _, e := range events {
		byKind[e.kind] = append(byKind[e.kind], e)
	}
	for _, kind := range []eventKind{eventHold, eventClose, eventReopen, eventOpen} {
		if len(byKind[kind]) == 0 {
			continue
		}
		if err := g.tell(ctx, db, kind, byKind[kind]); err != nil {
			g.mu.Lock()
			g.events = append(events, g.events...)
			g.mu.Unlock()
			return err
		}
	}
	return nil
}

func (g *Gate) tell(ctx context.Context, db DB, kind eventKind, events []event) error {
	if kind == eventHold {
		return g.tellHolds(ctx, db, events)
	}
	hosts := make([]Host, 0, len(events))
	tokens := make([]uuid.UUID, 0, len(events))
	failures := make([]transports.Error, 0, len(events))
	seen := map[Host]bool{}
	for _, e := range events {
		if !seen[e.host] {
			hosts, tokens, failures = append(hosts, e.host), append(tokens, e.token), append(failures, e.failure)
		}
		seen[e.host] = true
	}
	args := hostArgs(hosts)
	args["now"] = g.now()
	sql := sqlOpenBreakers
	switch kind {
	case eventClose:
		delete(args, "now")
		args["tokens"] = tokens
		if _, err := db.Exec(ctx, sqlCloseBreakers, args); err != nil {
			return fmt.Errorf("close breakers: %w", err)
		}
		return nil
	case eventReopen:
		sql = sqlReopenBreakers
		args["tokens"], args["most"] = tokens, longestShut.Seconds()
	case eventOpen, eventHold:
	}
	classes, codes, details := make([]string, len(hosts)), make([]string, len(hosts)), make([]string, len(hosts))
	for i, f := range failures {
		classes[i], codes[i], details[i] = string(f.Class), storable(f.Code), storable(f.Detail)
	}
	args["classes"], args["codes"], args["details"], args["first"] = classes, codes, details, firstShut.Seconds()
	started := g.clock()
	rows, err := db.Query(ctx, sql, args)
	if err != nil {
		return fmt.Errorf("open breakers: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var h Host
	var level int
	var seconds float64
	_, err = pgx.ForEachRow(rows, []any{&h.Transport, &h.Account, &h.Host, &level, &seconds}, func() error {
		g.shut(h, shut{duration(seconds), level}, started)
		return nil
	})
	if err != nil {
		return fmt.Errorf("open breakers: %w", err)
	}
	return nil
}

func (g *Gate) tellHolds(ctx context.Context, db DB, events []event) error {
	longest := map[Key]time.Duration{}
	for _, e := range events {
		longest[e.key] = max(longest[e.key], e.wait)
	}
	keys := make([]Key, 0, len(longest))
	waits := make([]float64, 0, len(longest))
	for key, wait := range longest {
		keys, waits = append(keys, key), append(waits, wait.Seconds())
	}
	args := keyArgs(keys)
	args["waits"], args["now"] = waits, g.now()
	if _, err := db.Exec(ctx, sqlHoldBudgets, args); err != nil {
		return fmt.Errorf("hold budgets: %w", err)
	}
	return nil
}

func hostArgs(hosts []Host) pgx.StrictNamedArgs {
	t, a, n := make([]string, len(hosts)), make([]string, len(hosts)), make([]string, len(hosts))
	for i, h := range hosts {
		t[i], a[i], n[i] = h.Transport, h.Account, h.Host
	}
	return pgx.StrictNamedArgs{"transports": t, "accounts": a, "hosts": n}
}

func keyArgs(keys []Key) pgx.StrictNamedArgs {
	t, a, n := make([]string, len(keys)), make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		t[i], a[i], n[i] = k.Transport, k.Account, k.Key
	}
	return pgx.StrictNamedArgs{"transports": t, "accounts": a, "keys": n}
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
