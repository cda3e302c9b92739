package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/internal/faulttest/sink"
	"github.com/carillon-notify/carillon/internal/pgdev"
)

// postgresRows take the database away.
func postgresRows() []*row {
	return []*row{
		{
			id: "F-20", what: "Postgres restarted under load: fast, immediate, kill -9 of its first process", short: true, alone: true,
			size: either("50,000 mails, 3 workers, 6 restarts", "1,500 mails, 3 workers, 3 restarts"), run: restarts,
		},
		{
			id: "F-21", what: "Postgres down for long", size: either("10 min, 2 workers", "20 s, 2 workers"), run: longOutage,
		},
		{
			id: "F-22", what: "all sessions of the workers terminated every 2 s; then only the one that listens",
			size: either("2 min, 60 mails/s", "12 s, 60 mails/s"), run: terminated,
		},
	}
}

// strike notes a fault that hits everybody at this moment: what the receivers have begun and the database does not have
// may come again. It is called right after the fault.
func (a *arena) strike() (at time.Time, open int, err error) {
	at = time.Now()
	for _, r := range a.receivers {
		c, err := r.counts("")
		if err != nil {
			return at, 0, err
		}
		open += c.Begun - c.Ended
	}
	return at, open, nil
}

// struck adds what a strike left: what was taken before it and is not recorded, and what was open.
func (a *arena) struck(ctx context.Context, at time.Time, open, senders int) error {
	all, err := a.taken("")
	if err != nil {
		return err
	}
	var before []sink.Entry
	for _, e := range all {
		if e.At.Before(at) {
			before = append(before, e)
		}
	}
	n, err := a.countUnrecorded(ctx, before)
	if err != nil {
		return err
	}
	// What waits for its answer is open, and logged.
	a.unrecorded += max(n, open)
	a.concurrency += senders
	a.faultEnd = time.Now()
	return nil
}

// restarts ends and starts the server while three workers send.
func restarts(ctx context.Context, a *arena) error {
	const crew, senders = 3, 8
	n, times := a.size(50_000, 1500), a.size(6, 3)
	if err := a.mail.play(sink.Rule{Stage: sink.End, Delay: 30 * time.Millisecond, Keep: true}); err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: n, writers: 8}); err != nil {
		return err
	}
	for i := range crew {
		if _, err := a.worker(ctx, workerOpts{name: fmt.Sprintf("w%d", i), senders: senders}); err != nil {
			return err
		}
	}
	var slowest time.Duration
	for i := range times {
		if err := pause(ctx, time.Duration(1000+a.rng.IntN(2000))*time.Millisecond); err != nil {
			return err
		}
		at, open, err := a.restart(ctx, pgdev.Ending(i%3), time.Duration(a.rng.IntN(3000))*time.Millisecond)
		if err != nil {
			return err
		}
		back := time.Now()
		if err := a.struck(ctx, at, open, crew*senders); err != nil {
			return err
		}
		first, err := a.firstSince(ctx, back)
		if err != nil {
			return err
		}
		slowest = max(slowest, first)
	}
	a.require(slowest <= 15*time.Second, "the first send came %s after Postgres was back", slowest)
	a.fact("first send at most %.1f s after Postgres was back", slowest.Seconds())
	for _, w := range a.workers {
		a.require(!w.ended(), "%s ended: %v%s", w.name, w.err, w.tail())
	}
	return a.settle(ctx, 10*time.Minute)
}

// restart ends the server, lets it be down for a while, and starts it.
func (a *arena) restart(ctx context.Context, how pgdev.Ending, down time.Duration) (at time.Time, open int, err error) {
	ended := make(chan error, 1)
	go func() { ended <- a.pg.End(ctx, how) }()
	if at, open, err = a.strike(); err != nil {
		return at, open, err
	}
	if err := <-ended; err != nil {
		return at, open, err
	}
	if err := pause(ctx, down); err != nil {
		return at, open, err
	}
	return at, open, a.pg.Restart(ctx)
}

// firstSince returns how long after a moment the receivers took the first message of one that was begun after it, or 0
// if nothing is left to send.
func (a *arena) firstSince(ctx context.Context, since time.Time) (time.Duration, error) {
	var first time.Duration
	err := until(ctx, "a message is taken", time.Minute, func() (bool, error) {
		entries, err := a.mail.entries("")
		if err != nil {
			return false, err
		}
		for _, e := range entries {
			if e.At.After(since) {
				first = e.At.Sub(since)
				return true, nil
			}
		}
		var live int
		err = a.pool.QueryRow(ctx, sqlCountLive).Scan(&live)
		return live == 0, err
	})
	return first, err
}

