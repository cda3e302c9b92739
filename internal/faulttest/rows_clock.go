package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

// clockRows put clocks off.
func clockRows() []*row {
	return []*row{
		{
			id: "F-60", what: "clocks that are 10 minutes fast and slow, beside a right one", run: wrongClocks,
			size: either("3 workers, 2,000 mails at 40/s, 100 delayed, 100 webhooks", "3 workers, 400 mails at 40/s, 50 delayed, 100 webhooks"),
		},
		{
			id: "F-61", what: "a clock that jumps back by an hour, and forward again, while retries and delayed mails wait", run: jumpingClock,
			size: fixed("100 mails of which 10 are refused once, 50 delayed"), people: 200,
		},
	}
}

// skewed starts a worker whose clock is off.
func (a *arena) skewed(ctx context.Context, o workerOpts, off time.Duration) (*clock, error) {
	program, err := a.skewable(ctx)
	if err != nil {
		return nil, err
	}
	c, err := a.newClock(o.name, off)
	if err != nil {
		return nil, err
	}
	o.program, o.env = program, c.env()
	_, err = a.worker(ctx, o)
	return c, err
}

// wrongClocks lets three workers share a rate, due times and leases. None of it may be a matter of their clocks.
func wrongClocks(ctx context.Context, a *arena) error {
	const rate, delay = 40, 8 * time.Second
	n, delayed := a.size(2000, 400), a.size(100, 50)
	for i, off := range []time.Duration{0, 10 * time.Minute, -10 * time.Minute} {
		o := workerOpts{name: fmt.Sprintf("w%d", i), email: []string{fmt.Sprintf("rate: %d/s", rate)}}
		if _, err := a.skewed(ctx, o, off); err != nil {
			return err
		}
	}
	hooks, err := a.endpoint(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	begun := time.Now()
	due := begun.Add(delay)
	err = errors.Join(
		a.emit(ctx, emitting{action: actHook, prefix: "hook", n: 100, writers: 4}),
		a.emit(ctx, emitting{action: actCreate, prefix: "late", n: delayed, writers: 4, opts: &dispatch.EmitOpts{At: due}}),
		a.emit(ctx, emitting{action: actCreate, prefix: "o", n: n, writers: 4}),
	)
	if err != nil {
		return err
	}
	a.faultEnd = time.Now()
	if err := a.settle(ctx, 3*time.Minute); err != nil {
		return err
	}
	if err := a.rightStamps(hooks); err != nil {
		return err
	}
	entries, err := a.mail.entries("")
	if err != nil {
		return err
	}
	if _, err := a.notEarly(ctx, entries); err != nil {
		return err
	}
	// In any five seconds: the rate, and what may be used at once.
	const window = 5 * time.Second
	most := 0
	slices.SortFunc(entries, func(x, y sink.Entry) int { return x.At.Compare(y.At) })
	for i, j := 0, 0; j < len(entries); j++ {
		for entries[j].At.Sub(entries[i].At) > window {
			i++
		}
		most = max(most, j-i+1)
	}
	a.require(most <= rate*5+rate, "%d mails in five seconds", most)
	span := entries[len(entries)-1].At.Sub(entries[0].At)
	a.require(span <= 2*time.Duration(n+delayed)*time.Second/rate, "the mails took %s", span)
	a.fact("at most %d mails in 5 s at %d/s", most, rate)
	shares := map[string]int{}
	for _, e := range entries {
		shares[e.From]++
	}
	a.require(len(shares) == 3, "only %v sent", shares)
	var lost int
	if err := a.pool.QueryRow(ctx, sqlCountOutcome, "unknown").Scan(&lost); err != nil {
		return err
	}
	a.require(lost == 0, "%d leases were taken from living workers", lost)
	return nil
}

// rightStamps compares what requests were signed with and when they came.
func (a *arena) rightStamps(hooks *receiver) error {
	entries, err := hooks.entries("")
	if err != nil {
		return err
	}
	var most time.Duration
	for _, e := range entries {
		most = max(most, e.At.Sub(time.Unix(e.Stamp, 0)).Abs())
	}
	a.require(len(entries) > 0 && most <= 3*time.Second, "a webhook was signed %s off its time", most)
	a.fact("webhooks signed at most %.1f s off, of which the second itself is one", most.Seconds())
	return nil
}

// notEarly compares delayed mails with their times, and returns by how much the last was late.
func (a *arena) notEarly(ctx context.Context, entries []sink.Entry) (late time.Duration, err error) {
	rows, err := a.pool.Query(ctx, sqlSelectDue)
	if err != nil {
		return 0, err
	}
	due := map[string]time.Time{}
	var key string
	var at time.Time
	if _, err := pgx.ForEachRow(rows, []any{&key, &at}, func() error {
		due[key] = at
		return nil
	}); err != nil {
		return 0, err
	}
	a.require(len(due) > 0, "no mail was delayed")
	for _, e := range entries {
		at, delayed := due[keyOf(e.Key)]
		if !delayed {
			continue
		}
		a.require(!e.At.Before(at), "%s went out %s before its time", e.About, at.Sub(e.At))
		late = max(late, e.At.Sub(at))
	}
	return late, nil
}

// jumpingClock lets mails wait for their retries and for their time while the clock jumps.
func jumpingClock(ctx context.Context, a *arena) error {
	const n, delayed, delay = 100, 50, 15 * time.Second
	c, err := a.skewed(ctx, workerOpts{name: "w1", retry: 4 * time.Second}, 0)
	if err != nil {
		return err
	}
	// One in ten is refused once: more would open the breaker.
	if err := a.mail.play(sink.Rule{Stage: sink.Data, To: "1@", Times: 1, Each: true, Code: 451, Text: "4.3.0 later"}); err != nil {
		return err
	}
	due := time.Now().Add(delay)
	err = errors.Join(
		a.emit(ctx, emitting{action: actCreate, prefix: "late", n: delayed, opts: &dispatch.EmitOpts{At: due}}),
		a.emit(ctx, emitting{action: actCreate, prefix: "o", n: n, writers: 2}),
	)
	if err != nil {
		return err
	}
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	if err := c.set(-time.Hour); err != nil {
		return err
	}
	if err := pause(ctx, 8*time.Second); err != nil {
		return err
	}
	if err := c.set(time.Hour); err != nil {
		return err
	}
	if err := pause(ctx, 5*time.Second); err != nil {
		return err
	}
	if err := c.set(0); err != nil {
		return err
	}
	a.faultEnd = time.Now()
	if err := a.settle(ctx, time.Minute); err != nil {
		return err
	}
	entries, err := a.mail.entries("")
	if err != nil {
		return err
	}
	late, err := a.notEarly(ctx, entries)
	if err != nil {
		return err
	}
	a.require(late <= 5*time.Second, "a mail went out %s after its time", late)
	var retry float64
	if err := a.pool.QueryRow(ctx, sqlLatestSend, nil).Scan(&retry); err != nil {
		return err
	}
	a.require(retry <= 5, "a retry went out %.1f s late", retry)
	var tries int
	if err := a.pool.QueryRow(ctx, sqlSumAttempts).Scan(&tries); err != nil {
		return err
	}
	all := n + delayed
	a.require(tries <= all+all/10, "%d tries for %d mails", tries, all)
	a.fact("delayed mails at most %.1f s late, retries %.1f s, %d tries for %d mails", late.Seconds(), retry, tries, all)
	return nil
}
