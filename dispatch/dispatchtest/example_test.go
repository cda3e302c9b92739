package dispatchtest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/preferences"
	"github.com/carillon-notify/carillon/transports"
)

type OrderEvent struct {
	Number string   `json:"order_number"`
	Users  []string `json:"users"`
}

const Create dispatch.Action = "create"

var Orders = dispatch.Resource[OrderEvent]{
	Name:      "orders",
	Actions:   []dispatch.Action{Create},
	Audiences: map[string]dispatch.Audience{"users": dispatch.People(func(o OrderEvent) []string { return o.Users })},
	Events: []dispatch.Event[OrderEvent]{{
		Name: "created", On: []dispatch.Action{Create}, Category: "orders",
		Channels: []dispatch.Channel{
			{Transport: transports.InApp, Audience: "users"},
			{Transport: transports.Email, Audience: "users", Delay: 5 * time.Minute, Policy: dispatch.SkipIfRead},
		},
		Content: dispatch.Content{Subject: "Order #{{ order_number }}", Title: "Thank you", Message: "Dear {{ recipient.name }}, thank you."},
	}},
}

func TestOrderCreated(t *testing.T) {
	t.Parallel()
	d, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{Orders}, Categories: []dispatch.Category{{Name: "orders"}},
	})
	require.NoError(t, err)
	tx := dispatchtest.Tx(t)
	kit := dispatchtest.New(t, tx, d)
	kit.People("", people.Person{ID: "ada", Name: "Ada", Email: "ada@example.com"}, people.Person{ID: "bob", Name: "Bob"},
		people.Person{ID: "eve", Name: "Eve", Email: "eve@example.com"}, people.Person{ID: "joe", Name: "Joe", Email: "joe@example.com"})
	require.NoError(t, preferences.Set(t.Context(), tx, preferences.Preference{
		Person: "eve", Category: "orders", Transport: transports.Email, Choice: preferences.Off,
	}))

	created, err := dispatch.For(d, Orders).TriggerTx(t.Context(), tx, Create, OrderEvent{"A7", []string{"ada", "bob", "eve", "joe"}}, nil)
	require.NoError(t, err)
	kit.Deliver()
	require.Len(t, kit.Sent(transports.InApp), 4)
	require.Empty(t, kit.Sent(transports.Email), "the mail is delayed")

	kit.Read("", "joe")
	kit.Advance(5 * time.Minute)
	require.Equal(t, []string{
		"email.users to ada: sent(accepted)",
		"email.users to bob: skipped(no_address)",
		"email.users to eve: skipped(opted_out)",
		"email.users to joe: skipped(already_read)",
	}, kit.Outcomes(created[0].EventID)[:4])
	mail := kit.Sent(transports.Email)[0]
	require.Equal(t, "ada@example.com", mail.Recipient.Address)
	require.Equal(t, "Order #A7", mail.Content.Subject)
	require.Equal(t, "Dear Ada, thank you.", mail.Content.Message)
}

func TestARollbackTellsNobody(t *testing.T) {
	t.Parallel()
	d, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{Orders}, Categories: []dispatch.Category{{Name: "orders"}},
	})
	require.NoError(t, err)
	tx := dispatchtest.Tx(t)
	kit := dispatchtest.New(t, tx, d)
	soldOut := errors.New("sold out")
	_, err = dispatch.For(d, Orders).Run(t.Context(), tx, Create, func(pgx.Tx) (OrderEvent, error) {
		return OrderEvent{Users: []string{"kim"}}, soldOut
	}, nil)
	require.ErrorIs(t, err, soldOut)
	kit.Deliver()
	require.Empty(t, kit.Sent(transports.InApp))
}
