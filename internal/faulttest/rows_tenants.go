package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

// tenantRows let tenants get in each other's way.
func tenantRows() []*row {
	return []*row{{
		id: "F-91", what: "one tenant emits bulk mails as fast as it can, fifty others one a second each", alone: true,
		size: either("1,000/s beside 50/s, 60 s", "300/s beside 50/s, 10 s"), run: noisyTenant,
	}}
}

// noisyTenant measures the quiet ones alone first, and then beside the other.
func noisyTenant(ctx context.Context, a *arena) error {
	span, loud := a.size(60, 10), a.size(1000, 300)
	if err := a.mail.play(sink.Rule{Stage: sink.End, Delay: 20 * time.Millisecond, Keep: true}); err != nil {
		return err
	}
	if _, err := a.worker(ctx, workerOpts{name: "w1", senders: 8}); err != nil {
		return err
	}
	bulk := func(tenant, prefix string, n int, rate float64, writers int) error {
		return a.emit(ctx, emitting{
			action: actCreate, prefix: prefix + tenant, n: n, rate: rate, writers: writers,
			opts: &dispatch.EmitOpts{Tenant: tenant, Priority: dispatch.Bulk},
		})
	}
	quiet := func(prefix string) (time.Duration, error) {
		since := time.Now()
		group := new(errgroup.Group)
		for i := range 50 {
			group.Go(func() error { return bulk(fmt.Sprintf("quiet%02d", i), prefix, span, 1, 1) })
		}
		if err := group.Wait(); err != nil {
			return 0, err
		}
		err := until(ctx, "the quiet tenants' mails are sent", time.Minute, func() (bool, error) {
			var live int
			err := a.pool.QueryRow(ctx, sqlCountQuiet).Scan(&live)
			return live == 0, err
		})
		if err != nil {
			return 0, err
		}
		delays, err := a.delaysBy(ctx, sqlSelectQuietDelays, since)
		return quantile(delays), err
	}
	calm, err := quiet("calm")
	if err != nil {
		return err
	}
	noisy := make(chan error, 1)
	begun := time.Now()
	go func() { noisy <- bulk("noisy", "beside", loud*span, float64(loud), 8) }()
	beside, err := quiet("beside")
	if err != nil {
		return err
	}
	var left int
	if err := a.pool.QueryRow(ctx, sqlCountLive).Scan(&left); err != nil {
		return err
	}
	if err := errors.Join(<-noisy); err != nil {
		return err
	}
	a.fact("quiet tenants p99 %d ms alone, %d ms beside %.0f/s of which %d were waiting at the end",
		calm.Milliseconds(), beside.Milliseconds(), float64(loud*span)/time.Since(begun).Seconds(), left)
	a.require(beside <= 2*calm+noise, "the 99th percentile of the quiet tenants is %s, %s alone", beside, calm)
	a.faultEnd = time.Now()
	return a.settle(ctx, 10*time.Minute)
}
