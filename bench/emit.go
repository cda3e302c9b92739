package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// leadIn is how many transactions each writer runs before the clock of a slice starts: emptying the tables makes every
// session plan its statements anew.
const leadIn = 3

// emitLoad says how the measure is taken.
type emitLoad struct {
	Writers      []int   `json:"writers"`
	Channels     int     `json:"channels"`
	Slices       int     `json:"slices"`
	SliceSeconds float64 `json:"slice_seconds"`
}

// emitFigures are those of one number of writers. A ratio is that of two slices of the same round.
type emitFigures struct {
	Writers       int    `json:"writers"`
	EmitToDomain  spread `json:"emit_to_domain"`
	NaiveToDomain spread `json:"naive_to_domain"`
	EmitToNaive   spread `json:"emit_to_naive"`
	DomainRate    spread `json:"domain_per_second"`
	EmitRate      spread `json:"emit_per_second"`
	NaiveRate     spread `json:"naive_per_second"`
}

func measureEmit(ctx context.Context, db *database, load emitLoad) ([]emitFigures, error) {
	s, err := newShop()
	if err != nil {
		return nil, err
	}
	admin, err := db.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer admin.Close(context.WithoutCancel(ctx))
	if err := checkSame(ctx, admin, s); err != nil {
		return nil, err
	}
	all := make([]emitFigures, 0, len(load.Writers))
	for _, writers := range load.Writers {
		figures, err := measureWriters(ctx, db, admin, s, writers, load)
		if err != nil {
			return nil, fmt.Errorf("with %d writers: %w", writers, err)
		}
		all = append(all, figures)
	}
	return all, nil
}

// measureWriters runs the rounds of one number of writers.
func measureWriters(ctx context.Context, db *database, admin *pgx.Conn, s *shop, writers int, load emitLoad) (emitFigures, error) {
	conns := make([]*pgx.Conn, 0, writers)
	defer func() {
		for _, conn := range conns {
			conn.Close(context.WithoutCancel(ctx))
		}
	}()
	for range writers {
		conn, err := db.connect(ctx)
		if err != nil {
			return emitFigures{}, err
		}
		conns = append(conns, conn)
	}
	if err := checkpoint(ctx, admin); err != nil {
		return emitFigures{}, err
	}
	arms := []act{s.domain, s.emit, s.naive}
	rates := make([][]float64, len(arms))
	length := time.Duration(load.SliceSeconds * float64(time.Second))
	for round := -1; round < load.Slices; round++ { // Round -1 warms up.
		for i := range arms {
			arm := (round + 1 + i) % len(arms)
			rate, err := slice(ctx, admin, conns, length, s, arms[arm])
			if err != nil {
				return emitFigures{}, err
			}
			if round >= 0 {
				rates[arm] = append(rates[arm], rate)
			}
		}
	}
	domain, emit, naive := rates[0], rates[1], rates[2]
	return emitFigures{
		Writers:      writers,
		EmitToDomain: spreadOf(ratios(emit, domain)), NaiveToDomain: spreadOf(ratios(naive, domain)),
		EmitToNaive: spreadOf(ratios(emit, naive)),
		DomainRate:  spreadOf(domain), EmitRate: spreadOf(emit), NaiveRate: spreadOf(naive),
	}, nil
}

// slice lets one writer per connection repeat an act on empty tables for a while, and returns how often they did it per
// second.
func slice(ctx context.Context, admin *pgx.Conn, conns []*pgx.Conn, length time.Duration, s *shop, do act) (float64, error) {
	if err := empty(ctx, admin); err != nil {
		return 0, err
	}
	done := make([]int, len(conns))
	// together has every writer repeat the act while more says so.
	together := func(more func(n int) bool) error {
		group, ctx := errgroup.WithContext(ctx)
		for i, conn := range conns {
			group.Go(func() error {
				for done[i] = 0; more(done[i]); done[i]++ {
					if err := do(ctx, conn, s.next()); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return group.Wait()
	}
	if err := together(func(n int) bool { return n < leadIn }); err != nil {
		return 0, err
	}
	start := time.Now()
	err := together(func(int) bool { return time.Since(start) < length })
	elapsed := time.Since(start)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, n := range done {
		total += n
	}
	return float64(total) / elapsed.Seconds(), nil
}

// ratios divides what was measured in the same round.
func ratios(over, under []float64) []float64 {
	all := make([]float64, len(over))
	for i := range over {
		all[i] = over[i] / under[i]
	}
	return all
}
