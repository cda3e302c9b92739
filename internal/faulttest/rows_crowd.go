package main

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

// crowdRows run several workers under load.
func crowdRows() []*row {
	return []*row{
		{
			id: "F-06", what: "kill -9 of one of three workers every 1 to 5 s under load", short: true, alone: true,
			size: either("50,000 mails", "5,000 mails, 4 kills"), run: randomKills,
		},
	}
}

// randomKills measures the calm first: the throughput under fire is a share of it. Everything is emitted before either, so
// that both are of sends alone, from the same queue.
func randomKills(ctx context.Context, a *arena) error {
	const crew, senders = 3, 8
	n := a.size(50_000, 5000)
	calm := n / 5
	// A server that takes its time, so that there is always something under way.
	if err := a.mail.play(sink.Rule{Stage: sink.End, Delay: 30 * time.Millisecond, Keep: true}); err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: calm + n, writers: 8}); err != nil {
		return err
	}
	start := func(name string) error {
		_, err := a.worker(ctx, workerOpts{name: name, senders: senders})
		return err
	}
	for i := range crew {
		if err := start(fmt.Sprintf("w%d", i)); err != nil {
			return err
		}
	}
	workers := a.workers[:crew:crew]
	calmRate, err := a.rate(ctx, calm)
	if err != nil {
		return err
	}

	before, err := a.mail.counts("")
	if err != nil {
		return err
	}
	begun := time.Now()
	left := calm + n - before.Ended
	kills := 0
	for (a.full || kills < 4) && !a.drained(ctx) {
		if err := pause(ctx, time.Duration(1000+a.rng.IntN(4000))*time.Millisecond); err != nil {
			return err
		}
		i := a.rng.IntN(crew)
		workers[i].kill()
		kills++
		next := fmt.Sprintf("w%d-%d", i, kills)
		if err := start(next); err != nil {
			return err
		}
		if err := a.died(ctx, workers[i].name, senders); err != nil {
			return err
		}
		workers[i] = a.workers[len(a.workers)-1]
	}
	if err := a.settle(ctx, 10*time.Minute); err != nil {
		return err
	}
	rate := float64(left) / time.Since(begun).Seconds()
	a.fact("%d kills, %.0f mails/s under fire, %.0f in the calm (%.0f %%)", kills, rate, calmRate, 100*rate/calmRate)
	if a.full {
		a.require(rate >= 0.6*calmRate, "the throughput under fire is %.0f %% of that in the calm", 100*rate/calmRate)
	}
	return nil
}

// rate waits until the mail server has taken n mails, and returns how many a second that were.
func (a *arena) rate(ctx context.Context, n int) (float64, error) {
	before, err := a.mail.counts("")
	if err != nil {
		return 0, err
	}
	begun, took := time.Now(), 0
	err = until(ctx, "the calm is over", 10*time.Minute, func() (bool, error) {
		c, err := a.mail.counts("")
		took = c.Ended - before.Ended
		return took >= n, err
	})
	return float64(took) / time.Since(begun).Seconds(), err
}

// drained tells that no receipt is live.
func (a *arena) drained(ctx context.Context) bool {
	var live int
	err := a.pool.QueryRow(ctx, sqlCountLive).Scan(&live)
	return err == nil && live == 0
}
