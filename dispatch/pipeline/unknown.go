package pipeline

import (
	"context"
	"time"

	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// park ends a receipt whose answer was lost, where its channel says so: only an operator sends it again.
func (it *item) park(class transports.Class, result *receipts.Result) {
	if class == transports.Unknown && it.channel.OnUnknown == transports.Park {
		result.State, result.Reason = receipts.Uncertain, receipts.AnswerLost
	}
}

// expired ends a receipt whose time is over; one that may have been accepted is not called expired.
func (it *item) expired(reason receipts.Reason) receipts.Result {
	if it.Unanswered {
		return receipts.Result{State: receipts.Uncertain, Reason: receipts.AnswerLost}
	}
	return receipts.Result{State: receipts.Expired, Reason: reason}
}

// probe asks the provider for an earlier try whose answer was lost, where the channel says so, and reports whether that
// settled the item. Nothing is sent while the provider cannot tell. To ask is a request like any other: it waits while
// the gate says so, and its answer counts for the destination's breaker.
func (r *run) probe(ctx, sending context.Context, it *item, started time.Time) (settled bool) {
	if !it.Unanswered || it.channel.OnUnknown != transports.Probe {
		return false
	}
	var accepted transports.Result
	var found bool
	err := r.contain(ctx, "probe", it, func() (err error) {
		prober, can := r.transports[it.Transport].(transports.Prober)
		if !can {
			return transports.Errorf(transports.Configuration, "transport %s cannot be asked for a message", it.Transport)
		}
		accepted, found, err = prober.Probe(sending, it.message())
		return err
	})
	switch {
	case err != nil:
		failure := probeFailure(err)
		r.settleFailure(it, failure, started)
		if it.result.State != receipts.Waiting || it.result.Wait >= r.left(it) {
			it.result.State, it.result.Reason = receipts.Uncertain, receipts.AnswerLost
		}
		r.tell(ctx, it, failure)
		return true
	case found:
		r.settleAccepted(it, accepted, started)
		it.result.Reason, it.result.Answered = receipts.Confirmed, true
		r.tell(ctx, it, nil)
		return true
	}
	it.answered = true
	return false
}

// probeFailure is a failure to ask. It says nothing about the message, so it never ends the receipt.
func probeFailure(err error) *transports.Error {
	failure := *transports.Classify(err)
	if failure.Class != transports.Rate && failure.Class != transports.Configuration {
		failure.Class = transports.Transient
	}
	failure.Detail = "asking for an earlier try: " + failure.Detail
	return &failure
}
