package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/dispatch/internal/registry"
	"github.com/carillon-notify/carillon/receipts"
)

// planChunk is how many receipts of a plan are claimed together.
const planChunk = 1000

// planning is one plan on its way.
type planning struct {
	db       receipts.DB
	store    *receipts.Store
	pipeline *Pipeline
	event    *registry.Event
	// now is the clock of every statement. It moves to the next due time when nothing is due.
	now time.Time
	// limit is how many of each channel are rendered, rendered how many were.
	limit    int
	rendered map[string]int
	planned  []Planned
}

// run takes the receipts of the event through the stages until none is left that waits for its time.
func (pl *planning) run(ctx context.Context, event uuid.UUID) error {
	for {
		due, next, err := pl.due(ctx, event)
		switch {
		case err != nil:
			return err
		case len(due) == 0 && next.IsZero():
			return nil
		case len(due) == 0:
			pl.now = next
		}
		for ids := range slices.Chunk(due, planChunk) {
			if err := pl.step(ctx, ids); err != nil {
				return err
			}
		}
	}
}

// due lists the receipts whose time has come, in the order in which they are rendered, and says when the next is due;
// zero if none will be.
func (pl *planning) due(ctx context.Context, event uuid.UUID) (ids []uuid.UUID, next time.Time, err error) {
	all, err := pl.store.OfEvent(ctx, pl.db, event)
	if err != nil {
		return nil, next, err
	}
	slices.SortStableFunc(all, func(a, b receipts.Receipt) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Recipient, b.Recipient), cmp.Compare(a.Address, b.Address))
	})
	for _, r := range all {
		switch {
		case r.State.Terminal() || r.State.Leased():
		case !r.DueAt.After(pl.now):
			ids = append(ids, r.ID)
		case next.IsZero() || r.DueAt.Before(next):
			next = r.DueAt
		}
	}
	return ids, next, nil
}

// step takes one batch up to what a send would begin with. It claims nothing but receipts of the plan's own event,
// which nobody else can see, so that no worker is kept from its work.
func (pl *planning) step(ctx context.Context, ids []uuid.UUID) error {
	batch, err := pl.store.Claim(ctx, pl.db, receipts.ClaimParams{Own: ids, Lease: time.Hour, Worker: "plan"})
	if err != nil {
		return err
	}
	if len(batch.Receipts) != len(ids) {
		return fmt.Errorf("claim receipts of the plan: %d of %d were free", len(batch.Receipts), len(ids))
	}
	r := pl.pipeline.begin(pl.db, batch)
	r.planned = true
	for _, s := range r.stages() {
		if s.outward {
			break
		}
		if s.name == stageRender {
			pl.holdBack(r)
		}
		if err := r.take(ctx, s); err != nil {
			return err
		}
	}
	return pl.note(ctx, r)
}

// holdBack takes those out of the batch who are past the limit of rendering. They would be sent to.
func (pl *planning) holdBack(r *run) {
	open := r.open()
	slices.SortStableFunc(open, func(a, b *item) int {
		return cmp.Or(cmp.Compare(a.named.ID, b.named.ID), cmp.Compare(a.named.Address, b.named.Address))
	})
	held := map[*item]bool{}
	for _, it := range open {
		if pl.rendered[it.channel.Name] >= pl.limit {
			held[it] = true
			pl.add(it)
			continue
		}
		pl.rendered[it.channel.Name]++
	}
	r.items = slices.DeleteFunc(r.items, func(it *item) bool { return held[it] })
}

// note keeps what became of each item. Only what goes on later is recorded: the rest stays leased, and is not met again.
func (pl *planning) note(ctx context.Context, r *run) error {
	var later []receipts.Result
	for _, it := range r.items {
		goesOn := it.result != nil &&
			(it.result.State == receipts.Expanded || it.result.State == receipts.Waiting && it.result.Reason == receipts.Delayed)
		if goesOn {
			later = append(later, *it.result)
			continue
		}
		pl.add(it)
	}
	if len(later) == 0 {
		return nil
	}
	_, err := pl.store.Record(ctx, pl.db, r.batch.Token, later, false)
	return err
}

func (pl *planning) add(it *item) {
	p := Planned{
		Channel: it.channel.Name, Transport: it.Transport, Audience: it.Audience,
		Recipient: it.named.ID, Address: cmp.Or(it.recipient.Address, it.named.Address),
		Outcome: PlanSend, When: it.DueAt.UTC(), Verdicts: it.verdicts, Body: it.body,
	}
	if it.body != nil {
		p.Address = it.body.Recipient.Address
	}
	if p.Verdicts == nil {
		p.Verdicts = []receipts.Verdict{}
	}
	if it.result == nil && !it.channel.Spec.InDatabase {
		p.OnUnknown = it.channel.OnUnknown
	}
	if it.result != nil {
		p.Outcome, p.Reason = planOutcome(it.result.State), it.result.Reason
		if it.result.Attempt != nil {
			p.Detail = it.result.Attempt.Detail
		}
		for _, v := range it.verdicts {
			if v.Verdict != verdictPass && p.Detail == "" {
				p.Detail = v.Detail
			}
		}
	}
	pl.planned = append(pl.planned, p)
}

// planOutcome is what a plan calls a state that a stage before the send may settle.
func planOutcome(s receipts.State) PlanOutcome {
	switch s {
	case receipts.Skipped, receipts.Merged:
		return PlanSkip
	case receipts.Expired:
		return PlanExpire
	case receipts.Waiting:
		return PlanRetry
	case receipts.Failed, receipts.Uncertain, receipts.Cancelled:
		return PlanFail
	case receipts.Pending, receipts.Resolving, receipts.Sending, receipts.Sent, receipts.Expanded:
	}
	return PlanSend
}

// recipients are sorted by the channel's place in the declaration.
func (pl *planning) recipients() []Planned {
	place := pl.places()
	slices.SortStableFunc(pl.planned, func(a, b Planned) int {
		return cmp.Or(
			cmp.Compare(place[a.Channel], place[b.Channel]),
			cmp.Compare(a.Recipient, b.Recipient), cmp.Compare(a.Address, b.Address),
		)
	})
	return append([]Planned{}, pl.planned...)
}

func (pl *planning) totals() []PlanTotal {
	type key struct {
		channel string
		outcome PlanOutcome
		reason  receipts.Reason
	}
	counts := map[key]*PlanTotal{}
	totals := []PlanTotal{}
	for _, p := range pl.planned {
		k := key{p.Channel, p.Outcome, p.Reason}
		if counts[k] == nil {
			counts[k] = &PlanTotal{Channel: p.Channel, Outcome: p.Outcome, Reason: p.Reason}
		}
		counts[k].Count++
		if p.Body != nil {
			counts[k].Rendered++
		}
	}
	for _, t := range counts {
		totals = append(totals, *t)
	}
	place := pl.places()
	slices.SortFunc(totals, func(a, b PlanTotal) int {
		return cmp.Or(
			cmp.Compare(place[a.Channel], place[b.Channel]),
			cmp.Compare(slices.Index(PlanOutcomes(), a.Outcome), slices.Index(PlanOutcomes(), b.Outcome)),
			cmp.Compare(a.Reason, b.Reason),
		)
	})
	return totals
}

func (pl *planning) places() map[string]int {
	place := map[string]int{}
	for i, c := range pl.event.Channels {
		place[c.Name] = i
	}
	return place
}
