package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

// hostRows let one of several receivers be slow.
func hostRows() []*row {
	return []*row{{
		id: "F-92", what: "five hosts of webhooks, one of which answers after 60 s", alone: true,
		size: either("3,000 events to each", "500 events to each"), run: slowHost,
	}}
}

// slowHost compares what four healthy hosts get per second with and without a fifth that holds every request.
func slowHost(ctx context.Context, a *arena) error {
	n := a.size(3000, 500)
	var hosts []*receiver
	for i := range 5 {
		r, err := a.endpoint(ctx, fmt.Sprintf("127.0.0.%d:0", 10+i))
		if err != nil {
			return err
		}
		hosts = append(hosts, r)
	}
	for i := range 2 {
		if _, err := a.worker(ctx, workerOpts{name: fmt.Sprintf("w%d", i), senders: 16}); err != nil {
			return err
		}
	}
	phase := func(prefix string, want int) (float64, error) {
		begun := time.Now()
		e := emitting{action: actHook, prefix: prefix, n: n, writers: 8, recipients: len(hosts)}
		if err := a.emit(ctx, e); err != nil {
			return 0, err
		}
		err := until(ctx, "the healthy hosts have everything", 5*time.Minute, haveAll(hosts[1:], want))
		return float64(n*(len(hosts)-1)) / time.Since(begun).Seconds(), err
	}
	if err := a.emit(ctx, emitting{action: actHook, prefix: "warm", n: 100, writers: 8, recipients: len(hosts)}); err != nil {
		return err
	}
	if err := a.settle(ctx, time.Minute); err != nil {
		return err
	}
	calm, err := phase("calm", 100+n)
	if err != nil {
		return err
	}
	if err := a.settle(ctx, time.Minute); err != nil {
		return err
	}
	if err := hosts[0].play(sink.Rule{Stage: sink.Request, Delay: time.Minute, Code: http.StatusServiceUnavailable}); err != nil {
		return err
	}
	beside, err := phase("beside", 100+2*n)
	if err != nil {
		return err
	}
	a.fact("%.0f webhooks/s to the healthy hosts in the calm, %.0f beside the slow one (%.0f %%)", calm, beside, 100*beside/calm)
	a.require(beside >= 0.9*calm, "the healthy hosts got %.0f %% of the calm's throughput", 100*beside/calm)
	if err := hosts[0].play(); err != nil {
		return err
	}
	a.faultEnd = time.Now()
	// What was under way to the slow host comes to its end and waits.
	if err := pause(ctx, 12*time.Second); err != nil {
		return err
	}
	if err := a.passTime(ctx, 15*time.Minute, everyone); err != nil {
		return err
	}
	if err := pause(ctx, 5*time.Second); err != nil {
		return err
	}
	if err := a.passTime(ctx, 15*time.Minute, everyone); err != nil {
		return err
	}
	return a.settle(ctx, 2*time.Minute)
}

// haveAll tells that each of the hosts took as many.
func haveAll(hosts []*receiver, want int) func() (bool, error) {
	return func() (bool, error) {
		for _, r := range hosts {
			if c, err := r.counts(""); err != nil || c.Accepted < want {
				return false, err
			}
		}
		return true, nil
	}
}
