package model

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/receipts"
)

// Promote makes due jobs fetchable.
func (w *World) Promote() (n int) {
	for _, r := range w.Receipts {
		for _, j := range append(slices.Clone(r.Strays), r.Job) {
			if j != nil && j.State == "scheduled" && !j.Due.After(w.Now) {
				j.State = "available"
				n++
			}
		}
	}
	return n
}

// Reconcile sets lost alarms again.
func (w *World) Reconcile() []*Receipt {
	var mended []*Receipt
	late := w.Now.Add(-Grace)
	for _, r := range w.Live(receipts.Pending, receipts.Waiting) {
		j := r.Job
		lost := j == nil || j.State == "discarded" || j.State == "running" && j.Fetched.Before(late) ||
			j.State == "scheduled" && j.Due.After(w.Now.Add(Grace))
		if !r.Due.Before(late) || !lost {
			continue
		}
		if j != nil {
			r.Strays = append(r.Strays, j)
		}
		w.arm(r)
		mended = append(mended, r)
	}
	return mended
}

// Apply does what an operator says, and reports whether it changed the receipt.
func (w *World) Apply(action receipts.Action, r *Receipt) bool {
	if !slices.Contains(action.From(), r.State) {
		return false
	}
	old := r.Job
	r.Job = nil
	switch action {
	case receipts.ActionCancel:
		// Its lease goes on without it, until the batch ends or the lease does.
		w.leave(r, receipts.Cancelled, receipts.ByOperator, r.Due)
	case receipts.ActionSendNow:
		r.State, r.Reason = receipts.Pending, ""
		if r.Due.After(w.Now) {
			r.Due = w.Now
		}
		w.arm(r)
	case receipts.ActionRetry, receipts.ActionReopen:
		r.State, r.Reason, r.Attempts, r.Crashes, r.Due = receipts.Pending, "", 0, 0, w.Now
		w.arm(r)
	}
	// A job that River has in hand, or is done with, is left where it is.
	if old != nil && (old.State == "running" || old.State == "discarded") {
		r.Strays = append(r.Strays, old)
	}
	return true
}

// Expand writes children of a root that token holds, once for each key, and reports whether it did. Their ids are still to
// be found.
func (w *World) Expand(token uuid.UUID, root *Receipt, keys []string) bool {
	if !w.Holds(token, root) || root.State != receipts.Resolving {
		return false
	}
	root.Crashes = 0
	for _, key := range keys {
		if root.Children[key] == nil {
			child := &Receipt{Policy: root.Policy, State: receipts.Pending, Due: w.Now}
			w.arm(child)
			root.Children[key] = child
			w.Receipts = append(w.Receipts, child)
		}
	}
	return true
}

// Emit adds a receipt that is owed, as the database wrote it at that time.
func (w *World) Emit(r *Receipt, written time.Time) {
	r.State, r.Children = receipts.Pending, map[string]*Receipt{}
	r.Job = &Job{State: "available", Due: r.Due}
	if r.Due.After(written) {
		r.Job.State = "scheduled"
	}
	w.Receipts = append(w.Receipts, r)
}
