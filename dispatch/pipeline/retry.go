package pipeline

import (
	"cmp"
	"math/rand/v2"
	"time"

	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// RetryPolicy says when a failed send is tried again: after half of min(Cap, Base·2ⁿ⁻¹) plus a random part of the
// other half, so that many receipts that failed together do not come back together.
type RetryPolicy struct {
	// Base is the first wait. Defaults to 5 s.
	Base time.Duration
	// Cap bounds every wait. Defaults to 1 h.
	Cap time.Duration
	// MaxAttempts ends the trying. Defaults to 20, which is about 12 hours; at most 1,000.
	MaxAttempts int
}

// undeclaredWait is how long a receipt waits for a worker that knows its event; misconfiguredWait, for somebody to
// mend credentials.
const (
	undeclaredWait    = time.Minute
	misconfiguredWait = time.Minute
	maxRetryAfter     = 24 * time.Hour
)

func (p RetryPolicy) withDefaults() RetryPolicy {
	p.Base = cmp.Or(p.Base, 5*time.Second)
	p.Cap = max(cmp.Or(p.Cap, time.Hour), p.Base)
	p.MaxAttempts = min(cmp.Or(p.MaxAttempts, 20), 1000)
	return p
}

// wait is the pause after the n-th attempt, n ≥ 1.
func (p RetryPolicy) wait(n int) time.Duration {
	d := p.Base
	for i := 1; i < n && d < p.Cap; i++ {
		d *= 2
	}
	d = min(d, p.Cap)
	return d/2 + rand.N(d/2+1)
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
	made := it.Attempts + 1
	switch failure.Class {
	case transports.Permanent:
		result.State, result.Reason, result.CostsAttempt = receipts.Failed, receipts.Rejected, true
	case transports.Address:
		result.State, result.Reason, result.CostsAttempt = receipts.Failed, receipts.BadAddress, true
	case transports.Rate:
		result.State, result.Reason = receipts.Waiting, receipts.RateLimited
		result.Wait = r.retry.wait(1)
	case transports.Configuration:
		result.State, result.Reason, result.Wait = receipts.Waiting, receipts.Misconfigured, misconfiguredWait
	default:
		result.CostsAttempt = true
		result.State, result.Reason, result.Wait = receipts.Waiting, receipts.Retry, r.retry.wait(made)
		if made >= r.retry.MaxAttempts {
			result.State, result.Reason = receipts.Failed, receipts.Exhausted
		}
		if made >= r.retry.MaxAttempts && failure.Class == transports.Unknown {
			result.State, result.Reason = receipts.Uncertain, receipts.AnswerLost
		}
	}
	result.Wait = max(result.Wait, min(failure.RetryAfter, maxRetryAfter))
	if it.ExpiresAt != nil {
		// Past its deadline there is nothing to wait for: the next look then finds it expired.
		result.Wait = max(0, min(result.Wait, it.ExpiresAt.Sub(r.batch.ClaimedAt)))
	}
	it.settle(result)
}
