// Package people says who can be reached and how. The pipeline asks a [Directory] for many people at once: the
// built-in [Table], a query over a table of the application ([SQL]), or a function ([Func]).
package people

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carillon-notify/carillon/dispatch/internal/sqltext"
)

// Person is one reachable human being.
type Person struct {
	// ID is the application's own id.
	ID string `json:"id"`
	// Name is for display.
	Name string `json:"name,omitempty"`
	// Email is an address in RFC 5322 form without a display name.
	Email string `json:"email,omitempty"`
	// Phone is in E.164 form.
	Phone string `json:"phone,omitempty"`
	// Locale is a BCP 47 tag.
	Locale string `json:"locale,omitempty"`
	// Timezone is an IANA name.
	Timezone string `json:"timezone,omitempty"`
}

// Querier is what a directory reads through: a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Directory finds people. Someone it does not know is missing from the answer; that is no error. An error is retried.
type Directory interface {
	Find(ctx context.Context, db Querier, tenant string, ids []string) (map[string]Person, error)
}

// Func is a [Directory] made of a function.
type Func func(ctx context.Context, tenant string, ids []string) (map[string]Person, error)

// Find calls f.
func (f Func) Find(ctx context.Context, _ Querier, tenant string, ids []string) (map[string]Person, error) {
	return f(ctx, tenant, ids)
}

// SQL is a [Directory] over the application's own tables. $1 is the array of ids as text, $2, where used, the tenant.
// Columns are matched by name: id, name, email, phone, locale, timezone; id is required, the others may be missing,
// and any may be NULL but id.
type SQL struct {
	Query string
}

var columnNames = []string{"id", "name", "email", "phone", "locale", "timezone"}

// Find runs the query.
func (s SQL) Find(ctx context.Context, db Querier, tenant string, ids []string) (map[string]Person, error) {
	columns, rows, err := sqltext.Query(ctx, db, s.Query,
		sqltext.Arg{Value: ids, Type: "text[]"}, sqltext.Arg{Value: tenant, Type: "text"})
	if err != nil {
		return nil, fmt.Errorf("find people: %w", err)
	}
	for _, column := range columns {
		if !slices.Contains(columnNames, column) {
			return nil, fmt.Errorf("find people: the query returns a column %q (columns are %s)", column, strings.Join(columnNames, ", "))
		}
	}
	found := make(map[string]Person, len(rows))
	for _, row := range rows {
		if row["id"] == "" {
			return nil, fmt.Errorf("find people: the query returned a row without id")
		}
		found[row["id"]] = Person{
			ID: row["id"], Name: row["name"], Email: row["email"], Phone: row["phone"],
			Locale: row["locale"], Timezone: row["timezone"],
		}
	}
	return found, nil
}

// Table is the built-in [Directory], the table carillon.people.
type Table struct{}

// Find reads the table.
func (Table) Find(ctx context.Context, db Querier, tenant string, ids []string) (map[string]Person, error) {
	rows, err := db.Query(ctx, sqlFind, pgx.StrictNamedArgs{"tenant": tenant, "ids": ids})
	if err != nil {
		return nil, fmt.Errorf("find people: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Person])
	if err != nil {
		return nil, fmt.Errorf("find people: %w", err)
	}
	found := make(map[string]Person, len(list))
	for _, p := range list {
		found[p.ID] = p
	}
	return found, nil
}

// Set stores a person in the built-in table, replacing what it knew. It refuses an empty id.
func Set(ctx context.Context, db interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}, tenant string, p Person,
) error {
	if p.ID == "" {
		return fmt.Errorf("set person: id is empty (give the application's own id)")
	}
	_, err := db.Exec(ctx, sqlSet, pgx.StrictNamedArgs{
		"tenant": tenant, "id": p.ID, "name": p.Name, "email": p.Email, "phone": p.Phone,
		"locale": p.Locale, "timezone": p.Timezone,
	})
	if err != nil {
		return fmt.Errorf("set person: %w", err)
	}
	return nil
}
