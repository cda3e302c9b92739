package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/internal/failpoint"
	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

// resumed is how soon after a worker's death its sends go out again.
const resumed = 25 * time.Second

// deathRows kill processes at named steps.
func deathRows() []*row {
	points := func(full, short string) func(bool) string { return either(full, short) }
	return []*row{
		{
			id: "F-01", what: "kill -9 of the application at each step of an emit", short: true, size: fixed("3 steps, 10 orders each"),
			run: killEmitter,
		},
		{
			id: "F-02", what: "kill -9 at each step of writing a large audience's receipts", run: killExpansion,
			size: either("100,000 recipients", "4,000 recipients"), people: 4000,
		},
		{
			id: "F-03", what: "kill -9 of a worker before the message is complete", short: true,
			size: points("after the claim, before the dial, after the envelope, in the body", "the same"),
			run: func(ctx context.Context, a *arena) error {
				return a.kills(ctx, 0, failpoint.C1, failpoint.S1, failpoint.S2, failpoint.S3)
			},
		},
		{
			id: "F-04", what: "kill -9 of a worker between the receiver's acceptance and the record", short: true,
			size: points("before the answer, after it, in the record's statement; email and in-app", "the same"), run: killUnrecorded,
		},
		{
			id: "F-05", what: "kill -9 of a worker after the record", short: true, size: fixed("email and in-app"),
			run: func(ctx context.Context, a *arena) error { return a.kills(ctx, 0, failpoint.S7) },
		},
		{
			id: "F-08", what: "SIGSTOP of a worker in the middle of its sends, SIGCONT when another has done them", short: true,
			size: either("20 orders, 60 s", "20 orders, 25 s"), run: zombie,
		},
		{
			id: "F-09", what: "the River jobs of waiting receipts deleted or discarded by SQL", short: true,
			size: either("1,000 receipts", "300 receipts"), run: loseJobs,
		},
		{
			id: "F-10", what: "SIGTERM of a worker under load", short: true, size: either("2,000 orders, grace 30 s", "400 orders, grace 30 s"),
			run: terminate,
		},
	}
}

// killEmitter lets the application die in the middle of its transactions. The judge compares its rows with the events.
func killEmitter(ctx context.Context, a *arena) error {
	for _, point := range []failpoint.Name{failpoint.E1, failpoint.E2, failpoint.E3} {
		ledger := filepath.Join(a.dir, string(point)+".ledger")
		nth := 1 + a.rng.IntN(10)
		cmd := exec.CommandContext(ctx, a.self, roleEmit, "-dsn", named(a.dsn, "emitter"), "-ledger", ledger, "-prefix", "o"+string(point), "-n", "10")
		cmd.Env = append(cmd.Environ(), fmt.Sprintf("%s=%s=kill:%d", failpoint.Variable, point, nth))
		p, err := startProcess("emitter", filepath.Join(a.dir, string(point)+".err"), cmd)
		if err != nil {
			return err
		}
		if err := p.wait(ctx, 30*time.Second); err != nil {
			return err
		}
		a.require(p.killedItself(), "%s: the emitter ended otherwise: %v%s", point, p.err, p.tail())
		if err := a.ledger.merge(ledger); err != nil {
			return err
		}
		var stored int
		if err := a.pool.QueryRow(ctx, sqlCountOrders, "o"+string(point)+"-%").Scan(&stored); err != nil {
			return err
		}
		want := nth - 1
		if point == failpoint.E3 {
			want = nth
		}
		a.require(stored == want, "%s at order %d: %d orders are stored instead of %d", point, nth, stored, want)
	}
	a.faultEnd = time.Now()
	if _, err := a.worker(ctx, workerOpts{name: "w1"}); err != nil {
		return err
	}
	return a.settle(ctx, resumed)
}

