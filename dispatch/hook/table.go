package hook

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// DB is what the statements run on: a pool, a connection, or a transaction.
type DB interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// table is a table of the application.
type table struct {
	OID     uint32
	Schema  string
	Name    string
	Kind    string
	Columns []string
	// Key are the columns of the primary key.
	Key []string
}

func (t *table) name() string   { return t.Schema + "." + t.Name }
func (t *table) quoted() string { return pgx.Identifier{t.Schema, t.Name}.Sanitize() }

// codeInvalidName is Postgres' answer to text that is no name of a table.
const codeInvalidName = "42602"

// findTable looks a table up as SQL would.
func findTable(ctx context.Context, db DB, text string) (*table, error) {
	rows, err := db.Query(ctx, sqlFindTable, pgx.StrictNamedArgs{"table": text})
	if err != nil {
		return nil, fmt.Errorf("look for table %s: %w", text, err)
	}
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[table])
	pg, _ := errors.AsType[*pgconn.PgError](err)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, invalidf("table %s does not exist, or not on the search path (write schema.table)", text)
	case pg != nil && pg.Code == codeInvalidName:
		return nil, invalidf("%s is not the name of a table (write schema.table, with double quotes where SQL needs them)", text)
	case err != nil:
		return nil, fmt.Errorf("look for table %s: %w", text, err)
	case t.Kind != "r" && t.Kind != "p":
		return nil, invalidf("%s is not a table (only tables have triggers for each row)", t.name())
	case t.Schema == "carillon":
		return nil, invalidf("%s is a table of carillon itself (hook a table of the application)", t.name())
	}
	return &t, nil
}

// publishedFields returns the fields of an event.
func publishedFields(ctx context.Context, db DB, event string) ([]string, error) {
	var fields []string
	err := db.QueryRow(ctx, sqlFindFields, pgx.StrictNamedArgs{"event": event}).Scan(&fields)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, invalidf("event %q is not published (declare it and run: carillon publish)", event)
	}
	if err != nil {
		return nil, fmt.Errorf("look for event %s: %w", event, err)
	}
	return fields, nil
}
