package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/internal/faulttest/netproxy"
	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

// keyRows are about what the application repeats, and about transactions that fail.
func keyRows() []*row {
	return []*row{
		{
			id: "F-23", what: "the connection cut in the application's COMMIT, and the transaction run again", short: true,
			size: either("1,000 trials", "100 trials"), run: cutCommits,
		},
		{
			id: "F-24", what: "serialization failure, deadlock, deferred constraint, savepoint rolled back", run: failedTransactions,
			size: either("20 rounds", "5 rounds"),
		},
		{
			id: "F-70", what: "the same idempotency key from 50 connections of 5 processes", size: fixed("50 emits"), run: sameKey,
		},
		{id: "F-71", what: "the same idempotency key with another body", size: fixed("20 keys"), run: otherBody},
		{
			id: "F-72", what: "send-now and reopen, twice each, during a send", size: fixed("5 mails"), run: doubleClick,
		},
	}
}

// cutCommits drops the answer to a COMMIT, or the COMMIT itself, and does what an application would: the same again,
// under the same key.
func cutCommits(ctx context.Context, a *arena) error {
	u, err := url.Parse(a.dsn)
	if err != nil {
		return err
	}
	proxy, err := netproxy.New(u.Host)
	if err != nil {
		return err
	}
	defer func() { _ = proxy.Close() }()
	u.Host = proxy.Addr()
	handle, err := newHandle()
	if err != nil {
		return err
	}
	n, again := a.size(1000, 100), 0
	for i := range n {
		o := order{ID: fmt.Sprintf("o-%07d", i), UserID: personID(i % 100)}
		if err := a.ledger.begin(o.ID, 1); err != nil {
			return err
		}
		proxy.Set(netproxy.Faults{CutOn: "commit", CutBefore: a.rng.IntN(2) == 0})
		_, err := orderOnce(ctx, u.String(), handle, o)
		a.require(err != nil, "order %s: the cut went unnoticed", o.ID)
		proxy.Set(netproxy.Faults{})
		emitted, err := orderOnce(ctx, u.String(), handle, o)
		if err != nil {
			return fmt.Errorf("order %s again: %w", o.ID, err)
		}
		if emitted.Duplicate {
			again++
		}
		if err := a.ledger.acknowledge(o.ID); err != nil {
			return err
		}
	}
	a.require(proxy.Cuts() == n, "%d of %d commits were cut", proxy.Cuts(), n)
	a.require(again > 0 && again < n, "%d of %d were there already: both cuts must have been played", again, n)
	a.fact("%d of %d were committed although the application could not know", again, n)
	a.faultEnd = time.Now()
	if _, err := a.worker(ctx, workerOpts{name: "w1"}); err != nil {
		return err
	}
	return a.settle(ctx, time.Minute)
}

func newHandle() (*dispatch.Handle[order], error) {
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{resource()}})
	if err != nil {
		return nil, err
	}
	return dispatch.For(d, resource()), nil
}

// orderOnce runs a transaction that may be run again.
func orderOnce(ctx context.Context, dsn string, handle *dispatch.Handle[order], o order) (dispatch.Emitted, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return dispatch.Emitted{}, err
	}
	defer conn.Close(ctx)
	var emitted dispatch.Emitted
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlUpsertOrder, o.ID, o.UserID); err != nil {
			return err
		}
		emitted, err = handle.EmitTx(ctx, tx, "created", o, &dispatch.EmitOpts{IdempotencyKey: o.ID})
		return err
	})
	return emitted, err
}

