package endpoints_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/internal/egress"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webhook/endpoints"
	"github.com/carillon-notify/carillon/transports/webhook/signature"
)

type bundle struct {
	*endpoints.Store
	tx  pgx.Tx
	now time.Time
}

func sealKey(fill byte) transports.Secret {
	return transports.Secret(base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(fill)), 32))))
}

func setup(t *testing.T, keys ...transports.Secret) *bundle {
	t.Helper()
	b := &bundle{tx: dbtest.Tx(t), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	b.Store = b.store(t, keys...)
	return b
}

func (b *bundle) store(t *testing.T, keys ...transports.Secret) *endpoints.Store {
	t.Helper()
	s, err := endpoints.New(&endpoints.Config{
		CheckURLFunc: (&egress.Policy{}).CheckURL, EncryptionKeys: keys, NowFunc: func() time.Time { return b.now },
	})
	require.NoError(t, err)
	return s
}

func (b *bundle) add(t *testing.T, p endpoints.AddParams) (*endpoints.Endpoint, signature.Key) {
	t.Helper()
	if p.URL == "" {
		p.URL = "https://hooks.example.com/in"
	}
	e, key, err := b.Add(t.Context(), b.tx, p)
	require.NoError(t, err)
	return e, key
}

// keysNow are what a send would sign with.
func (b *bundle) target(t *testing.T, s *endpoints.Store, id uuid.UUID) *endpoints.Target {
	t.Helper()
	found, err := s.Targets(t.Context(), b.tx, b.now, []uuid.UUID{id})
	require.NoError(t, err)
	return found[id]
}

func TestAddAndRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e, key := b.add(t, endpoints.AddParams{
		Tenant: "acme", URL: "HTTPS://Hooks.Example.com:443/in", Description: "the shop", Events: []string{"orders.*"},
		Format: endpoints.CloudEvents, Scheme: signature.Ed25519,
	})
	require.Equal(t, "https://hooks.example.com/in", e.URL)
	require.Equal(t, endpoints.Enabled, e.State)
	require.Equal(t, b.now, e.CreatedAt.UTC())
	require.Len(t, e.Keys, 1)
	require.Equal(t, key.Public(), e.Keys[0].Public)
	require.False(t, e.Keys[0].Sealed)

	got, err := b.Get(t.Context(), b.tx, "acme", e.ID)
	require.NoError(t, err)
	require.Equal(t, e, got)
	encoded, err := json.Marshal(got)
	require.NoError(t, err)
	require.NotContains(t, string(encoded), key.Reveal(), "a key is not shown again")
	require.Contains(t, string(encoded), `"address":"`+e.Address()+`"`)
	id, err := endpoints.ParseAddress(e.Address())
	require.NoError(t, err)
	require.Equal(t, e.ID, id)

	_, err = b.Get(t.Context(), b.tx, "other", e.ID)
	require.ErrorIs(t, err, endpoints.ErrNotFound, "another tenant has no such endpoint")
	plain, _ := b.add(t, endpoints.AddParams{})
	acme := "acme"
	for _, c := range []struct {
		opts *endpoints.ListOpts
		want []uuid.UUID
	}{
		{nil, []uuid.UUID{plain.ID, e.ID}},
		{&endpoints.ListOpts{Tenant: &acme}, []uuid.UUID{e.ID}},
		{&endpoints.ListOpts{Suffix: plain.ID.String()[28:]}, []uuid.UUID{plain.ID}},
	} {
		list, err := b.List(t.Context(), b.tx, c.opts)
		require.NoError(t, err)
		var ids []uuid.UUID
		for _, one := range list {
			ids = append(ids, one.ID)
		}
		require.Equal(t, c.want, ids)
	}
}

func TestWhatIsNotStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := func(change func(*endpoints.AddParams)) endpoints.AddParams {
		p := endpoints.AddParams{URL: "https://hooks.example.com/"}
		change(&p)
		return p
	}
	for field, p := range map[string]endpoints.AddParams{
		"url":         good(func(p *endpoints.AddParams) { p.URL = "http://127.0.0.1/canary" }),
		"tenant":      good(func(p *endpoints.AddParams) { p.Tenant = strings.Repeat("a", 256) }),
		"description": good(func(p *endpoints.AddParams) { p.Description = "\x00" }),
		"events":      good(func(p *endpoints.AddParams) { p.Events = []string{"orders.(created)"} }),
		"format":      good(func(p *endpoints.AddParams) { p.Format = "xml" }),
		"scheme":      good(func(p *endpoints.AddParams) { p.Scheme = "rsa" }),
	} {
		_, _, err := b.Add(t.Context(), b.tx, p)
		var invalid *endpoints.InvalidError
		require.ErrorAs(t, err, &invalid, field)
		require.Equal(t, field, invalid.Field)
		require.NotContains(t, err.Error(), "canary")
	}
	_, _, err := b.Add(t.Context(), b.tx, good(func(p *endpoints.AddParams) { p.URL = "https://10.0.0.1/" }))
	var refused *egress.Error
	require.ErrorAs(t, err, &refused, "the rule is named")
	require.Equal(t, egress.RuleLiteral, refused.Rule)
	bare, err := endpoints.New(nil)
	require.NoError(t, err)
	_, _, err = bare.Add(t.Context(), b.tx, good(func(*endpoints.AddParams) {}))
	require.ErrorContains(t, err, "CheckURLFunc")
}

