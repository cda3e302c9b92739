package main

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/receipts"
)

const (
	demoPoll = 100 * time.Millisecond
	// demoPause is how long a scene waits at the most for what it has caused.
	demoPause = 2 * time.Second
)

// demoWatch shows receipts going by: each one when it has ended, and before that whenever it has to wait.
type demoWatch struct {
	stage *demoStage
	show  func(demoReceipt)

	shown  map[uuid.UUID]string
	events map[uuid.UUID]string
}

func newDemoWatch(s *demoStage, show func(demoReceipt)) *demoWatch {
	return &demoWatch{stage: s, show: show, shown: map[uuid.UUID]string{}, events: map[uuid.UUID]string{}}
}

// look shows what is new, in order of creation.
func (w *demoWatch) look(ctx context.Context, list []receipts.Receipt) error {
	for _, r := range list {
		if r.State == receipts.Expanded || !isSettled(r) {
			continue
		}
		if _, known := w.events[r.EventID]; !known {
			event, err := w.stage.store.GetEvent(ctx, w.stage.pool, r.EventID)
			if err != nil {
				return err
			}
			w.events[r.EventID] = event.Name
		}
		line := w.stage.line(r, w.events[r.EventID])
		if state := stateOf(line); w.shown[r.ID] != state {
			w.shown[r.ID] = state
			w.show(line)
		}
	}
	return nil
}

// await looks until every receipt has ended, or the deadline has come; then the facts show what has not.
func (s *demoStage) await(ctx context.Context, t *demoTale, w *demoWatch, deadline time.Duration) (*demoFacts, error) {
	found, err := s.follow(ctx, t, w, deadline, func(r receipts.Receipt) bool { return r.State.Terminal() })
	if err != nil {
		return nil, err
	}
	return s.gather(ctx, t, found)
}

// follow looks until every receipt of this run is done, or for as long as the limit, and returns what it saw last.
func (s *demoStage) follow(
	ctx context.Context, t *demoTale, w *demoWatch, limit time.Duration, done func(receipts.Receipt) bool,
) ([]receipts.Receipt, error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(demoPoll)
	defer tick.Stop()
	for {
		found, err := s.receiptsSince(ctx, t.began)
		if err != nil {
			return nil, err
		}
		if err := w.look(ctx, found); err != nil {
			return nil, err
		}
		if allDone(found, done) || limited.Err() != nil {
			return found, nil
		}
		select {
		case <-tick.C:
		case <-limited.Done():
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

func allDone(list []receipts.Receipt, done func(receipts.Receipt) bool) bool {
	for _, r := range list {
		if !done(r) {
			return false
		}
	}
	return len(list) > 0
}

// isSettled tells whether nobody works on the receipt now: it has ended, or waits for its time.
func isSettled(r receipts.Receipt) bool { return r.State.Terminal() || r.State == receipts.Waiting }

// receiptsSince reads this run's receipts, roots included, in order of creation.
func (s *demoStage) receiptsSince(ctx context.Context, began time.Time) ([]receipts.Receipt, error) {
	var own []receipts.Receipt
	filter := receipts.Filter{Expanded: true, Limit: demoPage}
	for {
		page, err := s.store.List(ctx, s.pool, filter)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			if r.Tenant == s.city && !r.CreatedAt.Before(began) {
				own = append([]receipts.Receipt{r}, own...)
			}
		}
		if len(page) < demoPage || page[len(page)-1].CreatedAt.Before(began) {
			return own, nil
		}
		filter.Before = &page[len(page)-1].ID
	}
}
