package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

// crewRows are about workers beside each other.
func crewRows() []*row {
	return []*row{
		{
			id: "F-07", what: "kill -9 of the worker that leads River, with retries waiting", short: true, size: fixed("500 mails, 100 of them refused once"),
			people: 500, run: killLeader,
		},
		{
			id: "F-11", what: "rolling restart from the previous commit's build to this one and back, under load",
			size: either("6,000 mails, 6 restarts", "1,000 mails, 4 restarts"), absent: noPreviousCommit, run: rolling,
		},
		{
			id: "F-90", what: "a large bulk send, then 10 critical mails a second", alone: true,
			size: either("1,000,000 bulk receipts waiting, 10 min", "20,000 bulk receipts waiting, 10 s"), run: bulkAndCritical,
		},
		{
			id: "F-93", what: "receipts that kill their process, among healthy ones",
			size: either("10 that kill, 490 healthy", "1 that kills, 199 healthy"), people: 500, run: poison,
		},
	}
}

// killLeader takes away the process on which all of River's own maintenance hangs.
func killLeader(ctx context.Context, a *arena) error {
	const senders = 8
	if _, err := a.worker(ctx, workerOpts{name: "leader", senders: senders, retry: 8 * time.Second}); err != nil {
		return err
	}
	err := until(ctx, "River has a leader", 30*time.Second, func() (bool, error) {
		var n int
		err := a.pool.QueryRow(ctx, sqlCountLeaders).Scan(&n)
		return n > 0, err
	})
	if err != nil {
		return err
	}
	if _, err := a.worker(ctx, workerOpts{name: "follower", senders: senders, retry: 8 * time.Second}); err != nil {
		return err
	}
	rules := []sink.Rule{{Stage: sink.End, To: "9@", Delay: 2 * time.Second, Keep: true}}
	// One in five: a server that refuses half would open the breaker, and what waits for that is another row's matter.
	for _, digit := range []string{"0@", "5@"} {
		rules = append(rules, sink.Rule{Stage: sink.Data, To: digit, Times: 1, Each: true, Code: 451, Text: "4.3.0 later"})
	}
	if err := a.mail.play(rules...); err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: 500, people: 500, writers: 4}); err != nil {
		return err
	}
	if err := pause(ctx, time.Duration(500+a.rng.IntN(1000))*time.Millisecond); err != nil {
		return err
	}
	a.workers[0].kill()
	if err := a.died(ctx, "leader", senders); err != nil {
		return err
	}
	killed := time.Now()
	// What the dead worker had must be tried within the time, and then not be put off again.
	if err := a.mail.play(); err != nil {
		return err
	}
	// It had fetched the jobs of some receipts, too, which is as much as to have them.
	if err := pause(ctx, 3*time.Second); err != nil {
		return err
	}
	rows, err := a.pool.Query(ctx, sqlSelectFetched, killed)
	if err != nil {
		return err
	}
	fetched, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return err
	}
	if err := a.settle(ctx, 2*time.Minute); err != nil {
		return err
	}
	var late float64
	if err := a.pool.QueryRow(ctx, sqlLatestSend, fetched).Scan(&late); err != nil {
		return err
	}
	a.require(late <= 5, "a retry went out %.1f s late", late)
	a.require(a.outcome.settle <= resumed, "settled after %s", a.outcome.settle)
	a.fact("retries at most %.1f s late, but for %d whose jobs the dead one had fetched", late, len(fetched))
	return nil
}

// noPreviousCommit tells why the build before this one cannot be had.
func noPreviousCommit(ctx context.Context) string {
	if err := exec.CommandContext(ctx, "git", "rev-parse", "--verify", "HEAD~1^{commit}").Run(); err != nil {
		return "git has no previous commit here"
	}
	return ""
}

// previous builds the commit before this one.
func (a *arena) previous(ctx context.Context) (string, error) {
	source, program := filepath.Join(a.dir, "previous"), filepath.Join(a.dir, "carillon-previous")
	archive := exec.CommandContext(ctx, "sh", "-c", `mkdir "$1" && git archive HEAD~1 | tar -x -C "$1"`, "sh", source)
	if output, err := archive.CombinedOutput(); err != nil {
		return "", fmt.Errorf("get the previous commit: %w\n%s", err, output)
	}
	defer func() { _ = os.RemoveAll(source) }()
	return program, build(ctx, source, program, "-buildvcs=false")
}