// victim starts a worker that will die at a failpoint, and gives it one order after another until it has. Each order
// waits for the one before it to be recorded, so that nothing else is under way when the process dies.
func (a *arena) victim(ctx context.Context, point failpoint.Name, action dispatch.Action) error {
	name := fmt.Sprintf("v%d", len(a.workers)+1)
	w, err := a.worker(ctx, workerOpts{name: name, senders: 1, fault: fmt.Sprintf("%s=kill:%d", point, 1+a.rng.IntN(4))})
	if err != nil {
		return err
	}
	for i := 0; !w.ended(); i++ {
		if i > 20 {
			return fmt.Errorf("%s was never reached", point)
		}
		one := emitting{action: action, prefix: fmt.Sprintf("%s%s%02d", name, action, i), n: 1}
		if err := a.emit(ctx, one); err != nil {
			return err
		}
		err := until(ctx, "the order is settled or its worker is dead", 20*time.Second, func() (bool, error) {
			var live int
			err := a.pool.QueryRow(ctx, sqlCountLiveOf, one.prefix+"-0000001").Scan(&live)
			return live == 0 || w.ended(), err
		})
		if err != nil {
			return err
		}
	}
	a.require(w.killedItself(), "%s: the worker ended otherwise: %v", point, w.err)
	return a.died(ctx, name, 1)
}

// kills lets a worker die at each of the points, and another one finish.
func (a *arena) kills(ctx context.Context, mostAgain int, points ...failpoint.Name) error {
	for _, point := range points {
		if err := a.victim(ctx, point, actCreate); err != nil {
			return err
		}
		inApp := point == failpoint.C1 || point == failpoint.S6 || point == failpoint.S7
		if !inApp {
			continue
		}
		if err := a.victim(ctx, point, actNote); err != nil {
			return err
		}
	}
	a.concurrency = mostAgain
	if _, err := a.worker(ctx, workerOpts{name: "heir"}); err != nil {
		return err
	}
	if err := a.settle(ctx, 2*resumed); err != nil {
		return err
	}
	a.require(a.outcome.settle <= resumed, "what the dead left went out after %s", a.outcome.settle)
	return nil
}

// killUnrecorded adds to the failpoints the one moment that is in the hand of the receiver: after the dot.
func killUnrecorded(ctx context.Context, a *arena) error {
	const name = "held"
	if err := a.mail.play(sink.Rule{Stage: sink.End, Delay: time.Minute, Keep: true, Times: 1}); err != nil {
		return err
	}
	w, err := a.worker(ctx, workerOpts{name: name, senders: 1})
	if err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "held", n: 1}); err != nil {
		return err
	}
	err = until(ctx, "the message is held", 10*time.Second, func() (bool, error) {
		c, err := a.mail.counts(name + ".test")
		return c.Waiting == 1, err
	})
	if err != nil {
		return err
	}
	w.kill()
	if err := a.died(ctx, name, 1); err != nil {
		return err
	}
	return a.kills(ctx, 3, failpoint.S5, failpoint.S6)
}

// zombie stops a worker whose sends the server holds, lets another one do them, and wakes it up.
func zombie(ctx context.Context, a *arena) error {
	const n = 20
	if err := a.mail.play(sink.Rule{Stage: sink.End, Delay: 2 * time.Second, Keep: true, Times: n}); err != nil {
		return err
	}
	w, err := a.worker(ctx, workerOpts{name: "zombie"})
	if err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: n}); err != nil {
		return err
	}
	err = until(ctx, "sends are held", 10*time.Second, func() (bool, error) {
		c, err := a.mail.counts("zombie.test")
		return c.Waiting >= 4, err
	})
	if err != nil {
		return err
	}
	w.signal(syscall.SIGSTOP)
	stopped := time.Now()
	a.faultEnd = stopped
	c, err := a.mail.counts("zombie.test")
	if err != nil {
		return err
	}
	taken, err := a.mail.entries("zombie.test")
	if err != nil {
		return err
	}
	unrecorded, err := a.countUnrecorded(ctx, taken)
	if err != nil {
		return err
	}
	a.unrecorded = unrecorded + c.Begun - c.Ended - c.Waiting
	a.concurrency = workerOpts{}.full().senders
	if err := a.mail.play(); err != nil {
		return err
	}
	if _, err := a.worker(ctx, workerOpts{name: "heir"}); err != nil {
		return err
	}
	if err := a.settle(ctx, 2*resumed); err != nil {
		return err
	}
	a.require(a.outcome.settle <= resumed, "the zombie's sends went out after %s", a.outcome.settle)
	before, err := a.fingerprint(ctx)
	if err != nil {
		return err
	}
	if err := pause(ctx, time.Until(stopped.Add(time.Duration(a.size(60, 25))*time.Second))); err != nil {
		return err
	}
	w.signal(syscall.SIGCONT)
	// It has all the time it needs to record what it sent, and to renew its leases twice.
	if err := pause(ctx, 11*time.Second); err != nil {
		return err
	}
	after, err := a.fingerprint(ctx)
	if err != nil {
		return err
	}
	a.require(before == after, "the zombie changed receipts or attempts")
	a.require(!w.ended(), "the zombie ended: %v%s", w.err, w.tail())
	return nil
}

