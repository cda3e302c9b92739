package herodispatch

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/dispatch"
)

//go:embed schema.sql
var schema string

// Install creates the schema herodispatch and its tables where they are missing. It may be called again, and by
// several processes at once. The role needs CREATE on the database.
func Install(ctx context.Context, db dispatch.Beginner) error {
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		// Two that create the same schema at the same moment do not see each other: IF NOT EXISTS does not suffice.
		if _, err := tx.Exec(ctx, sqlLockInstall); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, schema)
		return err
	})
	if err != nil {
		return fmt.Errorf("install the schema herodispatch: %w", err)
	}
	return nil
}
