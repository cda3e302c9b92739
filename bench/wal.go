package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// walLoad says how the measure is taken.
type walLoad struct {
	Transactions int `json:"transactions"`
}

// walFigures are bytes of write-ahead log per transaction. An emit's are what it adds to the application's own.
type walFigures struct {
	Domain float64 `json:"domain_bytes"`
	Emit   float64 `json:"emit_bytes"`
	Naive  float64 `json:"naive_bytes"`
}

func measureWAL(ctx context.Context, db *database, load walLoad) (*walFigures, error) {
	s, err := newShop()
	if err != nil {
		return nil, err
	}
	conn, err := db.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	perAct := func(do act) (float64, error) { return walPerAct(ctx, conn, s, do, load.Transactions) }
	domain, err := perAct(s.domain)
	if err != nil {
		return nil, err
	}
	emit, err := perAct(s.emit)
	if err != nil {
		return nil, err
	}
	naive, err := perAct(s.naive)
	if err != nil {
		return nil, err
	}
	return &walFigures{
		Domain: round(domain, 0), Emit: round(emit-domain, 0), Naive: round(naive-domain, 0),
	}, nil
}

// walPerAct repeats an act on one connection. The checkpoint comes before the lead-in, so that whole pages which are
// logged once after it do not count.
func walPerAct(ctx context.Context, conn *pgx.Conn, s *shop, do act, n int) (float64, error) {
	if err := empty(ctx, conn); err != nil {
		return 0, err
	}
	if err := checkpoint(ctx, conn); err != nil {
		return 0, err
	}
	for range 20 {
		if err := do(ctx, conn, s.next()); err != nil {
			return 0, err
		}
	}
	var from string
	if err := conn.QueryRow(ctx, sqlSelectWALPosition).Scan(&from); err != nil {
		return 0, fmt.Errorf("read the log's position: %w", err)
	}
	for range n {
		if err := do(ctx, conn, s.next()); err != nil {
			return 0, err
		}
	}
	var bytes int64
	if err := conn.QueryRow(ctx, sqlSelectWALBytes, from).Scan(&bytes); err != nil {
		return 0, fmt.Errorf("read the log's growth: %w", err)
	}
	return float64(bytes) / float64(n), nil
}
