package pipeline

import (
	"context"
	"time"

	"github.com/carillon-notify/carillon/inbox"
	"github.com/carillon-notify/carillon/preferences"
	"github.com/carillon-notify/carillon/receipts"
)

const (
	verdictPass   = "pass"
	verdictSkip   = "skip"
	verdictExpire = "expire"
)

// facts is what the rules may look at, read once per batch.
type facts struct {
	now        time.Time
	giveUpAt   time.Time
	preference *preferences.Preference
	read       *inbox.Reading
}

// decide asks every rule about every receipt, keeps all verdicts, and lets the first that refuses settle it. It runs
// on each claim, so a receipt that waited is judged again right before its send.
func (r *run) decide(ctx context.Context) error {
	open := r.open()
	chosen, err := r.preferences(ctx, open)
	if err != nil {
		return err
	}
	read, err := r.readings(ctx, open)
	if err != nil {
		return err
	}
	for i, it := range open {
		started := time.Now()
		f := facts{now: r.batch.ClaimedAt, giveUpAt: r.giveUpAt(it), preference: chosen[i], read: read[i]}
		if err := r.judge(ctx, it, f); err != nil {
			r.settleFailure(it, applicationError("guard", "guard", err), started)
			continue
		}
		r.settleVerdicts(it)
	}
	return nil
}

func (r *run) judge(ctx context.Context, it *item, f facts) error {
	it.verdicts = nil
	for _, rule := range rules {
		var verdict receipts.Verdict
		err := r.contain(ctx, rule.name+" rule", it, func() (err error) {
			verdict, err = rule.judge(ctx, it, f)
			return err
		})
		if err != nil {
			return err
		}
		verdict.Rule = rule.name
		if verdict.Verdict == "" {
			verdict.Verdict = verdictPass
		}
		it.verdicts = append(it.verdicts, verdict)
	}
	return nil
}

func (r *run) settleVerdicts(it *item) {
	for _, v := range it.verdicts {
		switch v.Verdict {
		case verdictSkip:
			it.settle(receipts.Result{State: receipts.Skipped, Reason: v.Reason})
			return
		case verdictExpire:
			it.settle(it.expired(v.Reason))
			return
		}
	}
	if it.SendAt != nil && it.SendAt.After(r.batch.ClaimedAt) {
		it.settle(receipts.Result{State: receipts.Waiting, Reason: receipts.Delayed})
	}
}

// preferences reads the deciding row of each item's recipient.
func (r *run) preferences(ctx context.Context, items []*item) ([]*preferences.Preference, error) {
	questions := make([]preferences.Question, len(items))
	for i, it := range items {
		questions[i] = preferences.Question{Tenant: it.Tenant, Person: it.named.ID, Transport: it.Transport}
		if it.event.Category != nil {
			questions[i].Category = it.event.Category.Name
		}
	}
	return preferences.Deciding(ctx, r.db, questions)
}

// readings tells which recipients of skip_if_read channels have read the event's notification.
func (r *run) readings(ctx context.Context, items []*item) ([]*inbox.Reading, error) {
	var of []inbox.Of
	for _, it := range items {
		if it.channel.SkipIfRead && it.named.ID != "" {
			of = append(of, inbox.Of{EventID: it.EventID, Person: it.named.ID})
		}
	}
	read, err := inbox.Read(ctx, r.db, of)
	if err != nil {
		return nil, err
	}
	readings := make([]*inbox.Reading, len(items))
	for i, it := range items {
		if reading, found := read[inbox.Of{EventID: it.EventID, Person: it.named.ID}]; found && it.channel.SkipIfRead {
			readings[i] = &reading
		}
	}
	return readings, nil
}