// failedTransactions makes the application's transactions fail in every way that has nothing to do with us.
func failedTransactions(ctx context.Context, a *arena) error {
	handle, err := newHandle()
	if err != nil {
		return err
	}
	if _, err := a.pool.Exec(ctx, sqlCreateTraps); err != nil {
		return err
	}
	for round := range a.size(20, 5) {
		for i, trap := range []func(context.Context, *arena, *dispatch.Handle[order], order, bool) error{
			serialization, deadlock, deferredConstraint, savepoint,
		} {
			o := order{ID: fmt.Sprintf("o%d-%07d", i, round), UserID: personID(round)}
			lost := order{ID: "lost" + o.ID, UserID: o.UserID}
			for _, one := range []order{o, lost} {
				if err := a.ledger.begin(one.ID, 1); err != nil {
					return err
				}
			}
			if err := trap(ctx, a, handle, lost, true); err == nil {
				a.require(false, "trap %d did not snap", i)
			}
			if err := a.ledger.refuse(lost.ID); err != nil {
				return err
			}
			if err := trap(ctx, a, handle, o, false); err != nil {
				return fmt.Errorf("trap %d: %w", i, err)
			}
			if err := a.ledger.acknowledge(o.ID); err != nil {
				return err
			}
		}
	}
	a.faultEnd = time.Now()
	if _, err := a.worker(ctx, workerOpts{name: "w1"}); err != nil {
		return err
	}
	return a.settle(ctx, time.Minute)
}

// placed inserts an order and emits.
func placed(ctx context.Context, tx pgx.Tx, handle *dispatch.Handle[order], o order) error {
	if _, err := tx.Exec(ctx, sqlInsertOrder, o.ID, o.UserID); err != nil {
		return err
	}
	_, err := handle.EmitTx(ctx, tx, "created", o, nil)
	return err
}

func serialization(ctx context.Context, a *arena, handle *dispatch.Handle[order], o order, snap bool) error {
	return pgx.BeginTxFunc(ctx, a.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		if err := placed(ctx, tx, handle, o); err != nil {
			return err
		}
		if snap {
			if _, err := a.pool.Exec(ctx, sqlTouchTrap, 1); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, sqlTouchTrap, 1)
		return err
	})
}

func deadlock(ctx context.Context, a *arena, handle *dispatch.Handle[order], o order, snap bool) error {
	return pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		if err := placed(ctx, tx, handle, o); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlTouchTrap, 1); err != nil || !snap {
			return err
		}
		other, err := a.pool.Begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = other.Rollback(context.WithoutCancel(ctx)) }()
		// The other one is patient, so that it is this transaction which the server gives up.
		if _, err := other.Exec(ctx, sqlNeverDetect); err != nil {
			return err
		}
		if _, err := other.Exec(ctx, sqlTouchTrap, 2); err != nil {
			return err
		}
		waits := make(chan error, 1)
		go func() {
			_, err := other.Exec(ctx, sqlTouchTrap, 1)
			waits <- err
		}()
		_, err = tx.Exec(ctx, sqlTouchTrap, 2)
		_ = tx.Rollback(ctx)
		return errors.Join(err, <-waits)
	})
}

func deferredConstraint(ctx context.Context, a *arena, handle *dispatch.Handle[order], o order, snap bool) error {
	return pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		if err := placed(ctx, tx, handle, o); err != nil || !snap {
			return err
		}
		_, err := tx.Exec(ctx, sqlInsertDangling)
		return err
	})
}

// savepoint rolls back to before the order, commits the rest, and says so.
func savepoint(ctx context.Context, a *arena, handle *dispatch.Handle[order], o order, snap bool) error {
	var gone error
	err := pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		inner, err := tx.Begin(ctx)
		if err != nil {
			return err
		}
		if err := placed(ctx, inner, handle, o); err != nil {
			return err
		}
		if snap {
			gone = errors.New("rolled back to the savepoint")
			return inner.Rollback(ctx)
		}
		return inner.Commit(ctx)
	})
	return errors.Join(err, gone)
}

// sameKey emits one thing fifty times at once.
func sameKey(ctx context.Context, a *arena) error {
	const processes, connections = 5, 10
	if err := a.ledger.begin("same", 1); err != nil {
		return err
	}
	running := make([]*process, processes)
	for i := range running {
		cmd := exec.CommandContext(ctx, a.self, roleEmit, "-dsn", named(a.dsn, "emitter"), "-same", "same",
			"-ledger", filepath.Join(a.dir, fmt.Sprintf("same-%d", i)), "-n", fmt.Sprint(connections), "-writers", fmt.Sprint(connections))
		p, err := startProcess("emitter", filepath.Join(a.dir, fmt.Sprintf("same-%d.err", i)), cmd)
		if err != nil {
			return err
		}
		running[i] = p
	}
	first, repeated, events := 0, 0, map[string]bool{}
	for _, p := range running {
		if err := p.wait(ctx, time.Minute); err != nil {
			return err
		}
		a.require(p.err == nil, "an emitter failed: %v%s", p.err, p.tail())
		p.mu.Lock()
		for _, line := range p.lines {
			word, id, _ := strings.Cut(line, " ")
			events[id] = true
			switch word {
			case "first":
				first++
			case "repeated":
				repeated++
			}
		}
		p.mu.Unlock()
	}
	a.require(first == 1 && repeated == processes*connections-1, "%d emits were the first, %d repeated it", first, repeated)
	a.require(len(events) == 1, "%d different events were answered", len(events))
	if err := a.ledger.acknowledge("same"); err != nil {
		return err
	}
	a.faultEnd = time.Now()
	if _, err := a.worker(ctx, workerOpts{name: "w1"}); err != nil {
		return err
	}
	return a.settle(ctx, time.Minute)
}

