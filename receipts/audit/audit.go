// Package audit proves by SQL that nothing is lost: [Run] checks what must hold in the database at every commit, and
// names the rows that fall short.
//
// It only reads. Every check is one statement, so each sees one moment; give [Run] a transaction of REPEATABLE READ and
// all see the same. Checks of live receipts are as cheap as there are live receipts; those of finished ones read whole
// tables, which takes seconds per million rows and locks nothing.
package audit

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// MaxIDs is how many ids a [Result] names at most.
const MaxIDs = 20

// Level says how much a check that falls short weighs.
type Level string

// The levels.
const (
	// Fail is a broken promise.
	Fail Level = "fail"
	// Warn is something that the promises allow, and that somebody should look at.
	Warn Level = "warn"
)

// Result is what one check found.
type Result struct {
	// Check is the name of the check, such as "I3".
	Check string `json:"check"`
	// Level is how much it weighs if Count is not zero.
	Level Level `json:"level"`
	// Meaning says in one line what the check wants.
	Meaning string `json:"meaning"`
	// Count is how many rows fall short.
	Count int64 `json:"count"`
	// IDs are those of the first of them, at most [MaxIDs]. Those of I1 are events, of I11 leases, of W1 emit failures, and
	// all others receipts.
	IDs []string `json:"ids"`
}

// Holds says whether nothing falls short.
func (r Result) Holds() bool { return r.Count == 0 }

// Querier is a connection, a pool or a transaction of pgx.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Opts are options of [Run].
type Opts struct {
	// Now is the time at which to judge. Defaults to the database's own.
	Now time.Time
	// Grace is how long whatever is due may wait for the worker that looks after it. Defaults to 60 s: reclaim and
	// reconcile take at most 40 s where a worker runs.
	Grace time.Duration
}

// Run makes every check, in a fixed order, and returns a result for each. An error means that the database could not be
// asked; what falls short is no error.
func Run(ctx context.Context, db Querier, opts *Opts) ([]Result, error) {
	var o Opts
	if opts != nil {
		o = *opts
	}
	o.Grace = cmp.Or(o.Grace, time.Minute)
	if o.Grace < 0 {
		return nil, fmt.Errorf("audit: Grace is %s (at least 0)", o.Grace)
	}
	all := o.args()
	var results []Result
	for _, c := range checks() {
		args := pgx.StrictNamedArgs{"most": MaxIDs}
		for _, name := range c.args {
			args[name] = all[name]
		}
		r := Result{Check: c.name, Level: c.level, Meaning: c.meaning}
		if err := db.QueryRow(ctx, c.sql, args).Scan(&r.Count, &r.IDs); err != nil {
			return nil, fmt.Errorf("audit %s: %w", c.name, err)
		}
		results = append(results, r)
	}
	return results, nil
}
