package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/dispatch"
)

// ledger is what the application knows of its own transactions. With a file, it survives the process that writes it.
type ledger struct {
	mu     sync.Mutex
	orders map[string]*entry
	file   *os.File
}

// entry is one order, as far as its application knows.
type entry struct {
	acknowledged, refused bool
	recipients            int
}

func newLedger() *ledger { return &ledger{orders: map[string]*entry{}} }

func (l *ledger) note(word, id string, change func(*entry)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.orders[id] == nil {
		l.orders[id] = &entry{recipients: 1}
	}
	change(l.orders[id])
	if l.file == nil {
		return nil
	}
	_, err := fmt.Fprintf(l.file, "%s %s\n", word, id)
	return err
}

func (l *ledger) begin(id string, recipients int) error {
	return l.note("begin", id, func(e *entry) { e.recipients = recipients })
}

func (l *ledger) acknowledge(id string) error {
	return l.note("commit", id, func(e *entry) { e.acknowledged = true })
}

func (l *ledger) refuse(id string) error {
	return l.note("refuse", id, func(e *entry) { e.refused = true })
}

// merge adds what an emitter's process wrote.
func (l *ledger) merge(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		word, id, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "begin":
			err = l.begin(id, 1)
		case "commit":
			err = l.acknowledge(id)
		case "refuse":
			err = l.refuse(id)
		}
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

// emitting says what to emit.
type emitting struct {
	action dispatch.Action
	// prefix begins the ids of the orders, which are as long as each other.
	prefix string
	n      int
	// rate is how many a second; 0 is as fast as possible with writers connections, which default to 4.
	rate    float64
	writers int
	// people is how many different buyers there are.
	people int
	// recipients is how many receipts each order leads to; 1 if it is 0.
	recipients int
	opts       *dispatch.EmitOpts
	// timed hears how long each transaction took.
	timed func(time.Duration)
	// patient goes on after an error, which then leaves the order unknown.
	patient bool
}

// emit runs the transactions and writes down what came of each. Without patience the first error ends it.
func (e emitting) emit(ctx context.Context, pool *pgxpool.Pool, l *ledger) error {
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{resource()}})
	if err != nil {
		return err
	}
	handle := dispatch.For(d, resource())
	var ticks <-chan time.Time
	if e.rate > 0 {
		ticker := time.NewTicker(time.Duration(float64(time.Second) / e.rate))
		defer ticker.Stop()
		ticks = ticker.C
	}
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range max(1, e.writers) {
		group.Go(func() error {
			for {
				if ticks != nil {
					select {
					case <-ticks:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				i := int(next.Add(1))
				if i > e.n || ctx.Err() != nil {
					return ctx.Err()
				}
				if err := e.one(ctx, pool, handle, l, i); err != nil && !e.patient {
					return err
				}
			}
		})
	}
	return group.Wait()
}

func (e emitting) one(ctx context.Context, pool *pgxpool.Pool, handle *dispatch.Handle[order], l *ledger, i int) error {
	o := order{ID: fmt.Sprintf("%s-%07d", e.prefix, i), UserID: personID(i % max(1, e.people))}
	if err := l.begin(o.ID, max(1, e.recipients)); err != nil {
		return err
	}
	begun := time.Now()
	_, err := handle.Run(ctx, pool, e.action, func(tx pgx.Tx) (order, error) {
		_, err := tx.Exec(ctx, sqlInsertOrder, o.ID, o.UserID)
		return o, err
	}, e.opts)
	if err != nil {
		return fmt.Errorf("emit %s: %w", o.ID, err)
	}
	if e.timed != nil {
		e.timed(time.Since(begun))
	}
	return l.acknowledge(o.ID)
}

// stopwatch collects times.
type stopwatch struct {
	mu  sync.Mutex
	all []time.Duration
}

func (s *stopwatch) add(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, d)
}

func personID(i int) string { return fmt.Sprintf("u%06d", i) }

// emitProcess is an emitter in a process of its own, which a failpoint may end.
func emitProcess(ctx context.Context, args []string) (err error) {
	e := emitting{action: actCreate, people: 100}
	flags := flag.NewFlagSet(roleEmit, flag.ContinueOnError)
	dsn := flags.String("dsn", "", "the database")
	path := flags.String("ledger", "", "the file for what happens")
	action := flags.String("action", string(actCreate), "what is done")
	flags.StringVar(&e.prefix, "prefix", "o", "begins the ids")
	flags.IntVar(&e.n, "n", 1, "how many")
	flags.IntVar(&e.writers, "writers", 1, "connections")
	same := flags.String("same", "", "emit this one order n times at once, under one key")
	if err := flags.Parse(args); err != nil {
		return err
	}
	e.action = dispatch.Action(*action)
	l := newLedger()
	if l.file, err = os.Create(*path); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.file.Close()) }()
	pool, err := pgxpool.New(ctx, *dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	if *same != "" {
		e.prefix = *same
		return e.emitSame(ctx, pool, func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) })
	}
	return e.emit(ctx, pool, l)
}
