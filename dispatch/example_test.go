package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/transports"
)

// The documentation shows declarations of this file by their names; internal/docs keeps them the same.

type OrderEvent struct {
	ID     string `json:"id"`
	Number string `json:"order_number"`
	UserID string `json:"user_id"`
}

const CreateFromCart dispatch.Action = "create_from_cart"

var Orders = dispatch.Resource[OrderEvent]{
	Name:    "orders",
	KeyFunc: func(o OrderEvent) string { return o.ID },
	Actions: []dispatch.Action{CreateFromCart},
	Audiences: map[string]dispatch.Audience{
		"user": dispatch.Person(func(o OrderEvent) string { return o.UserID }),
	},
	Events: []dispatch.Event[OrderEvent]{{
		Name: "created", On: []dispatch.Action{CreateFromCart}, Category: "orders",
		Channels: []dispatch.Channel{
			{Transport: transports.InApp, Audience: "user"},
			{Transport: transports.Email, Audience: "user", Delay: 5 * time.Minute, Policy: dispatch.SkipIfRead},
		},
		Content: dispatch.Content{
			Subject: "Order #{{ order_number }} created",
			Title:   "Your order was created",
			Message: "Order #{{ order_number }} is being processed, {{ recipient.name }}.",
		},
	}},
}

func NewDispatcher() (*dispatch.Dispatcher, error) {
	return dispatch.New(&dispatch.Config{
		Resources:  []dispatch.Declaration{Orders, Invoices},
		Categories: []dispatch.Category{{Name: "orders", Label: "Order updates"}},
	})
}

type Cart struct {
	UserID, Item string
}

func PlaceOrder(ctx context.Context, db dispatch.Beginner, orders *dispatch.Handle[OrderEvent], cart Cart) (OrderEvent, error) {
	return orders.Run(ctx, db, CreateFromCart, func(tx pgx.Tx) (OrderEvent, error) {
		order := OrderEvent{UserID: cart.UserID}
		err := tx.QueryRow(ctx, `INSERT INTO app.orders (user_id) VALUES ($1) RETURNING id::text, 'A' || id`, cart.UserID).
			Scan(&order.ID, &order.Number)
		if err != nil {
			return order, err
		}
		return order, reserveStock(ctx, tx, cart) // an error here, and there was no order and nobody is told of one
	}, nil)
}

var errSoldOut = errors.New("sold out")

func reserveStock(ctx context.Context, tx pgx.Tx, cart Cart) error {
	tag, err := tx.Exec(ctx, `UPDATE app.stock SET n = n - 1 WHERE item = $1 AND n > 0`, cart.Item)
	if err == nil && tag.RowsAffected() == 0 {
		return errSoldOut
	}
	return err
}

type InvoiceEvent struct {
	Number string  `json:"invoice_number"`
	UserID string  `json:"user_id"`
	Team   string  `json:"team"`
	Amount float64 `json:"amount"`
}

type InvoiceExtras struct {
	Paid bool `json:"paid"`
}

var Invoices = dispatch.Resource[InvoiceEvent]{
	Name: "invoices",
	Audiences: map[string]dispatch.Audience{
		"user":  dispatch.Person(func(i InvoiceEvent) string { return i.UserID }),
		"team":  dispatch.SQL(`select id from app.members where team = $1::jsonb ->> 'team'`),
		"books": dispatch.Fixed(transports.Email, "books@example.com"),
	},
	Events: []dispatch.Event[InvoiceEvent]{{
		Name: "sent",
		Channels: []dispatch.Channel{
			{Transport: transports.Email, Audience: "user"},
			{Transport: transports.Email, Audience: "team"},
			{Transport: transports.Email, Audience: "books", Content: dispatch.Content{Subject: "For the books: {{ invoice_number }}"}},
		},
		Content: dispatch.Content{
			Subject: "Invoice {{ invoice_number }}",
			Message: "Please pay {{ amount }}.{{ if paid }} No, you have. Thank you!{{ end }}",
		},
		EnrichFunc: dispatch.Enrich(func(ctx context.Context, db dispatch.Querier, i InvoiceEvent) (InvoiceExtras, error) {
			rows, err := db.Query(ctx, `select paid from app.invoices where number = $1`, i.Number)
			if err != nil {
				return InvoiceExtras{}, err
			}
			paid, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
			return InvoiceExtras{Paid: paid}, err
		}),
		GuardFunc: func(_ context.Context, i InvoiceEvent, r dispatch.Recipient) (bool, error) {
			return i.Amount > 0 || r.ID == "", nil // nothing to pay: only the books hear of it
		},
	}},
}

