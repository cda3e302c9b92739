package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

// poolRows are about what we leave of the database to the application, and it to us.
func poolRows() []*row {
	return []*row{
		{
			id: "F-25", what: "200 sends hang while the application emits with a pool of 5", alone: true,
			size: either("2,000 emits before, beside and after", "300 emits before, beside and after"), people: 300, run: hangingSends,
		},
		{
			id: "F-26", what: "a session idle in a transaction while receipts churn", alone: true,
			size: either("1,000,000 notifications, 10 min", "20,000 notifications, 20 s"), run: idleTransaction,
		},
	}
}

// noise is what two measurements on a busy machine may differ by without meaning anything.
const noise = 10 * time.Millisecond

// hangingSends compares how long emits take with nothing under way, and beside 200 mails that the server does not answer.
func hangingSends(ctx context.Context, a *arena) error {
	const hanging, rate = 200, 100
	n := a.size(2000, 300)
	u := withParams(a.dsn, "pool_max_conns", "5")
	pool, err := pgxpool.New(ctx, named(u, "application"))
	if err != nil {
		return err
	}
	defer pool.Close()
	w, err := a.worker(ctx, workerOpts{
		name: "w1", senders: hanging, dsn: withParams(a.dsn, "pool_max_conns", "20"), email: []string{"reply_timeout: 150s"},
	})
	if err != nil {
		return err
	}
	emits := func(prefix string) ([]time.Duration, error) {
		times := &stopwatch{}
		e := emitting{action: actNote, prefix: prefix, n: n, rate: rate, writers: 5, people: 100, timed: times.add}
		err := e.emit(ctx, pool, a.ledger)
		slices.Sort(times.all)
		return times.all, err
	}
	if _, err := emits("warm"); err != nil {
		return err
	}
	calm, err := emits("calm")
	if err != nil {
		return err
	}
	if err := a.mail.play(sink.Rule{Stage: sink.End, Delay: 2 * time.Minute, Keep: true}); err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "hang", n: hanging, writers: 4, people: 300}); err != nil {
		return err
	}
	if err := a.waiting(ctx, "w1", hanging); err != nil {
		return err
	}
	var beside []time.Duration
	err = a.holdsNothing(ctx, "w1", func() (err error) {
		beside, err = emits("beside")
		return err
	})
	if err != nil {
		return err
	}
	c, err := a.mail.counts("w1.test")
	if err != nil {
		return err
	}
	a.require(c.Waiting == hanging, "%d of %d sends hung to the end", c.Waiting, hanging)
	a.faultEnd = time.Now()
	if err := a.settle(ctx, 4*time.Minute); err != nil {
		return err
	}
	// What else the machine does changes, so the calm is looked at before and after.
	later, err := emits("later")
	if err != nil {
		return err
	}
	before, p99, after := quantile(calm), quantile(beside), quantile(later)
	a.fact("emit p99 %d ms before, %d ms beside %d hanging sends, %d ms after", before.Milliseconds(), p99.Milliseconds(), hanging, after.Milliseconds())
	a.require(p99 <= max(before, after)*6/5+noise, "the 99th percentile of an emit is %s, in the calm %s and %s", p99, before, after)
	a.require(!w.ended(), "the worker ended: %v", w.err)
	return a.settleAgain(ctx)
}

// holdsNothing requires that no session of a worker stays in a transaction while f runs.
func (a *arena) holdsNothing(ctx context.Context, worker string, f func() error) error {
	held, samples, watch := 0, 0, make(chan error, 1)
	during, stop := context.WithCancel(ctx)
	go func() {
		for during.Err() == nil {
			var n int
			if err := a.pool.QueryRow(ctx, sqlCountHeld, worker).Scan(&n); err != nil {
				watch <- err
				return
			}
			held, samples = max(held, n), samples+1
			_ = pause(during, 50*time.Millisecond)
		}
		watch <- nil
	}()
	err := f()
	stop()
	if err := errors.Join(err, <-watch); err != nil {
		return err
	}
	a.require(held == 0, "%d sessions of %s were in a transaction for more than a second while its sends hung", held, worker)
	a.require(samples > 10, "nobody looked")
	return nil
}

