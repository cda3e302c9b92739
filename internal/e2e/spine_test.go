package e2e_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
)

type order struct {
	ID     string   `json:"id"`
	Number string   `json:"order_number"`
	UserID string   `json:"user_id"`
	Admins []string `json:"admins"`
}

type fake struct {
	mu   sync.Mutex
	sent []transports.Message
}

func (f *fake) Name() string          { return "email" }
func (f *fake) Spec() transports.Spec { return transports.EmailSpec() }
func (f *fake) Send(_ context.Context, m transports.Message) (transports.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, m)
	return transports.Result{Provider: "fake"}, nil
}

func TestScratch(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := dbtest.Pool(t)
	orders := dispatch.Resource[order]{
		Name: "orders", KeyFunc: func(o order) string { return o.ID },
		Actions: []dispatch.Action{"create"},
		Audiences: map[string]dispatch.Audience{
			"user":   dispatch.Person(func(o order) string { return o.UserID }),
			"admins": dispatch.People(func(o order) []string { return o.Admins }),
		},
		Events: []dispatch.Event[order]{{
			Name: "created", On: []dispatch.Action{"create"}, Category: "orders",
			Channels: []dispatch.Channel{
				{Transport: transports.InApp, Audience: "user"},
				{Transport: transports.Email, Audience: "user"},
				{Transport: transports.Email, Audience: "admins"},
			},
			Content: dispatch.Content{Subject: "Order #{{ order_number }}", Title: "T {{ recipient.name }}", Message: "M {{ order_number }}"},
		}},
	}
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{orders}, Categories: []dispatch.Category{{Name: "orders"}}})
	require.NoError(t, err)
	h := dispatch.For(d, orders)
	for i := range 4 {
		require.NoError(t, people.Set(ctx, pool, "", people.Person{ID: fmt.Sprint(i), Name: "P", Email: fmt.Sprintf("p%d@example.com", i)}))
	}
	f := &fake{}
	w, err := worker.New(pool, d, &worker.Config{Transports: []transports.Transport{f, inapp.New()}})
	require.NoError(t, err)
	wctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- w.Run(wctx) }()
	start := time.Now()
	for i := range 200 {
		_, err = h.Run(ctx, pool, "create", func(tx pgx.Tx) (order, error) {
			return order{ID: fmt.Sprint(i), Number: "A", UserID: "1", Admins: []string{"2", "3", "9"}}, nil
		}, nil)
		require.NoError(t, err)
	}
	fmt.Println("emitted", time.Since(start))
	store := receipts.New(nil)
	for {
		var n int
		require.NoError(t, pool.QueryRow(ctx, "select count(*) from carillon.receipts where finished_at is null").Scan(&n))
		if n == 0 {
			break
		}
		if time.Since(start) > 10*time.Second {
			list, _ := store.List(ctx, pool, receipts.Filter{})
			for _, r := range list {
				fmt.Printf("%+v\n", r)
			}
			break
		}
	}
	fmt.Println("done", time.Since(start))
	rows, _ := pool.Query(ctx, "select channel, state, reason, count(*) from carillon.receipts group by 1,2,3 order by 1,2,3")
	for rows.Next() {
		v, _ := rows.Values()
		fmt.Println(v)
	}
	stop()
	require.NoError(t, <-done)
	fmt.Println("stopped", time.Since(start), len(f.sent))
}
