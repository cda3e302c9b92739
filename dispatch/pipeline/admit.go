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
	for _, it := range r.open() {
		t := r.transports[it.Transport]
		if _, here := t.(transports.InDatabase); here {
			continue
		}
		var route flow.Route
		err := r.contain(ctx, "transport's router", it, func() error {
			route = r.gate.RouteOf(t, it.message())
			return nil
		})
		if err != nil {
			r.settleFailure(it, transports.Classify(err), time.Now())
			continue
		}
		it.sending = flow.Request{
			Route: route, Critical: it.Priority == receipts.Critical,
			Tried: it.Attempts > 0, Waited: it.WaitedFor == receipts.RateLimited,
		}
		asking = append(asking, it)
	}
	verdicts, err := r.gate.Admit(ctx, r.db, r.batch.Token, requestsOf(asking))
	if err != nil {
		return err
	}
	for i, it := range asking {
		it.admitted = verdicts[i]
		r.settleStop(it, verdicts[i])
	}
	return nil
}

func requestsOf(items []*item) []flow.Request {
	requests := make([]flow.Request, len(items))
	for i, it := range items {
		requests[i] = it.sending
	}
	return requests
}

// again asks the gate about items that have senders now, and settles those that may not go any more.
func (r *run) again(ctx context.Context, items []*item) (free, stopped []*item, err error) {
	verdicts := make([]flow.Verdict, len(items))
	for i, it := range items {
		verdicts[i] = it.admitted
	}
	if err := r.gate.Again(ctx, r.db, requestsOf(items), verdicts); err != nil {
		return nil, nil, err
	}
	for i, it := range items {
		it.admitted = verdicts[i]
		if r.settleStop(it, verdicts[i]) {
			stopped = append(stopped, it)
		} else {
			free = append(free, it)
		}
	}
	return free, stopped, nil
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
	r.telemetry.Waits(it.Transport, result.Reason, v.Wait)
	it.settle(result)
	return true
}

// tell lets the gate know how a send ended. A send that was cut from our side says nothing about the destination, and a
// panic of our own nothing but to a probe, which must not go unanswered.
func (r *run) tell(ctx context.Context, it *item, failure *transports.Error) {
	if failure != nil && (ctx.Err() != nil || failure.Code == codePanic && !it.admitted.Probe) {
		return
	}
	result := flow.Result{Route: it.sending.Route, Receipt: it.ID, Failure: failure, Probe: it.admitted.Probe, Token: r.batch.Token}
	if failure != nil {
		result.Wait = it.result.Wait
		if failure.RetryAfter > 0 {
			result.Wait = min(failure.RetryAfter, flow.MaxRetryAfter)
		}
	}
	r.gate.Report(result)
}
