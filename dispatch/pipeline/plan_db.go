package pipeline

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/receipts"
)

// rollbackTimeout bounds the end of a plan, which outlives its context.
const rollbackTimeout = 10 * time.Second

// rolledBack calls f with a transaction, or a savepoint of one, of which nothing remains.
func rolledBack(ctx context.Context, db receipts.DB, f func(tx pgx.Tx) error) error {
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
		// If it fails the connection is gone, and the transaction with it.
		_ = tx.Rollback(ctx)
	}()
	return f(tx)
}

// forgivingDB is a transaction that a failing query of the application does not end: each query runs under a
// savepoint. A worker's queries run on a pool, where the failing of one does not concern the others.
type forgivingDB struct{ pgx.Tx }

var _ receipts.DB = forgivingDB{}

// Query runs under a savepoint that ends with the rows.
func (db forgivingDB) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	savepoint, err := db.Begin(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := savepoint.Query(ctx, sql, args...)
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		_ = savepoint.Rollback(ctx)
		return nil, err
	}
	return &forgivenRows{Rows: rows, endFunc: func(err error) error {
		if err != nil {
			_ = savepoint.Rollback(ctx)
			return err
		}
		return savepoint.Commit(ctx)
	}}, nil
}

// forgivenRows end their savepoint when they are read or closed.
type forgivenRows struct {
	pgx.Rows
	// endFunc releases the savepoint, or rolls back to it after an error, which it returns.
	endFunc func(error) error
	ended   bool
	err     error
}

// Next ends the savepoint after the last row.
func (r *forgivenRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

// Close ends the savepoint.
func (r *forgivenRows) Close() {
	r.Rows.Close()
	if r.ended {
		return
	}
	r.ended = true
	r.err = r.endFunc(r.Rows.Err())
}

// Err is the query's error, or that of ending its savepoint.
func (r *forgivenRows) Err() error {
	if r.ended {
		return r.err
	}
	return r.Rows.Err()
}
