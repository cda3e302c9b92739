package pipeline

import (
	"context"
	"time"

	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// admit asks the gate what may be sent now. What may not waits, and has cost neither a try nor a sender. A transport
// that is a row in this database has nothing to wait for.
func (r *run) admit(ctx context.Context) error {
	var asking []*item
	var requests []flow.Request
	for _, it := range r.open() {
		t := r.transports[it.Transport]
		if _, here := t.(transports.InDatabase); here {
			continue
		}
		err := r.contain(ctx, "transport's router", it, func() error {
			it.route = flow.RouteOf(t, it.message())
			return nil
		})
		if err != nil {
			r.settleFailure(it, transports.Classify(err), time.Now())
			continue
		}
		asking = append(asking, it)
		requests = append(requests, flow.Request{
			Route: it.route, Critical: it.Priority == receipts.Critical,
			Tried: it.Attempts > 0, Waited: it.WaitedFor == receipts.RateLimited,
		})
	}
	verdicts, err := r.gate.Admit(ctx, r.db, r.batch.Token, requests)
	if err != nil {
		return err
	}
	for i, it := range asking {
		it.probe = verdicts[i].Probe
		r.settleStop(it, verdicts[i])
	}
	return nil
}

// settleStop lets an item wait that the gate does not let through, and reports whether there was one.
func (r *run) settleStop(it *item, v flow.Verdict) bool {
	result := receipts.Result{State: receipts.Waiting, Wait: v.Wait}
	switch v.Stop {
	case flow.StopRate:
		result.Reason = receipts.RateLimited
	case flow.StopBreaker:
		result.Reason = receipts.BreakerOpen
	case flow.Free:
		return false
	}
	r.boundWait(it, &result)
	it.settle(result)
	return true
}

// tell lets the gate know how a send ended. A send that was cut from our side says nothing about the destination, and a
// panic of our own nothing but to a probe, which must not go unanswered.
func (r *run) tell(ctx context.Context, it *item, failure *transports.Error) {
	if failure != nil && (ctx.Err() != nil || failure.Code == codePanic && !it.probe) {
		return
	}
	result := flow.Result{Route: it.route, Receipt: it.ID, Failure: failure, Probe: it.probe, Token: r.batch.Token}
	if failure != nil {
		result.Wait = it.result.Wait
		if failure.RetryAfter > 0 {
			result.Wait = min(failure.RetryAfter, flow.MaxRetryAfter)
		}
	}
	r.gate.Report(result)
}
