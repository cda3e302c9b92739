package flow

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/transports"
)

// When a breaker opens, and for how long.
const (
	// openAfter is how many receipts in a row have to fail to open it. One that fails again and again counts once: it may
	// be its own fault, and must not keep the others waiting.
	openAfter = 5
	// openMisconfigured is how many refused credentials or settings in a row do. The second confirms the first: one alone
	// may be a slip of one of the provider's machines, and every further one may lock the account.
	openMisconfigured = 2
	// window is what is looked at for the share of failures, sampled in windowSlots; half of at least openSample results
	// must be failures.
	window      = time.Minute
	windowSlots = 6
	openSample  = 20
	// firstShut is how long it stays open first, doubling with every probe that fails up to longestShut.
	firstShut   = 30 * time.Second
	longestShut = 10 * time.Minute
	// settled is how old a probe must be for its lease to be looked at.
	settled = 15 * time.Second
)

// How receipts that wait for a breaker are spread: the first of a batch comes when the time is up, to probe; the others
// within half of the time that it is open, but no less than leastSpread and no more than mostSpread.
const (
	leastSpread = 5 * time.Second
	mostSpread  = 5 * time.Minute
)

// breaker is what this process knows of one.
type breaker struct {
	// open and until are those of Postgres, or newer.
	open  bool
	until time.Time
	level int
	// since is when this process opened or closed it. What was read from Postgres before then is old.
	since time.Time

	// inARow are the receipts that failed since the last good answer; misconfigured counts refused credentials since then.
	inARow        map[uuid.UUID]bool
	misconfigured int
	slots         [windowSlots]struct {
		at         int64
		total, bad int
	}
}

// shutFor is how long a breaker of that level is open.
func shutFor(level int) time.Duration {
	d := firstShut
	for i := 1; i < level && d < longestShut; i++ {
		d *= 2
	}
	return min(d, longestShut)
}

// wait is for the n-th of a batch that finds the breaker open, or another at its probe.
func (b *breaker) wait(left time.Duration, n int) time.Duration {
	spread := min(max(shutFor(b.level)/2, leastSpread), mostSpread)
	if left <= 0 {
		// Somebody is probing: the answer is a matter of seconds.
		return time.Second + rand.N(2*leastSpread)
	}
	if n == 0 {
		return left
	}
	return left + rand.N(spread)
}

// count adds a result, and reports whether the breaker has to open.
func (b *breaker) count(now time.Time, receipt uuid.UUID, bad, misconfigured bool) bool {
	slot := now.UnixNano() / int64(window/windowSlots)
	s := &b.slots[((slot%windowSlots)+windowSlots)%windowSlots]
	if s.at != slot {
		s.at, s.total, s.bad = slot, 0, 0
	}
	s.total++
	if !bad {
		b.inARow, b.misconfigured = nil, 0
		return false
	}
	s.bad++
	if b.inARow == nil {
		b.inARow = map[uuid.UUID]bool{}
	}
	b.inARow[receipt] = true
	if misconfigured {
		b.misconfigured++
	}
	total, failed := 0, 0
	for _, s := range b.slots {
		// A slot that lies ahead is from before the clock was put back.
		if slot >= s.at && slot-s.at < windowSlots {
			total, failed = total+s.total, failed+s.bad
		}
	}
	return len(b.inARow) >= openAfter || b.misconfigured >= openMisconfigured || (total >= openSample && 2*failed >= total)
}

// forget begins to count anew.
func (b *breaker) forget() { *b = breaker{open: b.open, until: b.until, level: b.level} }

// Result is how a send ended.
type Result struct {
	Route Route
	// Receipt is whose send it was.
	Receipt uuid.UUID
	// Failure is nil for an accepted message.
	Failure *transports.Error
	// Probe is that of the send's [Verdict], and Token the lease of its batch.
	Probe bool
	Token uuid.UUID
	// Wait is how long the receipt itself waits now. If the provider asked for it, the budget waits as long.
	Wait time.Duration
}

// event is what Postgres is to be told.
type event struct {
	kind    eventKind
	host    Host
	key     Key
	token   uuid.UUID
	wait    time.Duration
	failure transports.Error
}

type eventKind int

const (
	eventOpen eventKind = iota
	eventReopen
	eventClose
	eventHold
)

// Report takes the result of a send. It makes no statement: what Postgres has to know waits for [Gate.Flush].
func (g *Gate) Report(r Result) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	if r.Failure != nil && r.Failure.Class == transports.Rate {
		g.holds[r.Route.Key] = later(g.holds[r.Route.Key], now.Add(r.Wait))
		delete(g.portions, r.Route.Key)
		g.events = append(g.events, event{kind: eventHold, key: r.Route.Key, wait: r.Wait})
	}
	b := g.breaker(r.Route.Host)
	bad := failing(r.Failure)
	switch {
	case r.Probe && bad:
		b.level++
		b.since = now
		b.until = now.Add(shutFor(b.level))
		g.observer.BreakerChanged(r.Route.Host.Transport, Reopened)
		g.events = append(g.events, event{kind: eventReopen, host: r.Route.Host, token: r.Token, failure: *r.Failure})
	case r.Probe:
		b.open, b.level = false, 0
		b.forget()
		b.since = now
		g.observer.BreakerChanged(r.Route.Host.Transport, Closed)
		g.logger.Info("breaker closed", hostAttrs(r.Route.Host)...)
		g.events = append(g.events, event{kind: eventClose, host: r.Route.Host, token: r.Token})
	case b.open || neutral(r.Failure):
		// What was under way when it opened says nothing new.
	case b.count(now, r.Receipt, bad, bad && r.Failure.Class == transports.Configuration):
		b.forget()
		b.open, b.level, b.until, b.since = true, 1, now.Add(firstShut), now
		g.observer.BreakerChanged(r.Route.Host.Transport, Opened)
		// Code and detail are the provider's own words, which may name a recipient: carillon breakers list has them.
		g.logger.Warn("breaker opened", append(hostAttrs(r.Route.Host), slog.String("class", string(r.Failure.Class)))...)
		g.events = append(g.events, event{kind: eventOpen, host: r.Route.Host, failure: *r.Failure})
	}
}

func (g *Gate) breaker(h Host) *breaker {
	if g.breakers[h] == nil {
		g.breakers[h] = &breaker{}
	}
	return g.breakers[h]
}

// failing reports whether a failure speaks against the destination. A provider that refuses a message, or asks for
// patience, is well.
func failing(f *transports.Error) bool {
	if f == nil {
		return false
	}
	switch f.Class {
	case transports.Transient, transports.Unknown, transports.Configuration:
		return true
	case transports.OK, transports.Rate, transports.Permanent, transports.Address:
	}
	return false
}

// neutral results are no sign either way: a wait that was asked for with this message, as greylisting does.
func neutral(f *transports.Error) bool {
	return f != nil && f.Class == transports.Transient && f.RetryAfter > 0
}

func hostAttrs(h Host) []any {
	return []any{slog.String("transport", h.Transport), slog.String("account", h.Account), slog.String("host", h.Host)}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