// longOutage looks at what idle workers do while there is no database.
func longOutage(ctx context.Context, a *arena) error {
	down := time.Duration(a.size(600, 20)) * time.Second
	if err := a.mail.play(sink.Rule{Stage: sink.End, Delay: 30 * time.Millisecond, Keep: true}); err != nil {
		return err
	}
	for i := range 2 {
		if _, err := a.worker(ctx, workerOpts{name: fmt.Sprintf("w%d", i)}); err != nil {
			return err
		}
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: 1000, writers: 8}); err != nil {
		return err
	}
	if err := a.pg.End(ctx, pgdev.Immediate); err != nil {
		return err
	}
	at, open, err := a.strike()
	if err != nil {
		return err
	}
	// Sends that were under way end now; the rest must wait.
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	before, err := a.mail.counts("")
	if err != nil {
		return err
	}
	memory, lines := a.memory(), a.spoken()
	if err := pause(ctx, down); err != nil {
		return err
	}
	after, err := a.mail.counts("")
	if err != nil {
		return err
	}
	grown := a.memory() - memory
	a.require(after.Begun == before.Begun, "%d sends were begun without a database", after.Begun-before.Begun)
	a.require(grown <= 50<<10, "the memory of the workers grew by %d KiB", grown)
	perSecond := float64(a.spoken()-lines) / down.Seconds() / 2
	a.require(perSecond <= 1, "each worker writes %.1f lines a second", perSecond)
	a.fact("%.2f log lines a second and worker, memory +%d KiB", perSecond, max(0, grown))
	if err := a.pg.Restart(ctx); err != nil {
		return err
	}
	if err := a.struck(ctx, at, open, 2*8); err != nil {
		return err
	}
	if err := a.settle(ctx, 3*time.Minute); err != nil {
		return err
	}
	a.require(a.outcome.settle <= time.Minute, "settled %s after Postgres was back", a.outcome.settle)
	return nil
}

// memory sums what the workers have resident, in KiB.
func (a *arena) memory() (sum int) {
	for _, w := range a.workers {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.cmd.Process.Pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(raw)) {
			if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
				n, _ := strconv.Atoi(fields[1])
				sum += n
			}
		}
	}
	return sum
}

// spoken counts the lines that the workers have logged.
func (a *arena) spoken() (sum int) {
	for _, w := range a.workers {
		sum += w.count("")
	}
	return sum
}

// terminated breaks sessions instead of the server.
func terminated(ctx context.Context, a *arena) error {
	const senders = 8
	length := time.Duration(a.size(120, 12)) * time.Second
	if _, err := a.worker(ctx, workerOpts{name: "w0", senders: senders}); err != nil {
		return err
	}
	// A worker whose very first query fails may give up; this one is to be at work.
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "first", n: 1}); err != nil {
		return err
	}
	if err := a.settle(ctx, time.Minute); err != nil {
		return err
	}
	emitted := make(chan error, 1)
	n := int(length.Seconds()) * 60
	go func() { emitted <- a.emit(ctx, emitting{action: actCreate, prefix: "o", n: n, rate: 60, writers: 4}) }()
	for end := time.Now().Add(length); time.Now().Before(end); {
		if _, err := a.pool.Exec(ctx, sqlTerminateSessions, "w0"); err != nil {
			return err
		}
		at, open, err := a.strike()
		if err != nil {
			return err
		}
		if err := a.struck(ctx, at, open, senders); err != nil {
			return err
		}
		if err := pause(ctx, 2*time.Second); err != nil {
			return err
		}
	}
	if err := <-emitted; err != nil {
		return err
	}
	if err := a.settle(ctx, time.Minute); err != nil {
		return err
	}
	broken := a.outcome.settle
	// With the listening session gone again and again, the poll must find what is emitted.
	var slowest time.Duration
	for i := range 20 {
		if _, err := a.pool.Exec(ctx, sqlTerminateListeners, "w0"); err != nil {
			return err
		}
		begun := time.Now()
		if err := a.emit(ctx, emitting{action: actCreate, prefix: fmt.Sprintf("deaf%02d", i), n: 1}); err != nil {
			return err
		}
		first, err := a.firstSince(ctx, begun)
		if err != nil {
			return err
		}
		slowest = max(slowest, first)
	}
	a.require(slowest <= 2*time.Second, "without LISTEN a mail left %s after its commit", slowest)
	a.fact("without LISTEN a mail leaves at most %d ms after its commit", slowest.Milliseconds())
	err := a.settle(ctx, time.Minute)
	a.outcome.settle = broken
	return err
}
