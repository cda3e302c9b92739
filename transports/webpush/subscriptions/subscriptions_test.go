package subscriptions_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/internal/egress"
	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

// public and auth are the receiver's of RFC 8291, appendix A.
const (
	public = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	auth   = "BTBZMqHH6r4Tts7J_aSIgg"
)

type bundle struct {
	*subscriptions.Store
	tx  pgx.Tx
	now time.Time
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{tx: dbtest.Tx(t), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	b.Store = subscriptions.New(&subscriptions.Config{
		CheckURLFunc: (&egress.Policy{}).CheckURL, NowFunc: func() time.Time { return b.now },
	})
	return b
}

func params(person, endpoint string) subscriptions.AddParams {
	return subscriptions.AddParams{Tenant: "acme", Person: person, Endpoint: endpoint, P256dh: public, Auth: auth, Device: "laptop"}
}

func (b *bundle) add(t *testing.T, p subscriptions.AddParams) *subscriptions.Subscription {
	t.Helper()
	added, err := b.Add(t.Context(), b.tx, p)
	require.NoError(t, err)
	return added
}

func TestAddAndRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.add(t, params("ann", "HTTPS://Push.Example.com:443/s3cret"))
	require.Equal(t, "https://push.example.com", s.Host)
	require.Equal(t, []any{"acme", "ann", "laptop", subscriptions.Active, b.now}, []any{s.Tenant, s.Person, s.Device, s.State, s.CreatedAt.UTC()})
	encoded, err := json.Marshal(s)
	require.NoError(t, err)
	for _, secret := range []string{"s3cret", public, auth} {
		require.NotContains(t, string(encoded), secret)
	}
	_, err = b.Get(t.Context(), b.tx, "other", s.ID)
	require.ErrorIs(t, err, subscriptions.ErrNotFound)
	other := b.add(t, params("bob", "https://push.example.com/other"))
	tenant := "acme"
	for _, c := range []struct {
		opts *subscriptions.ListOpts
		want []uuid.UUID
	}{
		{nil, []uuid.UUID{s.ID, other.ID}},
		{&subscriptions.ListOpts{Tenant: &tenant, Person: "bob"}, []uuid.UUID{other.ID}},
		{&subscriptions.ListOpts{Suffix: s.ID.String()[28:]}, []uuid.UUID{s.ID}},
		{&subscriptions.ListOpts{Tenant: new(string)}, nil},
	} {
		found, err := b.List(t.Context(), b.tx, c.opts)
		require.NoError(t, err)
		var ids []uuid.UUID
		for _, one := range found {
			ids = append(ids, one.ID)
		}
		require.Equal(t, c.want, ids)
	}
}

func TestTheSameEndpointIsOneSubscription(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.add(t, params("ann", "https://push.example.com/1"))
	require.NoError(t, b.Record(t.Context(), b.tx, b.now, []subscriptions.Delivery{{Subscription: first.ID, Outcome: subscriptions.TurnedDown}}))
	b.now = b.now.Add(time.Hour)
	p := params("ann", "https://PUSH.example.com/1")
	p.Device = "phone"
	again := b.add(t, p)
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, first.CreatedAt, again.CreatedAt)
	require.Equal(t, "phone", again.Device)
	require.Equal(t, subscriptions.Active, again.State, "who subscribes again has new keys")

	hers := b.add(t, params("bob", "https://push.example.com/1"))
	require.NotEqual(t, first.ID, hers.ID, "somebody else signed in there")
	require.Equal(t, b.now, hers.CreatedAt.UTC())
	found, err := b.List(t.Context(), b.tx, nil)
	require.NoError(t, err)
	require.Len(t, found, 1, "and ann gets nothing there any more")
}

func TestWhatCannotBeASubscriptionIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	point, err := base64.RawURLEncoding.DecodeString(public)
	require.NoError(t, err)
	point[64] ^= 1
	off := base64.RawURLEncoding.EncodeToString(point)
	for field, changes := range map[string][]func(*subscriptions.AddParams){
		"tenant": {func(p *subscriptions.AddParams) { p.Tenant = "a\x00" }},
		"person": {
			func(p *subscriptions.AddParams) { p.Person = "" },
			func(p *subscriptions.AddParams) { p.Person = strings.Repeat("p", 256) },
		},
		"device": {func(p *subscriptions.AddParams) { p.Device = strings.Repeat("ž", 101) }},
		"endpoint": {
			func(p *subscriptions.AddParams) { p.Endpoint = "" },
			func(p *subscriptions.AddParams) { p.Endpoint = "http://push.example.com/s3cret" },
			func(p *subscriptions.AddParams) { p.Endpoint = "https://127.0.0.1/s3cret" },
			func(p *subscriptions.AddParams) { p.Endpoint = "https://ann:s3cret@push.example.com/" },
		},
		"p256dh": {
			func(p *subscriptions.AddParams) { p.P256dh = "" },
			func(p *subscriptions.AddParams) { p.P256dh = auth },
			func(p *subscriptions.AddParams) { p.P256dh = off },
			func(p *subscriptions.AddParams) { p.P256dh = "s3cret!" },
		},
		"auth": {
			func(p *subscriptions.AddParams) { p.Auth = "" },
			func(p *subscriptions.AddParams) { p.Auth = public },
		},
	} {
		for i, change := range changes {
			p := params("ann", "https://push.example.com/1")
			change(&p)
			_, err := b.Add(t.Context(), b.tx, p)
			var invalid *subscriptions.InvalidError
			require.ErrorAs(t, err, &invalid, "%s %d", field, i)
			require.Equal(t, field, invalid.Field)
			require.NotContains(t, err.Error(), "s3cret")
		}
	}
	found, err := b.List(t.Context(), b.tx, nil)
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestAPersonHasSoManyDevices(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range subscriptions.MaxPerPerson {
		b.add(t, params("ann", fmt.Sprintf("https://push.example.com/%d", i)))
	}
	_, err := b.Add(t.Context(), b.tx, params("ann", "https://push.example.com/more"))
	var invalid *subscriptions.InvalidError
	require.ErrorAs(t, err, &invalid)
	b.add(t, params("ann", "https://push.example.com/0"))
	b.add(t, params("bob", "https://push.example.com/more"))
	require.NoError(t, b.RemoveEndpoint(t.Context(), b.tx, "acme", "ann", "https://Push.example.com/1"))
	b.add(t, params("ann", "https://push.example.com/again"))
	require.ErrorIs(t, b.RemoveEndpoint(t.Context(), b.tx, "acme", "ann", "https://push.example.com/more"), subscriptions.ErrNotFound, "it is bob's")
}

func TestRemoveAndActivateAreTheTenantsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.add(t, params("ann", "https://push.example.com/1"))
	require.ErrorIs(t, b.Remove(t.Context(), b.tx, "other", s.ID), subscriptions.ErrNotFound)
	require.ErrorIs(t, b.Activate(t.Context(), b.tx, "other", s.ID), subscriptions.ErrNotFound)
	require.NoError(t, b.Activate(t.Context(), b.tx, "acme", s.ID))
	require.NoError(t, b.Remove(t.Context(), b.tx, "acme", s.ID))
	require.ErrorIs(t, b.Remove(t.Context(), b.tx, "acme", s.ID), subscriptions.ErrNotFound)
}

func TestWhatBrowsersWriteIsRead(t *testing.T) {
	t.Parallel()
	p, err := subscriptions.Parse([]byte(`{"endpoint":"https://push.example.com/1","expirationTime":null,"keys":{"p256dh":"` + public + `","auth":"` + auth + `"}}`))
	require.NoError(t, err)
	require.Equal(t, subscriptions.AddParams{Endpoint: "https://push.example.com/1", P256dh: public, Auth: auth}, p)
	for text, field := range map[string]string{
		`s3cret`: "json", `[]`: "json", `{}`: "endpoint",
		`{"endpoint":"https://s3cret/","keys":{"p256dh":"` + public + `"}}`: "auth",
		`{"keys":{"p256dh":"` + public + `","auth":"` + auth + `"}}`:        "endpoint",
	} {
		_, err := subscriptions.Parse([]byte(text))
		var invalid *subscriptions.InvalidError
		require.ErrorAs(t, err, &invalid, text)
		require.Equal(t, field, invalid.Field, text)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

// TestWhatADeviceHasItHas: a late result of a worker that lost its lease takes nothing back.
func TestWhatADeviceHasItHas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.add(t, params("ann", "https://push.example.com/1"))
	_, err := b.tx.Exec(t.Context(), `SELECT carillon.emit_event('orders.created', '{}', '{}',
		'[{"channel":"web_push.user","transport":"web_push","audience":"user"}]')`)
	require.NoError(t, err)
	var receipt uuid.UUID
	require.NoError(t, b.tx.QueryRow(t.Context(), `SELECT id FROM carillon.receipts`).Scan(&receipt))
	keep := func(receipt uuid.UUID, outcome subscriptions.Outcome) {
		t.Helper()
		require.NoError(t, b.Keep(t.Context(), b.tx, b.now, []subscriptions.Kept{{
			Receipt: receipt, Tried: []subscriptions.Delivery{{Subscription: s.ID, Device: "laptop", Host: s.Host, Outcome: outcome, Code: "x"}},
		}}))
	}
	for _, step := range []struct {
		outcome, want subscriptions.Outcome
		tries         int
	}{
		{subscriptions.Failed, subscriptions.Failed, 1},
		{subscriptions.Unknown, subscriptions.Unknown, 2},
		{subscriptions.Accepted, subscriptions.Accepted, 3},
		{subscriptions.Failed, subscriptions.Accepted, 3},
	} {
		keep(receipt, step.outcome)
		found, err := b.Deliveries(t.Context(), b.tx, receipt)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, step.want, found[0].Outcome)
		require.Equal(t, step.tries, found[0].Tries)
	}
	keep(uuid.Must(uuid.NewV7()), subscriptions.Failed) // a receipt that was pruned
	targets, err := b.Targets(t.Context(), b.tx, []subscriptions.Ask{{Receipt: receipt, Tenant: "acme", Person: "ann"}})
	require.NoError(t, err)
	require.Empty(t, targets[0].Devices)
	require.Equal(t, 1, targets[0].Accepted)
	require.NoError(t, b.Remove(t.Context(), b.tx, "acme", s.ID))
	targets, err = b.Targets(t.Context(), b.tx, []subscriptions.Ask{{Receipt: receipt, Tenant: "acme", Person: "ann"}})
	require.NoError(t, err)
	require.Equal(t, 1, targets[0].Accepted, "also without its subscription")
}
