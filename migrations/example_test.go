package migrations_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/internal/pgdev"
	"github.com/carillon-notify/carillon/migrations"
)

// A program asks whether it may work with the database; here it also brings it up to date.
func Example() {
	ctx := context.Background()
	server, err := pgdev.Start(ctx, &pgdev.Config{InMemory: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Stop(ctx) }()
	pool, err := pgxpool.New(ctx, server.DSN())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()

	err = migrations.Check(ctx, pool)
	fmt.Println(err, errors.Is(err, migrations.ErrSchemaMissing))
	report, err := migrations.Up(ctx, pool, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("first:", report.Migrations[0])
	fmt.Println(migrations.Check(ctx, pool))
	// Output:
	// the schema carillon is missing (run carillon migrate up) true
	// first: river 00001_create_river_migration
	// <nil>
}