func TestRotationOverlapsForADay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e, older := b.add(t, endpoints.AddParams{Tenant: "acme"})
	b.now = b.now.Add(time.Hour)
	rotated, newer, err := b.Rotate(t.Context(), b.tx, "acme", e.ID, &endpoints.RotateOpts{Scheme: signature.Ed25519})
	require.NoError(t, err)
	require.Len(t, rotated.Keys, 2)
	require.Nil(t, rotated.Keys[0].ExpiresAt)
	require.Equal(t, b.now.Add(24*time.Hour), rotated.Keys[1].ExpiresAt.UTC())
	require.Equal(t, []signature.Key{newer, older}, b.target(t, b.Store, e.ID).Keys, "the newest signs first")

	b.now = b.now.Add(24*time.Hour - time.Second)
	require.Len(t, b.target(t, b.Store, e.ID).Keys, 2)
	b.now = b.now.Add(time.Second)
	require.Equal(t, []signature.Key{newer}, b.target(t, b.Store, e.ID).Keys, "the older key signs no longer")

	_, stolen, err := b.Rotate(t.Context(), b.tx, "acme", e.ID, &endpoints.RotateOpts{Overlap: -1})
	require.NoError(t, err)
	require.Equal(t, []signature.Key{stolen}, b.target(t, b.Store, e.ID).Keys, "without overlap the older ones end at once")

	_, _, err = b.Rotate(t.Context(), b.tx, "other", e.ID, nil)
	require.ErrorIs(t, err, endpoints.ErrNotFound)
	for range endpoints.MaxKeys - 1 {
		_, _, err = b.Rotate(t.Context(), b.tx, "acme", e.ID, nil)
		require.NoError(t, err)
	}
	_, _, err = b.Rotate(t.Context(), b.tx, "acme", e.ID, nil)
	var invalid *endpoints.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, b.target(t, b.Store, e.ID).Keys, endpoints.MaxKeys, "what was refused left nothing")
}

func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	b := setup(t, sealKey('a'))
	e, key := b.add(t, endpoints.AddParams{Tenant: "acme"})
	other, _ := b.add(t, endpoints.AddParams{Tenant: "acme"})
	require.True(t, e.Keys[0].Sealed)
	var dump string
	require.NoError(t, b.tx.QueryRow(t.Context(), `SELECT string_agg(k::text, ' ') || string_agg(encode(secret, 'escape'), ' ')
		FROM carillon.endpoint_keys k`).Scan(&dump))
	require.NotContains(t, dump, "whsec_")

	require.Equal(t, []signature.Key{key}, b.target(t, b.Store, e.ID).Keys)
	turned := b.store(t, sealKey('b'), sealKey('a'))
	require.Equal(t, []signature.Key{key}, b.target(t, turned, e.ID).Keys, "an older encryption key still opens")
	without := b.target(t, b.store(t), e.ID)
	require.ErrorIs(t, without.Err, endpoints.ErrSealed)
	require.Empty(t, without.Keys)

	// Whoever can write the table but has no key cannot give one endpoint the secret of another.
	_, err := b.tx.Exec(t.Context(), `UPDATE carillon.endpoint_keys k SET secret = o.secret
		FROM carillon.endpoint_keys o WHERE k.endpoint_id = $1 AND o.endpoint_id = $2`, other.ID, e.ID)
	require.NoError(t, err)
	require.ErrorIs(t, b.target(t, b.Store, other.ID).Err, endpoints.ErrSealed)
	_, err = endpoints.New(&endpoints.Config{EncryptionKeys: []transports.Secret{"canary"}})
	require.ErrorContains(t, err, "openssl rand -base64 32")
	require.NotContains(t, err.Error(), "canary")
}

