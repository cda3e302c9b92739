package preferences

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Every stands for each category or each transport.
const Every = "*"

// Choice is what a person wants of a category.
type Choice string

// The choices.
const (
	On  Choice = "on"
	Off Choice = "off"
)

// DB is what the statements run on: a pool, a connection, or a transaction.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Preference is one stored choice.
type Preference struct {
	Tenant    string    `json:"tenant,omitempty"`
	Person    string    `json:"person"`
	Category  string    `json:"category"`
	Transport string    `json:"transport"`
	Choice    Choice    `json:"choice"`
	UpdatedBy string    `json:"updated_by,omitempty"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Question asks which row decides for one person, category and transport.
type Question struct {
	Tenant, Person, Category, Transport string
}

// Set stores a choice. An empty category or transport means [Every]. It refuses an empty person and an unknown
// choice.
func Set(ctx context.Context, db DB, p Preference) error {
	if p.Person == "" {
		return fmt.Errorf("set preference: person is empty (name who chose)")
	}
	if p.Choice != On && p.Choice != Off {
		return fmt.Errorf("set preference: choice is %q (one of on, off)", p.Choice)
	}
	_, err := db.Exec(ctx, sqlSet, pgx.StrictNamedArgs{
		"tenant": p.Tenant, "person": p.Person, "category": orEvery(p.Category), "transport": orEvery(p.Transport),
		"choice": string(p.Choice), "updated_by": p.UpdatedBy,
	})
	if err != nil {
		return fmt.Errorf("set preference: %w", err)
	}
	return nil
}

// List returns a person's choices.
func List(ctx context.Context, db DB, tenant, person string) ([]Preference, error) {
	rows, err := db.Query(ctx, sqlList, pgx.StrictNamedArgs{"tenant": tenant, "person": person})
	if err != nil {
		return nil, fmt.Errorf("list preferences: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Preference])
	if err != nil {
		return nil, fmt.Errorf("list preferences: %w", err)
	}
	return list, nil
}

// Deciding answers questions in one round trip: for each the row that decides, or nil if there is none.
func Deciding(ctx context.Context, db DB, questions []Question) ([]*Preference, error) {
	answers := make([]*Preference, len(questions))
	if len(questions) == 0 {
		return answers, nil
	}
	columns := map[string][]string{}
	for _, q := range questions {
		columns["tenants"] = append(columns["tenants"], q.Tenant)
		columns["people"] = append(columns["people"], q.Person)
		columns["categories"] = append(columns["categories"], q.Category)
		columns["transports"] = append(columns["transports"], q.Transport)
	}
	args := pgx.StrictNamedArgs{}
	for name, values := range columns {
		args[name] = values
	}
	rows, err := db.Query(ctx, sqlDeciding, args)
	if err != nil {
		return nil, fmt.Errorf("look up preferences: %w", err)
	}
	var n int
	var p Preference
	scan := []any{&n, &p.Tenant, &p.Person, &p.Category, &p.Transport, &p.Choice, &p.UpdatedBy, &p.UpdatedAt}
	_, err = pgx.ForEachRow(rows, scan, func() error {
		answer := p
		answers[n-1] = &answer
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up preferences: %w", err)
	}
	return answers, nil
}

func orEvery(s string) string {
	if s == "" {
		return Every
	}
	return s
}
