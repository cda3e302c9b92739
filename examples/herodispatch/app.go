package herodispatch

import (
	"cmp"
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/dispatch"
)

// DB is what the office works on: a pool or a connection.
type DB interface {
	dispatch.Beginner
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Config says whose office it is. The zero value is the office of the only city.
type Config struct {
	// City is the tenant: its people, heroes and incidents are its own. Defaults to "".
	City string
}

// App is the dispatch office of one city. It is safe for concurrent use if its database is.
type App struct {
	db    DB
	city  string
	actor string

	incidents   *dispatch.Handle[IncidentEvent]
	heroes      *dispatch.Handle[HeroEvent]
	assignments *dispatch.Handle[AssignmentEvent]
}

// New returns the office of a city, in a database with the tables of [Install] and those of Carillon. It panics if d
// was not made of this package's declarations, as [NewDispatcher] makes it.
func New(db DB, d *dispatch.Dispatcher, config *Config) *App {
	config = cmp.Or(config, &Config{})
	return &App{
		db: db, city: config.City,
		incidents:   dispatch.For(d, Incidents),
		heroes:      dispatch.For(d, Heroes),
		assignments: dispatch.For(d, Assignments),
	}
}

// As returns the same office with the person at the desk: who did it, in the events of what is done.
func (a *App) As(person string) *App {
	other := *a
	other.actor = person
	return &other
}

// opts go with every event of the office.
func (a *App) opts() *dispatch.EmitOpts {
	return &dispatch.EmitOpts{Tenant: a.city, Actor: a.actor}
}

// querier reads rows: the database or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// one runs a statement that gives exactly one row, or [pgx.ErrNoRows].
func one[T any](ctx context.Context, db querier, sql string, args pgx.StrictNamedArgs) (T, error) {
	rows, err := db.Query(ctx, sql, args)
	if err != nil {
		var none T
		return none, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T])
}
