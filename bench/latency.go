package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/transports"
)

const (
	// late is from when on a send is counted as one that a wake-up did not reach.
	late = 20 * time.Millisecond
	// patience is how long the last sends may take.
	patience = 30 * time.Second
)

// latencyLoad says how the measure is taken. The gaps between events are exponential, from a fixed seed.
type latencyLoad struct {
	Channels        int     `json:"channels"`
	EventsPerSecond float64 `json:"events_per_second"`
	WarmUpSeconds   float64 `json:"warm_up_seconds"`
	Seconds         float64 `json:"seconds"`
	Seed            uint64  `json:"seed"`
}

// latencyFigures are of the time from the return of Commit to the entry of Send.
type latencyFigures struct {
	N          int     `json:"n"`
	P50        float64 `json:"p50_ms"`
	P90        float64 `json:"p90_ms"`
	P99        float64 `json:"p99_ms"`
	Max        float64 `json:"max_ms"`
	ShareLate  float64 `json:"share_over_20_ms"`
	SentBefore int     `json:"sent_before_commit_returned"`
}

func measureLatency(ctx context.Context, db *database, load latencyLoad) (*latencyFigures, error) {
	dispatcher, orders, err := declare([]dispatch.Channel{{Transport: transports.Email, Audience: "user"}})
	if err != nil {
		return nil, err
	}
	s, err := newShop()
	if err != nil {
		return nil, err
	}
	emitters, err := db.pool(ctx, 8)
	if err != nil {
		return nil, err
	}
	defer emitters.Close()
	if err := people.Set(ctx, emitters, "", people.Person{ID: s.next().UserID, Name: "Ada", Email: "ada@example.com"}); err != nil {
		return nil, err
	}
	if _, err := emitters.Exec(ctx, sqlEmptyTables); err != nil {
		return nil, fmt.Errorf("empty the tables: %w", err)
	}
	// As many connections as the lanes of one transport can use, and some for upkeep and listening.
	pool, err := db.pool(ctx, 20)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	watch := &stopwatch{committed: map[uuid.UUID]time.Time{}, entered: map[uuid.UUID]time.Time{}, arrived: make(chan struct{}, 1)}
	w, err := worker.New(pool, dispatcher, &worker.Config{Transports: []transports.Transport{watch}})
	if err != nil {
		return nil, err
	}
	stream := &stream{shop: s, orders: dispatch.For(dispatcher, orders), pool: emitters, watch: watch, load: load}
	if err := beside(ctx, w.Run, stream.run); err != nil {
		return nil, err
	}
	return watch.figures(), nil
}

// beside runs work while other runs, and ends that one's context after it.
func beside(ctx context.Context, other, work func(ctx context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	otherCtx, stop := context.WithCancel(ctx)
	group.Go(func() error { return other(otherCtx) })
	group.Go(func() error {
		defer stop()
		return work(ctx)
	})
	return group.Wait()
}

// stream is the emitter: an open loop, which does not wait for sends and lets transactions overlap.
type stream struct {
	shop   *shop
	orders *dispatch.Handle[order]
	pool   *pgxpool.Pool
	watch  *stopwatch
	load   latencyLoad
}

func (s *stream) run(ctx context.Context) error {
	random := rand.New(rand.NewPCG(s.load.Seed, s.load.Seed))
	start := time.Now()
	count := time.Duration(s.load.WarmUpSeconds * float64(time.Second))
	end := count + time.Duration(s.load.Seconds*float64(time.Second))
	group, groupCtx := errgroup.WithContext(ctx)
	for at := time.Duration(0); ; {
		at += time.Duration(random.ExpFloat64() / s.load.EventsPerSecond * float64(time.Second))
		if at > end {
			break
		}
		if err := until(groupCtx, start.Add(at)); err != nil {
			break // Either ours ended, or a transaction failed; Wait tells which.
		}
		group.Go(func() error { return s.emit(groupCtx, at >= count) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return s.watch.wait(ctx)
}

// emit runs one transaction, and stamps the return of its commit if it counts.
func (s *stream) emit(ctx context.Context, counts bool) error {
	o := s.shop.next()
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // It does nothing after a commit.
	if _, err := tx.Exec(ctx, sqlInsertOrder, o.ID, o.UserID, o.Number, o.TotalCents); err != nil {
		return fmt.Errorf("insert the order: %w", err)
	}
	emitted, err := s.orders.EmitTx(ctx, tx, created, o, nil)
	if err != nil {
		return err
	}
	err = tx.Commit(ctx)
	now := time.Now()
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if counts {
		s.watch.commit(emitted.EventID, now)
	}
	return nil
}

// until waits for a moment.
func until(ctx context.Context, moment time.Time) error {
	timer := time.NewTimer(time.Until(moment))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stopwatch is a transport in memory that stamps the entry of Send before anything else.
type stopwatch struct {
	mu        sync.Mutex
	committed map[uuid.UUID]time.Time
	entered   map[uuid.UUID]time.Time
	// arrived has something in it when there was a send since it was last looked at.
	arrived chan struct{}
}

var _ transports.Transport = (*stopwatch)(nil)

// Name is "email".
func (*stopwatch) Name() string { return transports.Email }

// Spec is that of the email transport.
func (*stopwatch) Spec() transports.Spec { return transports.EmailSpec() }

// Send stamps the first try of a message and accepts it.
func (w *stopwatch) Send(_ context.Context, m transports.Message) (transports.Result, error) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, again := w.entered[m.EventID]; !again {
		w.entered[m.EventID] = now
	}
	select {
	case w.arrived <- struct{}{}:
	default:
	}
	return transports.Result{Provider: "bench"}, nil
}

func (w *stopwatch) commit(event uuid.UUID, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.committed[event] = at
}

// wait returns when every event that counts was sent.
func (w *stopwatch) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("the worker did not send everything in time"))
	defer cancel()
	for {
		missing := w.missing()
		if missing == 0 {
			return nil
		}
		select {
		case <-w.arrived:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d sends: %w", missing, context.Cause(ctx))
		}
	}
}

func (w *stopwatch) missing() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	missing := 0
	for event := range w.committed {
		if _, sent := w.entered[event]; !sent {
			missing++
		}
	}
	return missing
}

// figures sums up. A send may begin before the emitter hears that its commit is done; that counts as no time at all.
func (w *stopwatch) figures() *latencyFigures {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := &latencyFigures{N: len(w.committed)}
	times := make([]float64, 0, f.N)
	over := 0
	for event, committed := range w.committed {
		took := w.entered[event].Sub(committed)
		if took < 0 {
			f.SentBefore++
			took = 0
		}
		if took > late {
			over++
		}
		times = append(times, float64(took)/float64(time.Millisecond))
	}
	slices.Sort(times)
	f.P50 = round(nearestRank(times, 0.50), 2)
	f.P90 = round(nearestRank(times, 0.90), 2)
	f.P99 = round(nearestRank(times, 0.99), 2)
	f.Max = round(nearestRank(times, 1), 2)
	if f.N > 0 {
		f.ShareLate = round(float64(over)/float64(f.N), 4)
	}
	return f
}
