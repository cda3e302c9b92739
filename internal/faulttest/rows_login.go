package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/internal/faulttest/sink"
	"github.com/carillon-notify/carillon/receipts"
)

// loginRows refuse our credentials.
func loginRows() []*row {
	return []*row{{
		id: "F-46", what: "AUTH 535 for an hour of a moved clock, with mails queued", mail: []string{"-login"},
		size: either("10,000 mails", "500 mails"), run: lockedOut,
	}}
}

// lockedOut lets an hour pass by making everything that waits due earlier. Each time that the breaker is open it lets
// half of it pass, when nobody may come, and then the rest, when one may.
func lockedOut(ctx context.Context, a *arena) error {
	const crew, senders = 2, 8
	n := a.size(10_000, 500)
	if err := a.mail.play(sink.Rule{Stage: sink.Auth, Code: 535, Text: "5.7.8 wrong password"}); err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: n, writers: 8}); err != nil {
		return err
	}
	for i := range crew {
		if _, err := a.worker(ctx, workerOpts{name: fmt.Sprintf("w%d", i), senders: senders, smtp: "shop:secret@" + a.mail.addr}); err != nil {
			return err
		}
	}
	level, left, err := a.breakerPast(ctx, 0)
	if err != nil {
		return err
	}
	// What was under way when it opened comes to an end first.
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	first, err := a.logins()
	if err != nil {
		return err
	}
	a.require(first <= crew*senders, "%d logins before the breaker opened", first)
	intervals, begun := 0, first
	for passed := time.Duration(0); passed < time.Hour; intervals++ {
		if err := a.passTime(ctx, left/2, aFew); err != nil {
			return err
		}
		if err := pause(ctx, 2*time.Second); err != nil {
			return err
		}
		during, err := a.logins()
		if err != nil {
			return err
		}
		a.require(during == begun, "%d logins while the breaker was open for the %dth time", during-begun, intervals+1)
		if err := a.passTime(ctx, left/2, aFew); err != nil {
			return err
		}
		passed += left
		if level, left, err = a.breakerPast(ctx, level); err != nil {
			return err
		}
		after, err := a.logins()
		if err != nil {
			return err
		}
		a.require(after-during <= 1, "%d logins to probe once", after-during)
		begun = after
	}
	a.fact("%d logins at first, %d in the hour's %d intervals", first, begun-first, intervals)
	var failed int
	if err := a.pool.QueryRow(ctx, sqlCountFailed).Scan(&failed); err != nil {
		return err
	}
	a.require(failed == 0, "%d mails failed over a password", failed)
	if err := a.mail.play(); err != nil {
		return err
	}
	a.faultEnd = time.Now()
	// Those that wait are spread over some time after the breaker's.
	if err := a.passTime(ctx, time.Hour, everyone); err != nil {
		return err
	}
	return a.settle(ctx, 5*time.Minute)
}

func (a *arena) logins() (int, error) {
	c, err := a.mail.counts("")
	return c.Logins, err
}

// breakerPast waits until the breaker is open at more than a level, and returns that and how long it stays open.
func (a *arena) breakerPast(ctx context.Context, past int) (level int, left time.Duration, err error) {
	var seconds float64
	err = until(ctx, fmt.Sprintf("the breaker opens more often than %d times", past), 30*time.Second, func() (bool, error) {
		err := a.pool.QueryRow(ctx, sqlSelectBreaker).Scan(&level, &seconds)
		// The level has an end.
		return (level > past || past >= 20) && seconds > 0, err
	})
	return level, time.Duration(seconds * float64(time.Second)), err
}

// passTime moves what breakers and budgets wait for towards its time, and has up to most receipts that wait ask again.
// Workers may know a breaker for a second without looking again, so nobody asks before that is over.
func (a *arena) passTime(ctx context.Context, d time.Duration, most int) error {
	for _, sql := range []string{sqlPassBreakers, sqlPassBudgets} {
		if _, err := a.pool.Exec(ctx, sql, d.Seconds()); err != nil {
			return fmt.Errorf("let %s pass: %w", d, err)
		}
	}
	if err := pause(ctx, 1100*time.Millisecond); err != nil {
		return err
	}
	return a.askAgain(ctx, most)
}

// askAgain is what an operator calls send-now.
func (a *arena) askAgain(ctx context.Context, most int) error {
	rows, err := a.pool.Query(ctx, sqlSelectWaiting, most)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return err
	}
	store := receipts.New(nil)
	op, err := store.StartOperation(ctx, a.pool, receipts.Operation{Action: receipts.ActionSendNow, Operator: "harness", Reason: "time passes"})
	if err != nil {
		return err
	}
	_, err = store.Apply(ctx, a.pool, op, ids)
	return err
}

// The receipts that ask again when time passes.
const (
	aFew     = 100
	everyone = 1_000_000
)
