package inapp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// table is the provider behind the transport: the notifications of one database.
type table struct {
	tb    testing.TB
	pool  *pgxpool.Pool
	tries atomic.Int32
}

func (p *table) Tries() int    { return int(p.tries.Load()) }
func (p *table) Behave(string) {}

func (p *table) Deliveries() []transporttest.Delivery {
	p.tb.Helper()
	rows, err := p.pool.Query(context.WithoutCancel(p.tb.Context()), `SELECT id, title, message, coalesce(action_url, ''),
		coalesce(action_label, ''), to_jsonb(n) - 'seq' - 'born_seq' - 'xid' - 'created_at' FROM carillon.notifications n ORDER BY seq`)
	require.NoError(p.tb, err)
	deliveries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (transporttest.Delivery, error) {
		var d transporttest.Delivery
		var body json.RawMessage
		err := row.Scan(&d.Key, &d.Content.Title, &d.Content.Message, &d.Content.ActionURL, &d.Content.ActionLabel, &body)
		d.Body = body
		return d, err
	})
	require.NoError(p.tb, err)
	return deliveries
}

type provider struct{ *table }

func (p provider) Stall() <-chan struct{} { return nil }

// not parallel: the suite looks for goroutines that were left behind
func TestConformance(t *testing.T) {
	var current *table
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			current = &table{tb: tb, pool: dbtest.Pool(tb)}
			return inapp.New(), provider{current}
		},
		SendFunc: func(ctx context.Context, t transports.Transport, m transports.Message) (transports.Result, error) {
			if ctx.Err() != nil {
				return transports.Result{}, ctx.Err()
			}
			current.tries.Add(1)
			var results []transports.Result
			err := pgx.BeginFunc(ctx, current.pool, func(tx pgx.Tx) (err error) {
				results, err = t.(transports.InDatabase).SendTx(ctx, tx, []transports.Message{m})
				return err
			})
			if err != nil {
				return transports.Result{}, err
			}
			return results[0], nil
		},
		Skip: map[string]string{
			"Classifies":      "there is no provider with behaviours of its own, only this database",
			"CancelledDuring": "a statement ends with its context; there is no provider that stalls",
			"SameOnEveryTry":  "a second try of a delivered message writes nothing, which has a test of its own",
			"DeadlineDuring":  "a statement ends with its context; there is no provider that stalls",
		},
	})
}

func TestSendRefusesBecauseDeliveryNeedsTheTransaction(t *testing.T) {
	t.Parallel()
	_, err := inapp.New().Send(t.Context(), transporttest.NewMessage(transports.InAppSpec()))
	require.Equal(t, transports.Configuration, transports.Classify(err).Class)
}

func TestAMessageIsDeliveredOnceHoweverOftenItIsSent(t *testing.T) {
	t.Parallel()
	tx := dbtest.Tx(t)
	m := transporttest.NewMessage(transports.InAppSpec())
	m.Recipient.ID = fmt.Sprint("person-", m.ReceiptID)
	for range 3 {
		results, err := inapp.New().SendTx(t.Context(), tx, []transports.Message{m})
		require.NoError(t, err)
		require.Equal(t, m.ReceiptID.String(), results[0].ProviderMessageID)
	}
	var n, seq int
	require.NoError(t, tx.QueryRow(t.Context(), `SELECT count(*), max(h.seq) FROM carillon.notifications n
		JOIN carillon.inbox_heads h USING (tenant, person) WHERE person = $1`, m.Recipient.ID).Scan(&n, &seq))
	require.Equal(t, []int{1, 1}, []int{n, seq})
}
