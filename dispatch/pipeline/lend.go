package pipeline

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/receipts"
)

// lent is the database as functions of the application get it, for the time of one call. Rows that they leave open are
// closed after them: each would keep a connection of the pool for good, and a transaction from its next statement.
type lent struct {
	db receipts.DB

	mu   sync.Mutex
	open []pgx.Rows
}

// lend lends the database to f.
func (r *run) lend(f func(db *lent) error) error {
	l := &lent{db: r.db}
	defer l.close()
	return f(l)
}

// Query is that of the database.
func (l *lent) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	rows, err := l.db.Query(ctx, sql, args...)
	if err == nil {
		l.mu.Lock()
		l.open = append(l.open, rows)
		l.mu.Unlock()
	}
	return rows, err
}

func (l *lent) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, rows := range l.open {
		rows.Close()
	}
}