// fingerprint changes with every receipt and attempt.
func (a *arena) fingerprint(ctx context.Context) (string, error) {
	var receipts, attempts string
	if err := a.pool.QueryRow(ctx, sqlHashReceipts).Scan(&receipts); err != nil {
		return "", err
	}
	err := a.pool.QueryRow(ctx, sqlHashAttempts).Scan(&attempts)
	return receipts + attempts, err
}

// loseJobs takes the alarms away while nobody works.
func loseJobs(ctx context.Context, a *arena) error {
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: a.size(1000, 300), writers: 4}); err != nil {
		return err
	}
	for _, sql := range []string{sqlDeleteJobs, sqlDiscardJobs} {
		if _, err := a.pool.Exec(ctx, sql); err != nil {
			return err
		}
	}
	a.faultEnd = time.Now()
	if _, err := a.worker(ctx, workerOpts{name: "w1"}); err != nil {
		return err
	}
	if err := a.settle(ctx, 2*time.Minute); err != nil {
		return err
	}
	a.require(a.outcome.settle <= 90*time.Second, "reconciled after %s", a.outcome.settle)
	return nil
}

// terminate asks a worker to stop while mails are under way, and lets another one do the rest.
func terminate(ctx context.Context, a *arena) error {
	n := a.size(2000, 400)
	if err := a.mail.play(sink.Rule{Stage: sink.End, Delay: 100 * time.Millisecond, Keep: true}); err != nil {
		return err
	}
	w, err := a.worker(ctx, workerOpts{name: "w1", grace: 30 * time.Second, email: []string{"reply_timeout: 20s"}})
	if err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: n, writers: 4}); err != nil {
		return err
	}
	if err := pause(ctx, time.Duration(500+a.rng.IntN(2000))*time.Millisecond); err != nil {
		return err
	}
	w.signal(syscall.SIGTERM)
	begun := time.Now()
	if err := w.wait(ctx, 40*time.Second); err != nil {
		return err
	}
	took := time.Since(begun)
	a.require(took <= 30*time.Second, "the worker took %s to stop", took)
	a.require(w.err == nil, "the worker ended with %v%s", w.err, w.tail())
	a.fact("stopped in %.1f s", took.Seconds())
	if err := a.died(ctx, "w1", 0); err != nil {
		return err
	}
	a.require(a.unrecorded == 0, "%d messages were sent and not recorded", a.unrecorded)
	if err := a.mail.play(); err != nil {
		return err
	}
	if _, err := a.worker(ctx, workerOpts{name: "w2"}); err != nil {
		return err
	}
	if err := a.settle(ctx, time.Minute); err != nil {
		return err
	}
	var attempts int
	if err := a.pool.QueryRow(ctx, sqlSumAttempts).Scan(&attempts); err != nil {
		return err
	}
	a.require(attempts == n, "%d attempts were counted for %d mails", attempts, n)
	return nil
}