// quantile is the 99th percentile of sorted times.
func quantile(sorted []time.Duration) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)*99/100]
}

// idleTransaction compares how long notifications of critical mails take to be claimed while many others come and go:
// first without, then with a transaction that keeps the dead rows.
func idleTransaction(ctx context.Context, a *arena) error {
	n, span := a.size(1_000_000, 20_000), time.Duration(a.size(600, 20))*time.Second
	if _, err := a.worker(ctx, workerOpts{name: "w1"}); err != nil {
		return err
	}
	churn := func(prefix string, n int, span time.Duration) (time.Duration, error) {
		since := time.Now()
		rate := float64(n) / span.Seconds()
		others := make(chan error, 1)
		go func() {
			others <- a.emit(ctx, emitting{action: actNote, prefix: prefix, n: n, rate: rate, writers: 8})
		}()
		err := a.emit(ctx, emitting{action: actUrge, prefix: prefix + "urgent", n: int(span.Seconds() * 10), rate: 10, writers: 2})
		if err := errors.Join(err, <-others); err != nil {
			return 0, err
		}
		if err := a.settle(ctx, 5*time.Minute); err != nil {
			return 0, err
		}
		delays, err := a.delays(ctx, since)
		return quantile(delays), err
	}
	calm, err := churn("calm", n/10, span/10+10*time.Second)
	if err != nil {
		return err
	}
	idle, err := a.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return err
	}
	defer func() { _ = idle.Rollback(context.WithoutCancel(ctx)) }()
	var seen int
	if err := idle.QueryRow(ctx, sqlCountLive).Scan(&seen); err != nil {
		return err
	}
	begun := time.Now()
	bloated, err := churn("bloat", n, span)
	if err != nil {
		return err
	}
	held := time.Since(begun)
	if err := idle.Rollback(ctx); err != nil {
		return err
	}
	a.faultEnd = time.Now()
	if err := a.settle(ctx, time.Minute); err != nil {
		return err
	}
	// What else the machine does changes, so the calm is looked at before and after.
	measured := a.outcome.settle
	later, err := churn("later", n/10, span/10+10*time.Second)
	if err != nil {
		return err
	}
	a.outcome.settle = measured
	a.fact("claim p99 %d ms before, %d ms beside the transaction of %s, %d ms after", calm.Milliseconds(), bloated.Milliseconds(), held.Round(time.Second), later.Milliseconds())
	a.require(bloated <= 2*max(calm, later)+noise, "the 99th percentile of claims is %s, in the calm %s and %s", bloated, calm, later)
	return nil
}

// delays are from the emits of critical mails to their sends, shortest first.
func (a *arena) delays(ctx context.Context, since time.Time) ([]time.Duration, error) {
	return a.delaysBy(ctx, sqlSelectDelays, since)
}

func (a *arena) delaysBy(ctx context.Context, sql string, since time.Time) ([]time.Duration, error) {
	rows, err := a.pool.Query(ctx, sql, since)
	if err != nil {
		return nil, err
	}
	seconds, err := pgx.CollectRows(rows, pgx.RowTo[float64])
	if err != nil {
		return nil, err
	}
	if len(seconds) == 0 {
		return nil, errors.New("no such mail has an attempt")
	}
	all := make([]time.Duration, len(seconds))
	for i, s := range seconds {
		all[i] = time.Duration(s * float64(time.Second))
	}
	slices.Sort(all)
	return all, nil
}

// withParams adds a parameter to a connection string.
func withParams(dsn, name, value string) string {
	return fmt.Sprintf("%s&%s=%s", named(dsn, ""), name, value)
}