// rolling replaces workers one by one, as a deployment does.
func rolling(ctx context.Context, a *arena) error {
	old, err := a.previous(ctx)
	if err != nil {
		return err
	}
	if err := a.mail.play(sink.Rule{Stage: sink.End, Delay: 50 * time.Millisecond, Keep: true}); err != nil {
		return err
	}
	crew := make([]*process, 2)
	started := 0
	start := func(i int, program string) error {
		started++
		w, err := a.worker(ctx, workerOpts{name: fmt.Sprintf("w%d", started), program: program})
		crew[i] = w
		return err
	}
	for i := range crew {
		if err := start(i, old); err != nil {
			return err
		}
	}
	emitted := make(chan error, 1)
	go func() {
		emitted <- a.emit(ctx, emitting{action: actCreate, prefix: "o", n: a.size(6000, 1000), rate: 120, writers: 4})
	}()
	programs := []string{a.carillon, a.carillon, old, old, a.carillon, a.carillon}[:a.size(6, 4)]
	for i, program := range programs {
		if err := pause(ctx, time.Duration(500+a.rng.IntN(1500))*time.Millisecond); err != nil {
			return err
		}
		w := crew[i%2]
		w.signal(syscall.SIGTERM)
		if err := w.wait(ctx, 30*time.Second); err != nil {
			return err
		}
		a.require(w.err == nil, "%s ended with %v%s", w.name, w.err, w.tail())
		// Nothing may come again after a stop that was asked for.
		if err := a.died(ctx, w.name, 0); err != nil {
			return err
		}
		if err := start(i%2, program); err != nil {
			return err
		}
	}
	if err := <-emitted; err != nil {
		return err
	}
	return a.settle(ctx, time.Minute)
}

// bulkAndCritical asks how long critical mails wait behind a mountain of bulk.
func bulkAndCritical(ctx context.Context, a *arena) error {
	waiting, seconds := a.size(1_000_000, 20_000), a.size(600, 10)
	n := waiting * 5 / 4 // Some are sent while the others are still written.
	if _, err := a.pool.Exec(ctx, sqlInsertPeople, n); err != nil {
		return fmt.Errorf("add people: %w", err)
	}
	a.ignore = "bulk"
	if err := a.mail.play(sink.Rule{Stage: sink.End, Delay: 20 * time.Millisecond, Keep: true}); err != nil {
		return err
	}
	if _, err := a.worker(ctx, workerOpts{name: "w1", senders: 16}); err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actAll, prefix: "bulk", n: 1, recipients: n}); err != nil {
		return err
	}
	err := until(ctx, "the bulk is on its way", 10*time.Minute, func() (bool, error) {
		var live int
		err := a.pool.QueryRow(ctx, sqlCountLive).Scan(&live)
		return live >= waiting, err
	})
	if err != nil {
		return err
	}
	committed := time.Now()
	if err := a.emit(ctx, emitting{action: actUrge, prefix: "urgent", n: 10 * seconds, rate: 10, writers: 2}); err != nil {
		return err
	}
	var left int
	if err := a.pool.QueryRow(ctx, sqlCountLive).Scan(&left); err != nil {
		return err
	}
	a.require(left >= waiting/4, "only %d bulk receipts were left at the end", left)
	a.fact("%d bulk receipts were waiting at the end", left)
	return a.criticalDelays(ctx, committed)
}

// criticalDelays compares when the urgent orders were claimed with when they were emitted.
func (a *arena) criticalDelays(ctx context.Context, since time.Time) error {
	a.faultEnd = time.Now()
	err := until(ctx, "the critical mails are sent", time.Minute, func() (bool, error) {
		var live int
		err := a.pool.QueryRow(ctx, sqlCountUrgent).Scan(&live)
		return live == 0, err
	})
	if err != nil {
		return err
	}
	a.outcome.settle = time.Since(a.faultEnd)
	delays, err := a.delays(ctx, since)
	if err != nil {
		return err
	}
	p99, most := quantile(delays), delays[len(delays)-1]
	a.require(p99 <= 2*time.Second, "the 99th percentile of critical delays is %s", p99)
	a.require(most <= 10*time.Second, "the longest critical delay is %s", most)
	a.fact("%d critical mails began after %d ms (p50), %d ms (p99), %d ms (max)", len(delays), delays[len(delays)/2].Milliseconds(), p99.Milliseconds(), most.Milliseconds())
	return nil
}

// poison sends to people whose messages end their process. Somebody starts it again each time, as supervisors do.
func poison(ctx context.Context, a *arena) error {
	healthy, deadly := a.size(500, 200), "u000001@"
	if a.full {
		deadly = "u00000" // Ten of them.
	}
	a.spared = []string{"failed(poison)"}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: healthy, people: healthy}); err != nil {
		return err
	}
	restarts := 0
	start := func() (*process, error) {
		return a.worker(ctx, workerOpts{name: fmt.Sprintf("w%d", restarts), fault: "S1=kill~" + deadly})
	}
	w, err := start()
	if err != nil {
		return err
	}
	for live := 1; live > 0; {
		if w.ended() {
			a.require(w.killedItself(), "the worker ended otherwise: %v%s", w.err, w.tail())
			if err := a.died(ctx, w.name, 8); err != nil {
				return err
			}
			restarts++
			if w, err = start(); err != nil {
				return err
			}
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		if err := a.pool.QueryRow(ctx, sqlCountLive).Scan(&live); err != nil {
			return err
		}
	}
	a.outcome.settle = time.Since(a.faultEnd)
	killers := a.size(10, 1)
	var poisoned int
	if err := a.pool.QueryRow(ctx, sqlCountPoisoned).Scan(&poisoned); err != nil {
		return err
	}
	a.require(poisoned == killers, "%d receipts were set aside, %d are poison", poisoned, killers)
	a.require(restarts <= 3*killers, "%d restarts for %d receipts", restarts, killers)
	a.fact("%d restarts, %d set aside", restarts, poisoned)
	return nil
}