// otherBody uses a key for something else.
func otherBody(ctx context.Context, a *arena) error {
	handle, err := newHandle()
	if err != nil {
		return err
	}
	for i := range 20 {
		o := order{ID: fmt.Sprintf("o-%07d", i), UserID: personID(i)}
		if err := a.ledger.begin(o.ID, 1); err != nil {
			return err
		}
		if _, err := orderOnce(ctx, a.dsn, handle, o); err != nil {
			return err
		}
		if err := a.ledger.acknowledge(o.ID); err != nil {
			return err
		}
		err := pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
			_, err := handle.EmitTx(ctx, tx, "created", order{ID: o.ID, UserID: "somebody else"}, &dispatch.EmitOpts{IdempotencyKey: o.ID})
			if _, ok := errors.AsType[*dispatch.ConflictError](err); !ok {
				return fmt.Errorf("no conflict but %w", err)
			}
			return nil // The caller's transaction is as usable as before.
		})
		a.require(err == nil, "order %s: %v", o.ID, err)
	}
	a.faultEnd = time.Now()
	if _, err := a.worker(ctx, workerOpts{name: "w1"}); err != nil {
		return err
	}
	return a.settle(ctx, time.Minute)
}

// doubleClick lets an operator be impatient while the server takes its time.
func doubleClick(ctx context.Context, a *arena) error {
	if err := a.mail.play(sink.Rule{Stage: sink.End, Delay: 4 * time.Second, Keep: true}); err != nil {
		return err
	}
	if _, err := a.worker(ctx, workerOpts{name: "w1"}); err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: 5}); err != nil {
		return err
	}
	err := until(ctx, "mails are held", 10*time.Second, func() (bool, error) {
		c, err := a.mail.counts("w1.test")
		return c.Waiting == 5, err
	})
	if err != nil {
		return err
	}
	for range 2 {
		for _, action := range []string{"send-now", "reopen"} {
			cmd := exec.CommandContext(ctx, a.carillon, "receipts", action, "--event", "orders.created", "--yes", "--by", "harness", "--reason", "impatience")
			cmd.Env = append(cmd.Environ(), "DATABASE_URL="+a.dsn)
			output, err := cmd.CombinedOutput()
			a.require(err == nil, "receipts %s: %v\n%s", action, err, output)
		}
	}
	a.faultEnd = time.Now()
	return a.settle(ctx, time.Minute)
}

// emitSame is an emitter that repeats one event under one key, and says what it was told.
func (e emitting) emitSame(ctx context.Context, pool *pgxpool.Pool, say func(format string, args ...any)) error {
	handle, err := newHandle()
	if err != nil {
		return err
	}
	answers := make(chan error, e.n)
	for range e.n {
		go func() {
			answers <- pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				o := order{ID: e.prefix, UserID: personID(1)}
				if _, err := tx.Exec(ctx, sqlUpsertOrder, o.ID, o.UserID); err != nil {
					return err
				}
				emitted, err := handle.EmitTx(ctx, tx, "created", o, &dispatch.EmitOpts{IdempotencyKey: e.prefix})
				if err != nil {
					return err
				}
				word := "first"
				if emitted.Duplicate {
					word = "repeated"
				}
				say("%s %s", word, emitted.EventID)
				return nil
			})
		}()
	}
	var all []error
	for range e.n {
		all = append(all, <-answers)
	}
	return errors.Join(all...)
}
