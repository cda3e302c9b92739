package pipeline

import (
	"slices"
	"time"

	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// undeclaredWait is how long a receipt waits for a worker that knows its event; misconfiguredWait, for somebody to
// mend credentials.
const (
	undeclaredWait    = time.Minute
	misconfiguredWait = 30 * time.Second
)

// policy is how the receipt is tried again: the worker's own numbers before those of its kind.
func (r *run) policy(it *item) flow.RetryPolicy {
	return r.retry.Or(flow.PolicyOf(it.channel.RetryOf(it.Priority)))
}

// firstDue is from when a receipt's deadline counts: when it first became due, or was reopened.
func (it *item) firstDue() time.Time {
	switch {
	case it.RenewedAt != nil:
		return *it.RenewedAt
	case it.SendAt != nil:
		return *it.SendAt
	case it.Event.At != nil && it.Event.At.After(it.CreatedAt):
		return *it.Event.At
	}
	return it.CreatedAt
}

// giveUpAt is when the receipt is tried no more.
func (r *run) giveUpAt(it *item) time.Time { return it.firstDue().Add(r.policy(it).Deadline) }

// left is how long the receipt may still wait for a try.
func (r *run) left(it *item) time.Duration {
	end := r.giveUpAt(it)
	if it.ExpiresAt != nil && it.ExpiresAt.Before(end) {
		end = *it.ExpiresAt
	}
	return max(0, end.Sub(r.batch.ClaimedAt))
}

// boundWait ends a wait at the receipt's deadlines: the next look then finds it expired. Past them it expires at once.
func (r *run) boundWait(it *item, result *receipts.Result) {
	left := r.left(it)
	if left > 0 {
		result.Wait = min(result.Wait, left)
		return
	}
	reason := receipts.GaveUp
	if it.ExpiresAt != nil && !r.batch.ClaimedAt.Before(*it.ExpiresAt) {
		reason = receipts.Deadline
	}
	over := it.expired(reason)
	result.State, result.Reason, result.Wait = over.State, over.Reason, 0
}

// turnedAway reports whether the receipt was tried, or kept from it by the provider's state.
func (it *item) turnedAway() bool {
	return it.Attempts > 0 || slices.Contains([]receipts.Reason{
		receipts.Retry, receipts.RateLimited, receipts.Misconfigured, receipts.Reclaimed, receipts.BreakerOpen,
	}, it.WaitedFor)
}

// settleFailure decides what a failed try means for the receipt.
func (r *run) settleFailure(it *item, failure *transports.Error, started time.Time) {
	outcome := receipts.AttemptRefused
	if failure.Class == transports.Unknown {
		outcome = receipts.AttemptUnknown
	}
	result := receipts.Result{Attempt: &receipts.Attempt{
		StartedAt: started, FinishedAt: time.Now(), Outcome: outcome, Class: failure.Class,
		Code: failure.Code, Detail: truncate(failure.Detail, maxDetail),
	}}
	policy, made := r.policy(it), it.Attempts+1
	switch failure.Class {
	case transports.Permanent:
		result.State, result.Reason, result.CostsAttempt = receipts.Failed, receipts.Rejected, true
	case transports.Address:
		result.State, result.Reason, result.CostsAttempt = receipts.Failed, receipts.BadAddress, true
	case transports.Rate:
		result.State, result.Reason, result.Wait = receipts.Waiting, receipts.RateLimited, policy.Wait(1, failure.RetryAfter)
	case transports.Configuration:
		result.State, result.Reason = receipts.Waiting, receipts.Misconfigured
		result.Wait = max(misconfiguredWait, min(failure.RetryAfter, flow.MaxRetryAfter))
	default:
		result.CostsAttempt = true
		result.State, result.Reason, result.Wait = receipts.Waiting, receipts.Retry, policy.Wait(made, failure.RetryAfter)
		last := made >= policy.MaxAttempts
		switch {
		case failure.Partly && (last || result.Wait >= r.left(it)):
			result.State, result.Reason, result.Wait = receipts.Sent, receipts.Accepted, 0
		case failure.Class == transports.Unknown && (last || result.Wait >= r.left(it)):
			// No try follows that could tell whether this one arrived.
			result.State, result.Reason = receipts.Uncertain, receipts.AnswerLost
		case last:
			result.State, result.Reason = receipts.Failed, receipts.Exhausted
		}
	}
	it.park(failure.Class, &result)
	if result.State == receipts.Waiting {
		r.boundWait(it, &result)
	}
	it.settle(result)
}
