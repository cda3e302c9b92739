package main

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/dbtest"
)

func setup(t *testing.T) (*database, *pgx.Conn, *shop) {
	t.Helper()
	config, err := pgxpool.ParseConfig(dbtest.DSN(t))
	require.NoError(t, err)
	db := &database{config: config}
	conn, err := db.connect(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	_, err = conn.Exec(t.Context(), sqlCreateOrders)
	require.NoError(t, err)
	s, err := newShop()
	require.NoError(t, err)
	return db, conn, s
}

func TestEmitTakesOneExtraRoundTrip(t *testing.T) {
	t.Parallel()
	db, _, _ := setup(t)
	trips, err := measureTrips(t.Context(), db)
	require.NoError(t, err)
	require.EqualValues(t, 3, trips.Domain) // begin, insert, commit
	require.GreaterOrEqual(t, trips.Naive, trips.Domain+5)
}

func TestNaiveWayLeavesTheSameRows(t *testing.T) {
	t.Parallel()
	_, conn, s := setup(t)
	require.NoError(t, checkSame(t.Context(), conn, s))
}

func TestCheckSeesOtherRows(t *testing.T) {
	t.Parallel()
	_, conn, s := setup(t)
	s.wires[0].audience = "nobody"
	require.ErrorContains(t, checkSame(t.Context(), conn, s), "other rows in receipts")
	s.wires = s.wires[:2]
	require.ErrorContains(t, checkSame(t.Context(), conn, s), "not 2")
}

func TestSpread(t *testing.T) {
	t.Parallel()
	require.Equal(t, spread{Median: 3, Q1: 2, Q3: 4, Min: 1, Max: 5}, spreadOf([]float64{5, 1, 4, 2, 3}))
	require.Equal(t, spread{}, spreadOf(nil))
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	require.EqualValues(t, 50, nearestRank(hundred, 0.5))
	require.EqualValues(t, 99, nearestRank(hundred, 0.99))
	require.EqualValues(t, 100, nearestRank(hundred, 1))
	require.Zero(t, nearestRank(nil, 0.5))
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-only", "nothing"}, {"-nonsense"}, {"emit"}} {
		var words bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), args, io.Discard, &words))
		require.NotEmpty(t, words.String())
	}
}
