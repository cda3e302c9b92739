package broadcast_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/broadcast"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// listener is the provider behind the transport: a connection that listens.
type listener struct {
	tb   testing.TB
	conn *pgx.Conn

	mu    sync.Mutex
	heard []transporttest.Delivery
}

func listen(tb testing.TB, pool *pgxpool.Pool) *listener {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), pool.Config().ConnString())
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	_, err = conn.Exec(context.Background(), "LISTEN "+broadcast.Channel)
	require.NoError(tb, err)
	return &listener{tb: tb, conn: conn}
}

// Deliveries takes what came in: everything that was committed before a notification of its own.
func (l *listener) Deliveries() []transporttest.Delivery {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := l.conn.Exec(ctx, "SELECT pg_notify($1, '')", broadcast.Channel)
	require.NoError(l.tb, err)
	for {
		n, err := l.conn.WaitForNotification(ctx)
		require.NoError(l.tb, err)
		if n.Payload == "" {
			return append([]transporttest.Delivery(nil), l.heard...)
		}
		s, err := broadcast.Parse(n.Payload)
		require.NoError(l.tb, err)
		l.heard = append(l.heard, transporttest.Delivery{Key: s.ID.String(), Body: []byte(n.Payload), Address: s.Topic})
	}
}

func (l *listener) Tries() int             { return len(l.Deliveries()) }
func (l *listener) Behave(string)          {}
func (l *listener) Stall() <-chan struct{} { return nil }

// not parallel: the suite looks for goroutines that were left behind
func TestConforms(t *testing.T) {
	pool := dbtest.Pool(t)
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			return broadcast.New(), listen(tb, pool)
		},
		SendFunc: func(ctx context.Context, tr transports.Transport, m transports.Message) (transports.Result, error) {
			var results []transports.Result
			err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
				results, err = tr.(transports.InDatabase).SendTx(ctx, tx, []transports.Message{m})
				return err
			})
			if err != nil {
				return transports.Result{}, err
			}
			return results[0], nil
		},
		MessageFunc: func() transports.Message {
			m := transporttest.NewMessage(transports.BroadcastSpec())
			m.Recipient = transports.Recipient{Address: "orders/canary"}
			return m
		},
		Skip: map[string]string{
			"Classifies":      "the only provider is the database, whose errors the pipeline retries",
			"CancelledDuring": "a statement is cancelled by the driver", "DeadlineDuring": "a statement is cancelled by the driver",
			"Options": "the topic is an option, and decides where the signal goes; see TestTopics",
		},
	})
}

func message(options transports.BroadcastOptions) transports.Message {
	m := transporttest.NewMessage(transports.BroadcastSpec())
	m.Recipient = transports.Recipient{Address: transports.OnceAudience}
	m.Options, _ = transports.EncodeOptions(options)
	return m
}

func TestTopics(t *testing.T) {
	t.Parallel()
	m := message(transports.BroadcastOptions{})
	s, _, err := broadcast.Of(m)
	require.NoError(t, err)
	require.Equal(t, "orders.created", s.Topic)

	m.Recipient.Address = "square"
	s, _, err = broadcast.Of(m)
	require.NoError(t, err)
	require.Equal(t, "square", s.Topic)

	s, _, err = broadcast.Of(message(transports.BroadcastOptions{Topic: "person/ann"}))
	require.NoError(t, err)
	require.Equal(t, "person/ann", s.Topic)

	for _, topic := range []string{"a b", "a\nb", "a\x00b", strings.Repeat("x", 256), "a\u2028b"} {
		_, _, err := broadcast.Of(message(transports.BroadcastOptions{Topic: topic}))
		require.Equal(t, transports.Permanent, transports.Classify(err).Class, "%q", topic)
	}
}

// TestGolden checks the payload of one full event, field by field.
func TestGolden(t *testing.T) {
	t.Parallel()
	m := message(transports.BroadcastOptions{Topic: "orders/A7", Payload: map[string]string{"status": "paid", "toast": "<b>"}})
	m.Tenant = "acme"
	_, encoded, err := broadcast.Of(m)
	require.NoError(t, err)
	require.Equal(t, `{"id":"`+m.ReceiptID.String()+`","topic":"orders/A7","tenant":"acme","event":"orders.created",`+
		`"event_id":"01890a5d-ac96-774b-bcce-b302099a8057","resource_type":"orders","resource_id":"A7",`+
		`"payload":{"status":"paid","toast":"\u003cb\u003e"}}`, string(encoded))
	back, err := broadcast.Parse(string(encoded))
	require.NoError(t, err)
	require.Equal(t, "<b>", back.Payload["toast"])
	_, err = broadcast.Parse("nonsense")
	require.Error(t, err)
}