func TestStates(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e, _ := b.add(t, endpoints.AddParams{Tenant: "acme"})
	state := func() (endpoints.State, endpoints.Reason, time.Time) {
		got, err := b.Get(t.Context(), b.tx, "acme", e.ID)
		require.NoError(t, err)
		return got.State, got.Reason, got.StateSince.UTC()
	}
	b.now = b.now.Add(time.Hour)
	since := b.now
	require.NoError(t, b.Disable(t.Context(), b.tx, "acme", e.ID))
	b.now = b.now.Add(time.Hour)
	require.NoError(t, b.Disable(t.Context(), b.tx, "acme", e.ID))
	s, r, at := state()
	require.Equal(t, []any{endpoints.Disabled, endpoints.ByOperator, since}, []any{s, r, at})
	require.NoError(t, b.Enable(t.Context(), b.tx, "acme", e.ID))
	s, r, at = state()
	require.Equal(t, []any{endpoints.Enabled, endpoints.Reason(""), b.now}, []any{s, r, at})
	require.ErrorIs(t, b.Enable(t.Context(), b.tx, "", e.ID), endpoints.ErrNotFound)
	require.ErrorIs(t, b.Delete(t.Context(), b.tx, "", e.ID), endpoints.ErrNotFound)
	require.NoError(t, b.Delete(t.Context(), b.tx, "acme", e.ID))
	require.Nil(t, b.target(t, b.Store, e.ID))
	var keys int
	require.NoError(t, b.tx.QueryRow(t.Context(), `SELECT count(*) FROM carillon.endpoint_keys`).Scan(&keys))
	require.Zero(t, keys)
}

func TestFailingIsWarnedOfOnceAndEndsInDisabling(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e, _ := b.add(t, endpoints.AddParams{Tenant: "acme", URL: "https://hooks.example.com/in/canary"})
	began := b.now
	after := func(d time.Duration, o endpoints.Outcomes) []transports.Notice {
		b.now = began.Add(d)
		notices, err := b.Record(t.Context(), b.tx, b.now, o)
		require.NoError(t, err)
		return notices
	}
	failed := endpoints.Outcomes{Failed: []uuid.UUID{e.ID}}
	require.Empty(t, after(0, failed))
	require.Empty(t, after(24*time.Hour-time.Second, failed))
	warned := after(24*time.Hour, failed)
	require.Len(t, warned, 1)
	require.Equal(t, endpoints.EventFailing, warned[0].Event)
	require.Equal(t, "acme", warned[0].Tenant)
	require.Equal(t, e.Address(), warned[0].Subject)
	require.JSONEq(t, `{"endpoint_id":"`+e.Address()+`","url":"https://hooks.example.com","reason":"failing",
		"failing_since":"2026-03-01T12:00:00Z","disabled_at":"2026-03-06T12:00:00Z"}`, string(warned[0].Data))
	require.Empty(t, after(25*time.Hour, failed), "once")
	require.Empty(t, after(120*time.Hour-time.Second, failed))
	ended := after(120*time.Hour, failed)
	require.Len(t, ended, 1)
	require.Equal(t, endpoints.EventDisabled, ended[0].Event)
	require.NotEqual(t, warned[0].Key, ended[0].Key)
	got, err := b.Get(t.Context(), b.tx, "acme", e.ID)
	require.NoError(t, err)
	require.Equal(t, []any{endpoints.Disabled, endpoints.Failing}, []any{got.State, got.Reason})
	require.Empty(t, after(121*time.Hour, failed))

	require.NoError(t, b.Enable(t.Context(), b.tx, "acme", e.ID))
	require.Empty(t, after(122*time.Hour, failed), "enabling forgets the failures")
	require.Empty(t, after(123*time.Hour, endpoints.Outcomes{Succeeded: []uuid.UUID{e.ID}}))
	require.Empty(t, after(147*time.Hour, failed), "a success begins anew")
}

func TestGoneDisablesAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e, _ := b.add(t, endpoints.AddParams{})
	kept, _ := b.add(t, endpoints.AddParams{})
	for want := 1; want >= 0; want-- {
		notices, err := b.Record(t.Context(), b.tx, b.now, endpoints.Outcomes{Gone: []uuid.UUID{e.ID}})
		require.NoError(t, err)
		require.Len(t, notices, want)
	}
	got, err := b.Get(t.Context(), b.tx, "", e.ID)
	require.NoError(t, err)
	require.Equal(t, []any{endpoints.Disabled, endpoints.Gone}, []any{got.State, got.Reason})
	require.Equal(t, endpoints.Enabled, b.target(t, b.Store, kept.ID).State)
}

func TestIDs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "ep_", "ep_x", "{01890a5d-ac96-774b-bcce-b302099a8057}", "https://example.com"} {
		_, err := endpoints.ParseAddress(text)
		require.Error(t, err, text)
	}
	_, err := url.Parse("ep_1")
	require.NoError(t, err)
}
