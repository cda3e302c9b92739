package flow

import (
	"cmp"
	"math/rand/v2"
	"time"

	"github.com/carillon-notify/carillon/transports"
)

// RetryPolicy says when a failed send is tried again: after half of min(Cap, Base·2ⁿ⁻¹) plus a random part of the
// other half, so that many receipts that failed together do not come back together. Zero fields are those of the kind
// of message, see [PolicyOf].
type RetryPolicy struct {
	// Base is the first wait. Defaults to that of the event's retry.
	Base time.Duration
	// Cap bounds every wait. Defaults to that of the event's retry.
	Cap time.Duration
	// Deadline ends the trying, counted from when the receipt first became due. Defaults to that of the event's retry.
	Deadline time.Duration
	// MaxAttempts ends the trying, too; failures that cost no attempt do not count. Defaults to that of the event's
	// retry; at most 1,000.
	MaxAttempts int

	// schedule, where there is one, lists the waits themselves, each give or take a fifth.
	schedule []time.Duration
}

// maxAttempts bounds RetryPolicy.MaxAttempts.
const maxAttempts = 1000

// MaxRetryAfter bounds how long a provider may make a receipt wait: no answer of a server stops a message for longer.
const MaxRetryAfter = 24 * time.Hour

// PolicyOf is how messages of that kind are tried again; an unknown one is tried as transactional.
//
// The waits of a webhook are those that the Standard Webhooks specification recommends. Its deadline leaves room for
// all of them at their longest.
func PolicyOf(kind transports.Retry) RetryPolicy {
	switch kind {
	case transports.RetryCode:
		return RetryPolicy{Base: 2 * time.Second, Cap: 30 * time.Second, Deadline: 10 * time.Minute, MaxAttempts: 12}
	case transports.RetryBulk:
		return RetryPolicy{Base: time.Minute, Cap: 4 * time.Hour, Deadline: 5 * 24 * time.Hour, MaxAttempts: 40}
	case transports.RetryWebhook:
		return RetryPolicy{
			Base: 5 * time.Second, Cap: 24 * time.Hour, Deadline: 91 * time.Hour, MaxAttempts: 10,
			schedule: []time.Duration{
				5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour,
				14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
			},
		}
	case transports.RetryChat:
		return RetryPolicy{Base: 5 * time.Second, Cap: 15 * time.Minute, Deadline: 6 * time.Hour, MaxAttempts: 30}
	case transports.RetryPush:
		return RetryPolicy{Base: 5 * time.Second, Cap: 5 * time.Minute, Deadline: 24 * time.Hour, MaxAttempts: 20}
	case transports.RetryTransactional:
	}
	return RetryPolicy{Base: 5 * time.Second, Cap: time.Hour, Deadline: 48 * time.Hour, MaxAttempts: 60}
}

// Or fills zero fields from other. A policy with a Base or Cap of its own has no schedule.
func (p RetryPolicy) Or(other RetryPolicy) RetryPolicy {
	if p.Base == 0 && p.Cap == 0 && p.schedule == nil {
		p.schedule = other.schedule
	}
	p.Base = cmp.Or(p.Base, other.Base)
	p.Cap = max(cmp.Or(p.Cap, other.Cap), p.Base)
	p.Deadline = cmp.Or(p.Deadline, other.Deadline)
	p.MaxAttempts = min(cmp.Or(p.MaxAttempts, other.MaxAttempts), maxAttempts)
	return p
}

// Wait is the pause after the n-th attempt, n ≥ 1, at least what the provider asked for. What it asked for counts up to
// [MaxRetryAfter], and not at all if it is negative.
func (p RetryPolicy) Wait(n int, retryAfter time.Duration) time.Duration {
	return max(p.pause(n), min(retryAfter, MaxRetryAfter))
}

func (p RetryPolicy) pause(n int) time.Duration {
	if len(p.schedule) > 0 {
		d := p.schedule[min(max(n, 1), len(p.schedule))-1]
		return d - d/5 + rand.N(2*(d/5)+1)
	}
	d := p.Base
	for i := 1; i < n && d < p.Cap; i++ {
		d *= 2
	}
	d = min(d, p.Cap)
	return d/2 + rand.N(d/2+1)
}
