package main

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"time"

	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

// hookRows let receivers of webhooks be what they are.
func hookRows() []*row {
	return []*row{
		{
			id: "F-50", what: "one answer 429 with Retry-After: 30, to one of 8 workers", size: fixed("8 workers, 100 webhooks"), run: patienceAsked,
		},
		{
			id: "F-51", what: "429 with a Retry-After that is missing, negative, a date, fractional, huge or garbage", size: fixed("6 answers"),
			run: oddPatience,
		},
		{
			id: "F-53", what: "a receiver of webhooks that is down for 6 hours of a moved clock", size: either("20,000 webhooks", "500 webhooks"),
			run: longDown,
		},
		{
			id: "F-54", what: "301, 302, 307 and 308 to another host", size: fixed("4 answers, 5 webhooks each"), run: elsewhere,
		},
	}
}

// endpoint starts a receiver at an address, and has everything sent there.
func (a *arena) endpoint(ctx context.Context, addr string) (*receiver, error) {
	r, err := a.startReceiver(ctx, roleHTTP, "-addr", addr)
	if err != nil {
		return nil, err
	}
	path, err := a.configure(workerOpts{name: fmt.Sprintf("operator%d", len(a.receivers))}.full())
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, a.carillon, "endpoints", "add", "http://"+r.addr+"/in", "--events", "orders.hooked", "--config", path)
	cmd.Env = append(cmd.Environ(), "DATABASE_URL="+a.dsn)
	if output, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("add an endpoint: %w\n%s", err, output)
	}
	return r, nil
}

