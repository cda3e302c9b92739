package model

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// The numbers of the walk, which are those of a worker.
const (
	Lease  = 15 * time.Second
	Poison = 3
	Grace  = 10 * time.Second
	// soon is how far ahead a job is inserted as available, for want of a leader to promote it.
	soon = 5 * time.Second
)

// Job is one row of River.
type Job struct {
	// State is available, scheduled, running or discarded.
	State string
	// Due is when it fires, Fetched when a client took it.
	Due, Fetched time.Time
}

// Receipt is one receipt.
type Receipt struct {
	ID     uuid.UUID
	Policy transports.OnUnknown

	State                    receipts.State
	Reason                   receipts.Reason
	Attempts, Tries, Crashes int
	Unanswered               bool
	Due                      time.Time
	// Token is the lease that holds it; zero if none does. Alone is whether it was claimed by itself.
	Token uuid.UUID
	Alone bool
	// Job is its alarm, nil if it is gone or not wanted. Strays are jobs that stood for it before.
	Job    *Job
	Strays []*Job
	// Sent counts sends that the provider took, Lost those of which nobody knows.
	Sent, Lost int
	// Children are the keys of the recipients for whom it was expanded.
	Children map[string]*Receipt
}

// World is everything.
type World struct {
	Now      time.Time
	Receipts []*Receipt
	// Leases are the ends of those that stand, Claimed what each was for.
	Leases  map[uuid.UUID]time.Time
	Claimed map[uuid.UUID][]*Receipt
}

// New returns a world with nothing in it.
func New() *World {
	return &World{Leases: map[uuid.UUID]time.Time{}, Claimed: map[uuid.UUID][]*Receipt{}}
}

// Live lists the receipts in one of the states.
func (w *World) Live(states ...receipts.State) []*Receipt {
	var found []*Receipt
	for _, r := range w.Receipts {
		if slices.Contains(states, r.State) {
			found = append(found, r)
		}
	}
	return found
}

// Claimable says whether a claim may take it.
func (w *World) Claimable(r *Receipt) bool {
	return (r.State == receipts.Pending || r.State == receipts.Waiting) && !r.Due.After(w.Now)
}

// Claim leases the due receipts of own and, with lane, all whose jobs may fire; if one of them may be poison,
// then that one alone. It returns what it took.
func (w *World) Claim(token uuid.UUID, own []*Receipt, lane bool) []*Receipt {
	fires := func(j *Job) bool { return lane && j != nil && j.State == "available" && !j.Due.After(w.Now) }
	var ready []*Receipt
	for _, r := range w.Receipts {
		woken := fires(r.Job) || slices.ContainsFunc(r.Strays, fires)
		switch {
		case w.Claimable(r) && (woken || slices.Contains(own, r)):
			ready = append(ready, r)
		case fires(r.Job) && (w.Claimable(r) || r.State.Leased() || r.State.Terminal()):
			r.Job = nil
			fallthrough
		default:
			r.Strays = slices.DeleteFunc(r.Strays, fires)
		}
	}
	taken := alone(ready)
	for _, r := range taken {
		if fires(r.Job) {
			r.Job = nil
		}
		r.Strays = slices.DeleteFunc(r.Strays, fires)
		r.State, r.Reason, r.Token, r.Alone = receipts.Resolving, "", token, len(taken) == 1
	}
	if len(taken) > 0 {
		w.Leases[token] = w.Now.Add(Lease)
		w.Claimed[token] = taken
	}
	return taken
}

// alone keeps the first suspect, or everybody if there is none.
func alone(ready []*Receipt) []*Receipt {
	var suspects []*Receipt
	for _, r := range ready {
		if r.Crashes >= Poison-1 {
			suspects = append(suspects, r)
		}
	}
	if len(suspects) == 0 {
		return ready
	}
	return []*Receipt{slices.MinFunc(suspects, func(a, b *Receipt) int {
		return cmp.Or(a.Due.Compare(b.Due), bytes.Compare(a.ID[:], b.ID[:]))
	})}
}