// shop has the tables of the examples, and ada, who orders.
func shop(t *testing.T) pgx.Tx {
	t.Helper()
	tx, err := dbtest.Pool(t).Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	_, err = tx.Exec(t.Context(), `
		CREATE SCHEMA app;
		CREATE TABLE app.orders (id serial PRIMARY KEY, user_id text);
		CREATE TABLE app.stock (item text PRIMARY KEY, n int);
		INSERT INTO app.stock VALUES ('bell', 1);
		CREATE TABLE app.members (id text, team text);
		INSERT INTO app.members VALUES ('bob', 'red'), ('cleo', 'blue');
		CREATE TABLE app.invoices (number text, paid bool);
		INSERT INTO app.invoices VALUES ('I1', true), ('I2', false)`)
	require.NoError(t, err)
	return tx
}

func TestExamplePlaceOrder(t *testing.T) {
	t.Parallel()
	d, err := NewDispatcher()
	require.NoError(t, err)
	tx := shop(t)
	kit := dispatchtest.New(t, tx, d)
	kit.People("", people.Person{ID: "ada", Name: "Ada", Email: "ada@example.com"})
	orders := dispatch.For(d, Orders)

	_, err = PlaceOrder(t.Context(), tx, orders, Cart{UserID: "ada", Item: "bell"})
	require.NoError(t, err)
	_, err = PlaceOrder(t.Context(), tx, orders, Cart{UserID: "ada", Item: "bell"})
	require.ErrorIs(t, err, errSoldOut)
	for _, table := range []string{"app.orders", "carillon.events"} {
		var n int
		require.NoError(t, tx.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
		require.Equal(t, 1, n, "the second left nothing in %s", table)
	}
	kit.Deliver()
	require.Len(t, kit.Sent(transports.InApp), 1)
	require.Equal(t, "Order #A1 is being processed, Ada.", kit.Sent(transports.InApp)[0].Content.Message)
	kit.Advance(5 * time.Minute)
	require.Len(t, kit.Sent(transports.Email), 1)
}

func TestExampleInvoices(t *testing.T) {
	t.Parallel()
	d, err := NewDispatcher()
	require.NoError(t, err)
	tx := shop(t)
	kit := dispatchtest.New(t, tx, d)
	kit.People("", people.Person{ID: "ada", Email: "ada@example.com"}, people.Person{ID: "bob", Email: "bob@example.com"})
	invoices := dispatch.For(d, Invoices)

	due, err := invoices.EmitTx(t.Context(), tx, "sent", InvoiceEvent{Number: "I1", UserID: "ada", Team: "red", Amount: 7}, nil)
	require.NoError(t, err)
	free, err := invoices.EmitTx(t.Context(), tx, "sent", InvoiceEvent{Number: "I2", UserID: "ada", Team: "red"}, nil)
	require.NoError(t, err)
	kit.Deliver()
	require.Equal(t, []string{
		"email.books to books@example.com: sent(accepted)", "email.team to bob: sent(accepted)", "email.user to ada: sent(accepted)",
	}, kit.Outcomes(due.EventID))
	require.Equal(t, []string{
		"email.books to books@example.com: sent(accepted)", "email.team to bob: skipped(guarded)", "email.user to ada: skipped(guarded)",
	}, kit.Outcomes(free.EventID))
	texts := map[string]string{}
	for _, m := range kit.Sent(transports.Email) {
		texts[m.Content.Subject] = m.Content.Message
	}
	require.Equal(t, "Please pay 7. No, you have. Thank you!", texts["Invoice I1"])
	require.Equal(t, "Please pay 0.", texts["For the books: I2"])
}

func ExampleNew() {
	_, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{dispatch.Resource[OrderEvent]{
		Name:      "orders",
		Audiences: map[string]dispatch.Audience{"user": dispatch.Field("user_id")},
		Events: []dispatch.Event[OrderEvent]{{
			Name: "paid", Category: "money",
			Channels: []dispatch.Channel{{Transport: transports.InApp, Audience: "users"}},
			Content:  dispatch.Content{Title: "Paid", Message: "Order {{ code }} is paid"},
		}},
	}}})
	fmt.Println(err)
	// Output:
	// 3 problems:
	// events.orders.paid.category: unknown category "money" (no categories are declared)
	// events.orders.paid.channels[0].audience: unknown audience "users" (declared audiences: user)
	// events.orders.paid.channels[0].content.message: unknown placeholder "code" (add the field to the payload or, in YAML, to the sample)
}
