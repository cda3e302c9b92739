package dispatchtest

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/transports"
)

var _ transports.InDatabase = (*recorder)(nil)

// recorder is a transport that keeps what was delivered into the database, for [Kit.Sent].
type recorder struct {
	transports.InDatabase
	sent []transports.Message
}

// SendTx delivers, and keeps what it has delivered.
func (r *recorder) SendTx(ctx context.Context, tx pgx.Tx, ms []transports.Message) ([]transports.Result, error) {
	results, err := r.InDatabase.SendTx(ctx, tx, ms)
	if err == nil {
		r.sent = append(r.sent, ms...)
	}
	return results, err
}
