package webhook_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webhook"
	"github.com/carillon-notify/carillon/transports/webhook/endpoints"
	"github.com/carillon-notify/carillon/transports/webhook/signature"
)

// order and notice are payloads of these tests.
type (
	order struct {
		ID string `json:"id"`
	}
	notice struct {
		Endpoint string `json:"endpoint_id"`
		URL      string `json:"url"`
		Reason   string `json:"reason"`
	}
)

type bundle struct {
	*dispatchtest.Kit
	tx     pgx.Tx
	orders *dispatch.Handle[order]
	store  *endpoints.Store
}

// setup has the events orders.created and orders.paid, which go to endpoints, and the notices, which go by email.
func setup(t *testing.T, change func(*webhook.Config)) *bundle {
	t.Helper()
	hooks := map[string]dispatch.Audience{"hooks": dispatch.Endpoints()}
	channels := []dispatch.Channel{{Transport: transports.Webhook, Audience: "hooks"}}
	orders := dispatch.Resource[order]{
		Name: "orders", KeyFunc: func(o order) string { return o.ID }, Audiences: hooks,
		Events: []dispatch.Event[order]{{Name: "created", Channels: channels}, {Name: "paid", Channels: channels}},
	}
	notices := dispatch.Resource[notice]{
		Name: "carillon", Audiences: map[string]dispatch.Audience{"ops": dispatch.Fixed(transports.Email, "ops@example.com")},
		Events: []dispatch.Event[notice]{{
			Name: "endpoint_disabled", Channels: []dispatch.Channel{{Transport: transports.Email, Audience: "ops"}},
			Content: dispatch.Content{Subject: "{{ endpoint_id }} is disabled: {{ reason }}", Message: "{{ url }}"},
		}},
	}
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{orders, notices}})
	require.NoError(t, err)
	cfg := local()
	if change != nil {
		change(cfg)
	}
	sender := newTransport(t, cfg)
	tx, err := dbtest.Pool(t).Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return &bundle{
		Kit: dispatchtest.New(t, tx, d, sender), tx: tx, orders: dispatch.For(d, orders), store: sender.Endpoints(),
	}
}

// endpoint stores one, and a receiver that verifies with its key.
func (b *bundle) endpoint(t *testing.T, p endpoints.AddParams) (*endpoints.Endpoint, *receiver) {
	t.Helper()
	to := newReceiver(t)
	p.URL = to.hook()
	e, key, err := b.store.Add(t.Context(), b.tx, p)
	require.NoError(t, err)
	to.keys, to.address = []signature.Key{key}, e.Address()
	return e, to
}

func (b *bundle) emit(t *testing.T, tenant, event string) dispatch.Emitted {
	t.Helper()
	emitted, err := b.orders.EmitTx(t.Context(), b.tx, event, order{ID: "A7"}, &dispatch.EmitOpts{Tenant: tenant})
	require.NoError(t, err)
	b.Deliver()
	return emitted
}

func (b *bundle) receipts(event dispatch.Emitted) map[string]string {
	states := map[string]string{}
	for _, r := range b.Receipts(event.EventID) {
		if r.State != receipts.Expanded {
			states[r.Address] = string(r.State) + "(" + string(r.Reason) + ")"
		}
	}
	return states
}

func TestEndpointsGetTheEventsTheyWant(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	everything, first := b.endpoint(t, endpoints.AddParams{Tenant: "acme"})
	paid, second := b.endpoint(t, endpoints.AddParams{Tenant: "acme", Events: []string{"users.*", "*.paid"}, Format: endpoints.CloudEvents})
	_, stranger := b.endpoint(t, endpoints.AddParams{Tenant: "other"})

	created := b.emit(t, "acme", "created")
	require.Equal(t, map[string]string{everything.Address(): "sent(accepted)"}, b.receipts(created))
	payment := b.emit(t, "acme", "paid")
	require.Equal(t, map[string]string{everything.Address(): "sent(accepted)", paid.Address(): "sent(accepted)"}, b.receipts(payment))
	require.Equal(t, map[string]string{"": "skipped(no_recipients)"}, b.receipts(b.emit(t, "nobody", "created")))

	require.Len(t, first.all(), 2)
	require.Len(t, second.all(), 1)
	require.Zero(t, first.unverified+second.unverified+stranger.Tries())
	require.Contains(t, second.all()[0].header.Get("Content-Type"), "cloudevents")
	var event struct{ SpecVersion, Type, ID string }
	require.NoError(t, json.Unmarshal(second.all()[0].body, &event))
	require.Equal(t, payment.EventID.String(), event.ID)
	for _, r := range b.Receipts(payment.EventID) {
		if r.Address == paid.Address() {
			require.Equal(t, "msg_"+r.ID.String(), second.all()[0].header.Get("webhook-id"))
		}
	}
}

