package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/receipts"
)

const (
	tailInterval = 500 * time.Millisecond
	// tailOverlap is how late a transaction may commit and still be seen.
	tailOverlap = 5 * time.Second
	// maxFollowed bounds how many live receipts are followed to their end; beyond, the oldest are let go.
	maxFollowed = 10000
)

func newReceiptsTailCommand(a *app) *cobra.Command {
	var f filterFlags
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Follow receipts as they come and change, until a signal",
		Long: `Write a line whenever a receipt that matches is new or has changed: its state, reason, attempts or due time. It
looks twice a second, so that what changes faster is told by its last state. Followed are receipts that come after the
start (or after --since), those live at the start, and those that an operator changes; of live ones the newest 10000.

Without --json: time, id, state, channel, recipient, attempts. With --json, each line is a receipt as in list.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(cmd); err != nil {
				return err
			}
			if f.until != "" {
				return usagef("--until is not for what is to come")
			}
			ctx := cmd.Context()
			return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
				t := &tail{app: a, db: pool, store: receipts.New(nil), seen: map[uuid.UUID]sighting{}}
				if err := f.find(ctx, pool, t.store); err != nil {
					return err
				}
				t.filter = f.filter
				return t.follow(ctx)
			})
		},
	}
	f.register(cmd, "reason", "with-reason")
	cmd.Flags().Lookup("with-reason").Usage = "the same as --reason"
	return cmd
}

// sighting is what was last told about a receipt.
type sighting struct {
	told string
	live bool
	at   time.Time
}

type tail struct {
	*app
	db     *pgxpool.Pool
	store  *receipts.Store
	filter receipts.Filter
	seen   map[uuid.UUID]sighting
	// order is the ids of seen as they came.
	order []uuid.UUID
}

// follow ends without an error when ctx does: that is how it is meant to end.
func (t *tail) follow(ctx context.Context) error {
	from := time.Now()
	if t.filter.Since != nil {
		from = *t.filter.Since
	}
	// The first look reaches back to --since, later ones only over the overlap.
	overlap := max(time.Since(from), 0) + tailOverlap
	if err := t.meetLive(ctx, from); err != nil {
		return t.unlessOver(ctx, err)
	}
	ticker := time.NewTicker(tailInterval)
	defer ticker.Stop()
	for {
		if err := t.look(ctx, from, overlap); err != nil {
			return t.unlessOver(ctx, err)
		}
		overlap = tailOverlap
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (t *tail) unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// meetLive remembers, without a word, what is under way already from before the start.
func (t *tail) meetLive(ctx context.Context, from time.Time) error {
	for _, state := range receipts.States() {
		if state.Terminal() || (t.filter.State != "" && t.filter.State != state) {
			continue
		}
		f := t.filter
		f.State, f.Since, f.Until, f.Limit = state, nil, &from, maxList
		for len(t.seen) < maxFollowed {
			list, err := t.store.List(ctx, t.db, f)
			if err != nil {
				return err
			}
			for _, r := range list {
				t.note(r)
			}
			if len(list) < maxList {
				break
			}
			f.Before = &list[len(list)-1].ID
		}
	}
	return nil
}

// look tells what is new, page by page.
func (t *tail) look(ctx context.Context, from time.Time, overlap time.Duration) error {
	p := receipts.TailParams{Filter: t.filter, From: from, Overlap: overlap, Known: t.live()}
	for {
		page, err := t.store.Tail(ctx, t.db, p)
		if err != nil {
			return err
		}
		for _, r := range page {
			if !t.note(r) {
				continue
			}
			if err := t.tell(r); err != nil {
				return err
			}
		}
		if len(page) < maxList {
			break
		}
		p.After = page[len(page)-1].ID
	}
	t.forget()
	return nil
}

// note reports whether the receipt says something that was not told.
func (t *tail) note(r receipts.Receipt) bool {
	told := fmt.Sprint(r.State, r.Reason, r.Attempts, r.DueAt.UnixNano(), r.FinishedAt != nil)
	before, known := t.seen[r.ID]
	if !known {
		t.order = append(t.order, r.ID)
	}
	t.seen[r.ID] = sighting{told, !r.State.Terminal(), time.Now()}
	return before.told != told
}

func (t *tail) live() []uuid.UUID {
	ids := []uuid.UUID{}
	for _, id := range t.order {
		if t.seen[id].live {
			ids = append(ids, id)
		}
	}
	return ids
}

// forget lets go of what has ended and will not be looked at again, and of the oldest if there are too many.
func (t *tail) forget() {
	kept := t.order[:0]
	excess := len(t.order) - maxFollowed
	for i, id := range t.order {
		s := t.seen[id]
		if i < excess || (!s.live && time.Since(s.at) > 2*tailOverlap) {
			delete(t.seen, id)
			continue
		}
		kept = append(kept, id)
	}
	t.order = kept
}

func (t *tail) tell(r receipts.Receipt) error {
	if t.json {
		return t.printJSON(r)
	}
	at := time.Now()
	if r.FinishedAt != nil {
		at = *r.FinishedAt
	}
	state := paintState(r.State)
	state.text = stateText(r.State, r.Reason)
	return t.print(fmt.Sprintf("%s  %s  %s  %s  %s  %s\n", when(at), short(r.ID), t.show(state), t.show(r.Channel),
		t.show(recipientOf(r)), t.show(r.Attempts)))
}
