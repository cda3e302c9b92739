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

// randomKills measures the calm first: the throughput under fire is a share of it.
func randomKills(ctx context.Context, a *arena) error {
	const crew, senders = 3, 8
	n := a.size(50_000, 5000)
	calm := n / 5
	// A server that takes its time, so that there is always something under way.
	if err := a.mail.play(sink.Rule{Stage: sink.End, Delay: 30 * time.Millisecond, Keep: true}); err != nil {
		return err
	}
	start := func(name string) error {
		_, err := a.worker(ctx, workerOpts{name: name, senders: senders})
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "calm", n: calm, writers: 8}); err != nil {
		return err
	}
	begun := time.Now()
	for i := range crew {
		if err := start(fmt.Sprintf("w%d", i)); err != nil {
			return err
		}
	}
	if err := a.settle(ctx, 10*time.Minute); err != nil {
		return err
	}
	calmRate := float64(calm) / time.Since(begun).Seconds()
	workers := a.workers[:crew:crew]

	begun = time.Now()
	emitted := make(chan error, 1)
	go func() { emitted <- a.emit(ctx, emitting{action: actCreate, prefix: "fire", n: n, writers: 8}) }()
	kills := 0
	for (a.full || kills < 4) && !a.drained(ctx, calm+n) {
		if err := pause(ctx, time.Duration(1000+a.rng.IntN(4000))*time.Millisecond); err != nil {
			return err
		}
		i := a.rng.IntN(crew)
		workers[i].kill()
		kills++
		if err := a.died(ctx, workers[i].name, senders); err != nil {
			return err
		}
		next := fmt.Sprintf("w%d-%d", i, kills)
		if err := start(next); err != nil {
			return err
		}
		workers[i] = a.workers[len(a.workers)-1]
	}
	if err := <-emitted; err != nil {
		return err
	}
	if err := a.settle(ctx, 10*time.Minute); err != nil {
		return err
	}
	rate := float64(n) / time.Since(begun).Seconds()
	a.fact("%d kills, %.0f mails/s under fire, %.0f in the calm (%.0f %%)", kills, rate, calmRate, 100*rate/calmRate)
	if a.full {
		a.require(rate >= 0.6*calmRate, "the throughput under fire is %.0f %% of that in the calm", 100*rate/calmRate)
	}
	return nil
}

// drained tells that n receipts are sent.
func (a *arena) drained(ctx context.Context, n int) bool {
	var sent int
	err := a.pool.QueryRow(ctx, sqlCountSent).Scan(&sent)
	return err == nil && sent >= n
}