// patienceAsked counts who comes while the receiver has asked for patience.
func patienceAsked(ctx context.Context, a *arena) error {
	const crew, n, asked = 8, 100, 30 * time.Second
	hooks, err := a.endpoint(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := hooks.play(sink.Rule{Stage: sink.Request, Times: 1, Code: http.StatusTooManyRequests, Text: "30"}); err != nil {
		return err
	}
	for i := range crew {
		if _, err := a.worker(ctx, workerOpts{name: fmt.Sprintf("w%d", i), senders: 4}); err != nil {
			return err
		}
	}
	if err := a.emit(ctx, emitting{action: actHook, prefix: "first", n: 1}); err != nil {
		return err
	}
	err = until(ctx, "the receiver asks for patience", 10*time.Second, func() (bool, error) {
		c, err := hooks.counts("")
		return c.Ended == 1, err
	})
	if err != nil {
		return err
	}
	said := time.Now()
	if err := a.emit(ctx, emitting{action: actHook, prefix: "o", n: n - 1, writers: 4}); err != nil {
		return err
	}
	if err := pause(ctx, time.Until(said.Add(asked-time.Second))); err != nil {
		return err
	}
	c, err := hooks.counts("")
	if err != nil {
		return err
	}
	a.require(c.Begun <= 2, "%d requests in the %s after the answer", c.Begun-1, asked)
	a.fact("%d requests in the 30 s", c.Begun-1)
	a.faultEnd = said.Add(asked)
	if err := a.settle(ctx, time.Minute); err != nil {
		return err
	}
	var attempts int
	if err := a.pool.QueryRow(ctx, sqlSumAttempts).Scan(&attempts); err != nil {
		return err
	}
	a.require(attempts == n, "%d attempts were counted for %d webhooks", attempts, n)
	return nil
}

// oddPatience reads back how long each receipt waits.
func oddPatience(ctx context.Context, a *arena) error {
	hooks, err := a.endpoint(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := a.worker(ctx, workerOpts{name: "w1", retry: 2 * time.Second}); err != nil {
		return err
	}
	for i, text := range []string{"", "-5", time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat), "2.5", "1000000000", "soon\x01er"} {
		rule := sink.Rule{Stage: sink.Request, Times: 1, Code: http.StatusTooManyRequests, Text: text}
		if err := hooks.play(rule); err != nil {
			return err
		}
		if err := a.emit(ctx, emitting{action: actHook, prefix: fmt.Sprintf("odd%d", i), n: 1}); err != nil {
			return err
		}
		var wait float64
		err := until(ctx, "the receipt waits", 10*time.Second, func() (bool, error) {
			var state string
			err := a.pool.QueryRow(ctx, sqlSelectWait, fmt.Sprintf("odd%d-0000001", i)).Scan(&state, &wait)
			return state == "waiting", err
		})
		if err != nil {
			return err
		}
		a.require(wait > 0 && wait <= 24*3600+1, "Retry-After %q: it waits for %.1f s", text, wait)
		a.fact("%q waits %.0f s", text, wait)
		before, err := hooks.counts("")
		if err != nil {
			return err
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
		after, err := hooks.counts("")
		if err != nil {
			return err
		}
		a.require(after.Begun-before.Begun <= 1, "Retry-After %q: %d requests in half a second", text, after.Begun-before.Begun)
		a.faultEnd = time.Now()
		if err := a.passTime(ctx, 25*time.Hour, everyone); err != nil {
			return err
		}
		if err := a.settle(ctx, time.Minute); err != nil {
			return err
		}
	}
	return nil
}

// longDown lets six hours pass, breaker by breaker.
func longDown(ctx context.Context, a *arena) error {
	n, senders := a.size(20_000, 500), 8
	hooks, err := a.endpoint(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := hooks.play(sink.Rule{Stage: sink.Request, Code: http.StatusServiceUnavailable}); err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actHook, prefix: "o", n: n, writers: 8}); err != nil {
		return err
	}
	for i := range 2 {
		if _, err := a.worker(ctx, workerOpts{name: fmt.Sprintf("w%d", i), senders: senders}); err != nil {
			return err
		}
	}
	level, left, err := a.breakerPast(ctx, 0)
	if err != nil {
		return err
	}
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	first, err := hooks.counts("")
	if err != nil {
		return err
	}
	intervals := 0
	for passed := time.Duration(0); passed < 6*time.Hour; intervals++ {
		a.require(left <= 10*time.Minute+time.Second, "the breaker is open for %s", left)
		if err := a.passTime(ctx, left, aFew); err != nil {
			return err
		}
		passed += left
		if level, left, err = a.breakerPast(ctx, level); err != nil {
			return err
		}
	}
	c, err := hooks.counts("")
	if err != nil {
		return err
	}
	a.require(first.Begun <= 2*senders+5, "%d requests before the breaker opened", first.Begun)
	a.require(c.Begun-first.Begun <= intervals, "%d requests in %d intervals", c.Begun-first.Begun, intervals)
	a.fact("%d requests at first, %d in the 6 hours' %d intervals", first.Begun, c.Begun-first.Begun, intervals)
	if err := hooks.play(); err != nil {
		return err
	}
	a.faultEnd = time.Now()
	if err := a.passTime(ctx, 30*time.Minute, everyone); err != nil {
		return err
	}
	return a.settle(ctx, 5*time.Minute)
}

// elsewhere sends us to another host, which must hear nothing.
func elsewhere(ctx context.Context, a *arena) error {
	hooks, err := a.endpoint(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	other, err := a.startReceiver(ctx, roleHTTP, "-addr", "127.0.0.2:0")
	if err != nil {
		return err
	}
	if _, err := a.worker(ctx, workerOpts{name: "w1"}); err != nil {
		return err
	}
	for _, code := range []int{301, 302, 307, 308} {
		rule := sink.Rule{Stage: sink.Request, Times: 1, Each: true, Code: code, Location: "http://" + other.addr + "/stolen"}
		if err := hooks.play(rule); err != nil {
			return err
		}
		if err := a.emit(ctx, emitting{action: actHook, prefix: fmt.Sprintf("moved%d", code), n: 5}); err != nil {
			return err
		}
		a.faultEnd = time.Now()
		if err := a.settle(ctx, time.Minute); err != nil {
			return err
		}
		c, err := other.counts("")
		if err != nil {
			return err
		}
		a.require(c.Begun == 0, "%d: %d requests to the other host", code, c.Begun)
	}
	return nil
}
