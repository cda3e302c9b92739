package main

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-notify/carillon/internal/failpoint"
)

// killExpansion lets three workers in a row die while they write the receipts of one large audience.
func killExpansion(ctx context.Context, a *arena) error {
	n := a.size(100_000, a.row.people)
	if _, err := a.pool.Exec(ctx, sqlInsertPeople, n); err != nil {
		return fmt.Errorf("add people: %w", err)
	}
	if err := a.emit(ctx, emitting{action: actAll, prefix: "o", n: 1, recipients: n}); err != nil {
		return err
	}
	for i, point := range []failpoint.Name{failpoint.R1, failpoint.R2, failpoint.R3} {
		name := fmt.Sprintf("v%d", i)
		w, err := a.worker(ctx, workerOpts{name: name, fault: fmt.Sprintf("%s=kill:%d", point, 1+a.rng.IntN(2))})
		if err != nil {
			return err
		}
		begun := time.Now()
		if err := w.wait(ctx, 2*resumed); err != nil {
			return err
		}
		a.require(w.killedItself(), "%s: the worker ended otherwise: %v", point, w.err)
		a.require(time.Since(begun) <= resumed+5*time.Second, "%s: the expansion went on after %s", point, time.Since(begun))
		if err := a.died(ctx, name, workerOpts{}.full().senders); err != nil {
			return err
		}
	}
	if _, err := a.worker(ctx, workerOpts{name: "heir", senders: 16}); err != nil {
		return err
	}
	return a.settle(ctx, 10*time.Minute)
}
