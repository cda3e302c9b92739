package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/internal/pgdev"
	"github.com/carillon-notify/carillon/migrations"
)

// A plan says who would get what, and why not, without an emit.
func ExamplePlanner_Plan() {
	d, err := dispatch.New(&dispatch.Config{
		Resources:  []dispatch.Declaration{resource(nil, inAppTo("user"), emailTo("others"))},
		Categories: []dispatch.Category{{Name: "orders"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	planner, err := pipeline.NewPlanner(d, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = withDatabase(context.Background(), func(ctx context.Context, pool *pgxpool.Pool) error {
		if err := people.Set(ctx, pool, "", people.Person{ID: "ann", Email: "ann@example.com"}); err != nil {
			return err
		}
		plan, err := planner.Plan(ctx, pool, pipeline.PlanParams{
			Event: "orders.created", Data: json.RawMessage(`{"order_number": "A7", "user_id": "ann", "others": ["ann", "bob"]}`),
		})
		if err != nil {
			return err
		}
		for _, p := range plan.Recipients {
			if p.Outcome == pipeline.PlanSend {
				fmt.Printf("%s to %s: %s\n", p.Channel, p.Recipient, p.Body.Content.Message)
			} else {
				fmt.Printf("%s to %s: %s(%s), %s\n", p.Channel, p.Recipient, p.Outcome, p.Reason, p.Detail)
			}
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// in_app.user to ann: Order #A7 is being processed
	// email.others to ann: Order #A7 is being processed
	// email.others to bob: skip(no_address), the directory does not know the person
}

// withDatabase is a migrated database for as long as f runs.
func withDatabase(ctx context.Context, f func(context.Context, *pgxpool.Pool) error) error {
	server, err := pgdev.Start(ctx, &pgdev.Config{InMemory: true})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop(ctx) }()
	pool, err := pgxpool.New(ctx, server.DSN())
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := migrations.Up(ctx, pool, &migrations.UpOpts{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return err
	}
	return f(ctx, pool)
}