func TestTheSameBytesOnEveryTry(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	e, to := b.endpoint(t, endpoints.AddParams{})
	to.Behave("error")
	event := b.emit(t, "", "created")
	require.Equal(t, map[string]string{e.Address(): "waiting(retry)"}, b.receipts(event))
	var stored string
	require.NoError(t, b.tx.QueryRow(t.Context(), `SELECT body->>'payload' FROM carillon.contents`).Scan(&stored))
	// What changes meanwhile does not change the message, but the keys of the moment sign it.
	_, err := b.tx.Exec(t.Context(), `UPDATE carillon.endpoints SET format = 'cloudevents'`)
	require.NoError(t, err)
	_, key, err := b.store.Rotate(t.Context(), b.tx, "", e.ID, nil)
	require.NoError(t, err)
	to.mu.Lock()
	to.keys = []signature.Key{key}
	to.mu.Unlock()
	to.Behave("")
	b.Advance(time.Hour)
	require.Equal(t, map[string]string{e.Address(): "sent(accepted)"}, b.receipts(event))
	require.Equal(t, stored, string(to.all()[0].body))
	require.Zero(t, to.unverified)
}

func TestGoneDisablesTheEndpointAndTellsOfIt(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	e, to := b.endpoint(t, endpoints.AddParams{Tenant: "acme"})
	to.Behave("gone")
	require.Equal(t, map[string]string{e.Address(): "failed(bad_address)"}, b.receipts(b.emit(t, "acme", "created")))
	got, err := b.store.Get(t.Context(), b.tx, "acme", e.ID)
	require.NoError(t, err)
	require.Equal(t, []any{endpoints.Disabled, endpoints.Gone}, []any{got.State, got.Reason})

	b.Deliver()
	told := b.Sent(transports.Email)
	require.Len(t, told, 1, "the application declared what to do with the notice")
	require.Equal(t, e.Address()+" is disabled: gone", told[0].Content.Subject)
	require.Equal(t, "http://127.0.0.1:"+to.port(), told[0].Content.Message)
	require.Equal(t, "acme", told[0].Tenant)

	missed := b.emit(t, "acme", "created")
	require.Equal(t, map[string]string{e.Address(): "skipped(switched_off)"}, b.receipts(missed))
	require.Equal(t, 1, to.Tries(), "a disabled endpoint is left alone")
}

func TestFailingForDaysDisables(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	e, to := b.endpoint(t, endpoints.AddParams{})
	to.Behave("error")
	for range 7 {
		b.emit(t, "", "created")
		b.Advance(24 * time.Hour)
	}
	got, err := b.store.Get(t.Context(), b.tx, "", e.ID)
	require.NoError(t, err)
	require.Equal(t, []any{endpoints.Disabled, endpoints.Failing}, []any{got.State, got.Reason})
	require.NotEmpty(t, b.Sent(transports.Email))

	require.NoError(t, b.store.Enable(t.Context(), b.tx, "", e.ID))
	to.Behave("")
	require.Equal(t, map[string]string{e.Address(): "sent(accepted)"}, b.receipts(b.emit(t, "", "created")))
}

func TestTheEndpointOfAnotherTenantIsNone(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	e, to := b.endpoint(t, endpoints.AddParams{Tenant: "acme"})
	m := message(e.Address())
	targets := func(tenant string) transports.Target {
		m.Tenant = tenant
		found, err := newTransport(t, local()).Targets(t.Context(), b.tx, b.Now(), []transports.Message{m})
		require.NoError(t, err)
		require.Len(t, found, 1)
		return found[0]
	}
	require.NotNil(t, targets("acme").Value)
	require.Nil(t, targets("other").Value, "whatever a resolver of the application says")
	require.NotEmpty(t, targets("other").Off)
	_, err := newTransport(t, local()).Send(t.Context(), m)
	require.Error(t, err)
	require.Zero(t, to.Tries())
}

func TestATestSendIsMarked(t *testing.T) {
	t.Parallel()
	sender := newTransport(t, local())
	to := newReceiver(t, secret)
	key, err := signature.ParseKey(secret)
	require.NoError(t, err)
	result, err := sender.Test(t.Context(), &endpoints.Target{URL: to.hook(), Keys: []signature.Key{key}, Format: endpoints.CloudEvents})
	require.NoError(t, err)
	require.True(t, result.OK)
	var body struct {
		Type string
		Test bool
	}
	require.NoError(t, json.Unmarshal(to.all()[0].body, &body))
	require.Equal(t, "carillon.test", body.Type)
	require.True(t, body.Test)
	require.Equal(t, result.ID, to.all()[0].header.Get("webhook-id"))
	to.Behave("bad")
	result, err = sender.Test(t.Context(), &endpoints.Target{URL: to.hook(), Keys: []signature.Key{key}})
	require.NoError(t, err)
	require.False(t, result.OK)
	require.Equal(t, 400, result.Status)
	require.NotContains(t, result.Excerpt, "canary-token")
}
