package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/internal/faulttest/judge"
	"github.com/carillon-notify/carillon/internal/faulttest/sink"
	"github.com/carillon-notify/carillon/receipts/audit"
)

// died notes that a worker is dead: what it had begun and not recorded may come again. It returns when the dead
// worker's sessions have ended, so that nothing of it can be recorded any more.
func (a *arena) died(ctx context.Context, worker string, senders int) error {
	a.faultEnd = time.Now()
	err := until(ctx, "the sessions of "+worker+" end", 10*time.Second, func() (bool, error) {
		var n int
		err := a.pool.QueryRow(ctx, sqlCountSessions, worker).Scan(&n)
		return n == 0, err
	})
	if err != nil {
		return err
	}
	taken, err := a.taken(worker)
	if err != nil {
		return err
	}
	n, err := a.countUnrecorded(ctx, taken)
	a.unrecorded += n
	a.concurrency += senders
	return err
}

// taken lists what the receivers took from a worker, or from all for "", and waits first for what they are about to take.
func (a *arena) taken(worker string) ([]sink.Entry, error) {
	if worker != "" {
		worker += ".test"
	}
	var all []sink.Entry
	for _, r := range a.receivers {
		err := until(context.Background(), "the sink ends what was begun", 5*time.Second, func() (bool, error) {
			c, err := r.counts(worker)
			return c.Begun-c.Ended-c.Waiting <= 0 || worker == "", err
		})
		if err != nil {
			return nil, err
		}
		some, err := r.entries(worker)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// countUnrecorded counts the messages whose receipts do not say that they are sent.
func (a *arena) countUnrecorded(ctx context.Context, taken []sink.Entry) (n int, err error) {
	var keys []uuid.UUID
	for _, e := range taken {
		if key, err := uuid.Parse(keyOf(e.Key)); err == nil {
			keys = append(keys, key)
		}
	}
	if err := a.pool.QueryRow(ctx, sqlCountUnrecorded, keys).Scan(&n); err != nil {
		return 0, fmt.Errorf("count what was not recorded: %w", err)
	}
	return n, nil
}

// keyOf is the receipt's id in the key of a message.
func keyOf(key string) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(key, "msg_"), "@")
	return id
}

// settle waits until no receipt is live, and notes how long that took since the fault.
func (a *arena) settle(ctx context.Context, patience time.Duration) error {
	var live int
	err := until(ctx, "everything settles", patience, func() (bool, error) {
		err := a.pool.QueryRow(ctx, sqlCountLive).Scan(&live)
		return live == 0, err
	})
	a.outcome.settle = time.Since(a.faultEnd)
	if err != nil && ctx.Err() == nil {
		a.require(false, "%d receipts are live %s after the fault (%s)", live, a.outcome.settle.Round(time.Second), err)
		return nil
	}
	return err
}

// judge gathers the evidence and adds the verdict to the outcome.
func (a *arena) judge(ctx context.Context) error {
	e := &judge.Evidence{Events: map[string]int{}, Unrecorded: a.unrecorded, Concurrency: a.concurrency, Spared: a.spared}
	for _, read := range []func(context.Context, *judge.Evidence) error{
		a.readOrders, a.readReceipts, a.readMessages, a.readAudit,
	} {
		if err := read(ctx, e); err != nil {
			return err
		}
	}
	if a.ignore != "" {
		a.leaveOut(e)
	}
	v := judge.Judge(e)
	v.Findings = append(a.outcome.Findings, v.Findings...)
	a.outcome.Verdict = *v
	return nil
}

// leaveOut takes the orders out that are only there to be in the way.
func (a *arena) leaveOut(e *judge.Evidence) {
	e.Orders = slices.DeleteFunc(e.Orders, func(o judge.Order) bool { return strings.HasPrefix(o.ID, a.ignore) })
	e.Receipts = slices.DeleteFunc(e.Receipts, func(r judge.Receipt) bool { return strings.HasPrefix(r.Order, a.ignore) })
	e.Messages = slices.DeleteFunc(e.Messages, func(m judge.Message) bool { return strings.Contains(m.About, a.ignore) })
	maps.DeleteFunc(e.Events, func(order string, _ int) bool { return strings.HasPrefix(order, a.ignore) })
}

func (a *arena) readOrders(ctx context.Context, e *judge.Evidence) error {
	rows, err := a.pool.Query(ctx, sqlSelectOrders)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	stored := make(map[string]bool, len(ids))
	for _, id := range ids {
		stored[id] = true
	}
	for id, o := range a.ledger.orders {
		e.Orders = append(e.Orders, judge.Order{
			ID: id, Acknowledged: o.acknowledged, Refused: o.refused, Stored: stored[id], Recipients: o.recipients,
		})
	}
	rows, err = a.pool.Query(ctx, sqlSelectEvents)
	if err != nil {
		return err
	}
	var id string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&id, &n}, func() error {
		e.Events[id] = n
		return nil
	})
	return err
}

func (a *arena) readReceipts(ctx context.Context, e *judge.Evidence) error {
	rows, err := a.pool.Query(ctx, sqlSelectReceipts)
	if err != nil {
		return err
	}
	var r judge.Receipt
	_, err = pgx.ForEachRow(rows, []any{&r.Key, &r.Order, &r.To, &r.State, &r.Reason, &r.Live}, func() error {
		e.Receipts = append(e.Receipts, r)
		return nil
	})
	return err
}

func (a *arena) readMessages(ctx context.Context, e *judge.Evidence) error {
	for _, r := range a.receivers {
		entries, err := r.entries("")
		if err != nil {
			return err
		}
		for _, m := range entries {
			e.Messages = append(e.Messages, judge.Message{Key: keyOf(m.Key), About: m.About, To: m.To, Hash: m.Hash})
		}
	}
	rows, err := a.pool.Query(ctx, sqlSelectNotifications)
	if err != nil {
		return err
	}
	var m judge.Message
	_, err = pgx.ForEachRow(rows, []any{&m.Key, &m.About}, func() error {
		e.Messages = append(e.Messages, m)
		return nil
	})
	return err
}

func (a *arena) readAudit(ctx context.Context, e *judge.Evidence) error {
	results, err := audit.Run(ctx, a.pool, nil)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Level == audit.Fail && !r.Holds() {
			e.Audit = append(e.Audit, fmt.Sprintf("%s (%s): %d, such as %v", r.Check, r.Meaning, r.Count, r.IDs[:min(3, len(r.IDs))]))
		}
	}
	return nil
}