// Holds says whether token still holds r.
func (w *World) Holds(token uuid.UUID, r *Receipt) bool {
	_, stands := w.Leases[token]
	return stands && r.Token == token && r.State.Leased()
}

// Bind begins a send.
func (w *World) Bind(token uuid.UUID, r *Receipt) bool {
	if !w.Holds(token, r) || r.State != receipts.Resolving {
		return false
	}
	r.State, r.Tries = receipts.Sending, r.Tries+1
	return true
}

// Outcome is a result as a holder may record it.
type Outcome struct {
	Name    string
	State   receipts.State
	Reason  receipts.Reason
	Wait    time.Duration
	Attempt receipts.Outcome
	Class   transports.Class
	Costs   bool
}

// Record ends a hold.
func (w *World) Record(token uuid.UUID, r *Receipt, o Outcome) bool {
	defer w.endLease(token)
	if !w.Holds(token, r) || r.State == receipts.Resolving && o.State == receipts.Sent ||
		r.State == receipts.Sending && o.State == receipts.Expanded {
		return false
	}
	if o.Attempt != "" && r.State == receipts.Resolving {
		r.Tries++
	}
	switch o.Attempt {
	case receipts.AttemptAccepted:
		r.Sent++
	case receipts.AttemptUnknown:
		r.Lost++
		r.Unanswered = true
	}
	if o.Costs {
		r.Attempts++
	}
	r.Crashes = 0
	w.leave(r, o.State, o.Reason, w.Now.Add(o.Wait))
	return true
}

// leave takes a receipt out of its lease. A job that stood for it still fires, and finds nothing to do.
func (w *World) leave(r *Receipt, to receipts.State, reason receipts.Reason, due time.Time) {
	if r.Job != nil {
		r.Strays = append(r.Strays, r.Job)
	}
	r.State, r.Reason, r.Token, r.Job = to, reason, uuid.Nil, nil
	if to == receipts.Waiting {
		r.Due = due
		w.arm(r)
	}
}

// endLease drops a lease under which nothing is held, as the last record of a batch does.
func (w *World) endLease(token uuid.UUID) {
	if !slices.ContainsFunc(w.Receipts, func(r *Receipt) bool { return r.Token == token }) {
		delete(w.Leases, token)
	}
}

// arm sets the alarm.
func (w *World) arm(r *Receipt) {
	r.Job = &Job{State: "available", Due: r.Due}
	if r.Due.After(w.Now.Add(soon)) {
		r.Job.State = "scheduled"
	}
}

// Renew prolongs a lease that stands.
func (w *World) Renew(token uuid.UUID) bool {
	until, stands := w.Leases[token]
	if !stands || !until.After(w.Now) {
		return false
	}
	w.Leases[token] = w.Now.Add(Lease)
	return true
}

// Reclaim takes back what lost workers held.
func (w *World) Reclaim() []*Receipt {
	var taken []*Receipt
	for token, until := range w.Leases {
		if !until.Before(w.Now) {
			continue
		}
		delete(w.Leases, token)
		sends := slices.ContainsFunc(w.Claimed[token], func(r *Receipt) bool {
			return r.State == receipts.Sent || r.State == receipts.Sending && r.Token == token
		})
		for _, r := range w.Receipts {
			if r.Token == token {
				w.lose(r, sends)
				taken = append(taken, r)
			}
		}
	}
	return taken
}

// lose takes a receipt from a lost worker, of whose batch some were sent, or not. What was not being sent then is above
// suspicion.
func (w *World) lose(r *Receipt, sends bool) {
	sending := r.State == receipts.Sending
	if sending || !sends {
		r.Crashes++
	}
	if sending {
		r.Attempts++
		r.Lost++
		r.Unanswered = true
	}
	switch {
	case sending && r.Policy == transports.Park:
		w.leave(r, receipts.Uncertain, receipts.AnswerLost, r.Due)
	case r.Crashes >= Poison && r.Alone:
		w.leave(r, receipts.Failed, receipts.Poison, r.Due)
	default:
		w.leave(r, receipts.Waiting, receipts.Reclaimed, w.Now)
	}
}
