package pipeline_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// order is the payload of these tests.
type order struct {
	ID     string   `json:"id"`
	Number *string  `json:"order_number"`
	UserID string   `json:"user_id"`
	Others []string `json:"others"`
}

func numbered(user string, others ...string) order {
	number := "A7"
	return order{ID: "o-1", Number: &number, UserID: user, Others: others}
}

var content = dispatch.Content{
	Subject: "Order #{{ order_number }} created",
	Title:   "Your order was created",
	Message: "Order #{{ order_number }} is being processed",
}

// resource declares one event with the given channels; change may alter it.
func resource(change func(*dispatch.Resource[order], *dispatch.Event[order]), channels ...dispatch.Channel) dispatch.Resource[order] {
	r := dispatch.Resource[order]{
		Name:    "orders",
		KeyFunc: func(o order) string { return o.ID },
		Actions: []dispatch.Action{"create"},
		Audiences: map[string]dispatch.Audience{
			"user":   dispatch.Person(func(o order) string { return o.UserID }),
			"others": dispatch.People(func(o order) []string { return o.Others }),
			"ops":    dispatch.Fixed(transports.Email, "ops@example.com"),
		},
		Events: []dispatch.Event[order]{{
			Name: "created", On: []dispatch.Action{"create"}, Category: "orders", Channels: channels, Content: content,
		}},
	}
	if change != nil {
		change(&r, &r.Events[0])
	}
	return r
}

type bundle struct {
	*dispatchtest.Kit
	tx         pgx.Tx
	orders     *dispatch.Handle[order]
	dispatcher *dispatch.Dispatcher
}

// setup builds a dispatcher of r with four people and a kit over a transaction of its own.
func setup(t *testing.T, r dispatch.Resource[order], given ...transports.Transport) *bundle {
	t.Helper()
	cfg := &dispatch.Config{
		Resources:  []dispatch.Declaration{r},
		Categories: []dispatch.Category{{Name: "orders", Label: "Order updates"}, {Name: "security", Mandatory: true}},
	}
	for _, transport := range given {
		if transport.Name() != transports.Email && transport.Name() != transports.InApp {
			cfg.Transports = append(cfg.Transports, transport.Spec())
		}
	}
	d, err := dispatch.New(cfg)
	require.NoError(t, err)
	// A database of its own: two open transactions that insert the same person would wait for each other.
	tx, err := dbtest.Pool(t).Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	for id, person := range map[string]people.Person{
		"ann":  {Name: "Ann", Email: "ann@example.com", Locale: "de", Timezone: "Europe/Berlin"},
		"bob":  {Name: "Bob", Email: "bob@example.com"},
		"cleo": {Name: "Cleo"},
		"dora": {Name: "Dora", Email: "dora@example.com"},
	} {
		person.ID = id
		require.NoError(t, people.Set(t.Context(), tx, "", person))
	}
	return &bundle{Kit: dispatchtest.New(t, tx, d, given...), tx: tx, orders: dispatch.For(d, r), dispatcher: d}
}

func (b *bundle) emit(t *testing.T, o order, opts *dispatch.EmitOpts) uuid.UUID {
	t.Helper()
	emitted, err := b.orders.EmitTx(t.Context(), b.tx, "created", o, opts)
	require.NoError(t, err)
	return emitted.EventID
}

// states maps each recipient of an event (person or address) and transport to state(reason).
func (b *bundle) states(event uuid.UUID) map[string]string {
	states := map[string]string{}
	for _, r := range b.Receipts(event) {
		who := r.Recipient
		if who == "" {
			who = r.Address
		}
		states[r.Transport+" "+who] = string(r.State) + "(" + string(r.Reason) + ")"
	}
	return states
}

func emailTo(audience string) dispatch.Channel {
	return dispatch.Channel{Transport: transports.Email, Audience: audience}
}

func inAppTo(audience string) dispatch.Channel {
	return dispatch.Channel{Transport: transports.InApp, Audience: audience}
}

// scripted is an email transport that answers each try with the next of errs, and then accepts.
func scripted(errs ...error) *transporttest.Fake {
	return transporttest.NewFake(transports.Email, &transporttest.FakeConfig{SendFunc: script("fake", errs...)})
}

// script is a send that answers each try with the next of errs, and then accepts. Sends may be under way together.
func script(provider string, errs ...error) func(context.Context, transports.Message) (transports.Result, error) {
	var tries atomic.Int32
	return func(context.Context, transports.Message) (transports.Result, error) {
		if n := int(tries.Add(1)); n <= len(errs) {
			return transports.Result{}, errs[n-1]
		}
		return transports.Result{Provider: provider}, nil
	}
}

func one(t *testing.T, list []receipts.Receipt) receipts.Receipt {
	t.Helper()
	require.Len(t, list, 1)
	return list[0]
}

const aWhile = 2 * time.Hour
