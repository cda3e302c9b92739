package receipts

import (
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// Passing reports whether an error of the database may go away by itself: it was the connection's, or what Postgres says
// while it restarts, fails over, lacks resources or resolves a deadlock.
func Passing(err error) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return err != nil
	}
	const readOnly = "25006"
	return refused.Code == readOnly || slices.Contains([]string{"08", "40", "53", "57"}, refused.Code[:2])
}