func TestTheLongestSignalGoesThroughAndALongerOneIsRefused(t *testing.T) {
	t.Parallel()
	pool := dbtest.Pool(t)
	l := listen(t, pool)
	_, empty, err := broadcast.Of(message(transports.BroadcastOptions{Payload: map[string]string{"x": ""}}))
	require.NoError(t, err)
	send := func(length int) error {
		m := message(transports.BroadcastOptions{Payload: map[string]string{"x": strings.Repeat("x", length-len(empty))}})
		return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			_, err := broadcast.New().SendTx(t.Context(), tx, []transports.Message{m})
			return err
		})
	}
	require.NoError(t, send(7999))
	require.Len(t, l.Deliveries(), 1)
	err = send(8000)
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)
	require.ErrorContains(t, err, "8000 bytes")
}

type ticket struct {
	ID    string   `json:"id"`
	Users []string `json:"users"`
	Long  string   `json:"long"`
}

func tickets() dispatch.Resource[ticket] {
	return dispatch.Resource[ticket]{
		Name: "tickets",
		Audiences: map[string]dispatch.Audience{
			"users":  dispatch.People(func(t ticket) []string { return t.Users }),
			"square": dispatch.Fixed(transports.Broadcast, "the-square"),
		},
		Events: []dispatch.Event[ticket]{{
			Name: "opened",
			Channels: []dispatch.Channel{
				{Transport: transports.InApp, Audience: "users"},
				{Transport: transports.Broadcast, Audience: "square"},
				{Transport: transports.Broadcast, Options: transports.BroadcastOptions{
					Topic: "tickets/{{ id }}", Payload: map[string]string{"long": "{{ long }}"},
				}},
			},
			Content: dispatch.Content{Title: "t", Message: "m"},
		}},
	}
}

// TestOneSignalHoweverManyListen emits to an audience of nobody, of one and of many, and rolls one back.
func TestOneSignalHoweverManyListen(t *testing.T) {
	t.Parallel()
	pool := dbtest.Pool(t)
	l := listen(t, pool)
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{tickets()}})
	require.NoError(t, err)
	deliver := func(users []string, long string, commit bool) []string {
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		kit := dispatchtest.New(t, tx, d, broadcast.New())
		emitted, err := dispatch.For(d, tickets()).EmitTx(t.Context(), tx, "opened", ticket{ID: "7", Users: users, Long: long}, nil)
		require.NoError(t, err)
		kit.Deliver()
		outcomes := kit.Outcomes(emitted.EventID)
		if commit {
			require.NoError(t, tx.Commit(t.Context()))
		} else {
			require.NoError(t, tx.Rollback(t.Context()))
		}
		return outcomes
	}
	heard := 0
	for _, users := range [][]string{nil, {"a"}, {"a", "b", "c", "d", "e"}} {
		outcomes := deliver(users, "", true)
		require.Contains(t, outcomes, "broadcast.event to event: sent(accepted)")
		require.Contains(t, outcomes, "broadcast.square to the-square: sent(accepted)")
		heard += 2
		require.Len(t, l.Deliveries(), heard)
	}
	topics := map[string]int{}
	for _, s := range l.Deliveries() {
		topics[s.Address]++
	}
	require.Equal(t, map[string]int{"the-square": 3, "tickets/7": 3}, topics)

	deliver([]string{"a"}, "", false)
	require.Len(t, l.Deliveries(), heard, "a rollback is silent")

	// What cannot be sent does no harm to what was claimed together with it.
	outcomes := deliver(nil, strings.Repeat("x", 8000), true)
	require.Contains(t, outcomes, "broadcast.event to event: failed(rejected)")
	require.Contains(t, outcomes, "broadcast.square to the-square: sent(accepted)")
	require.Len(t, l.Deliveries(), heard+1)
}

func TestSendOutsideATransactionIsRefused(t *testing.T) {
	t.Parallel()
	_, err := broadcast.New().Send(t.Context(), transports.Message{})
	require.Equal(t, transports.Configuration, transports.Classify(err).Class)
	_, _, err = broadcast.Of(transports.Message{Options: json.RawMessage(`[`)})
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)
}
