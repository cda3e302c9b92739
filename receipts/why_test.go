package receipts_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/receipts"
)

var whyRules = []string{"expiry", "address"}

// whyBundle is an event with one receipt for each of the states that an explanation tells apart.
type whyBundle struct {
	tx    pgx.Tx
	store *receipts.Store
	event uuid.UUID
}

func setupWhy(t *testing.T) *whyBundle {
	t.Helper()
	b := &whyBundle{tx: dbtest.Tx(t), store: receipts.New(nil), event: uuid.Must(uuid.NewV7())}
	b.exec(t, `INSERT INTO carillon.events (id, tenant, name, data) VALUES ($1, 't', 'orders.created', '{}')`, b.event)
	return b
}

func (b *whyBundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.tx.Exec(context.Background(), sql, args...)
	require.NoError(t, err)
}

// planted is a receipt as a test wants it.
type planted struct {
	state, reason, recipient, address string
	root                              *uuid.UUID
}

func (b *whyBundle) receipt(t *testing.T, p planted) uuid.UUID {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	state := receipts.State(p.state)
	var lease *uuid.UUID
	if state.Leased() {
		lease = &id
	}
	var finished *time.Time
	if state.Terminal() {
		now := time.Now()
		finished = &now
	}
	b.exec(t, `INSERT INTO carillon.receipts (id, event_id, root_id, recipient_key, tenant, channel, transport, audience,
	             recipient, address, priority, state, reason, lease_token, finished_at)
	           VALUES ($1, $2, $3, $4, 't', 'email.user', 'email', 'user', nullif($5, ''), nullif($6, ''), 2, $7,
	             nullif($8, ''), $9, $10)`,
		id, b.event, p.root, id.String(), p.recipient, p.address, p.state, p.reason, lease, finished)
	return id
}

func (b *whyBundle) decision(t *testing.T, id uuid.UUID, verdict string, reason receipts.Reason) {
	t.Helper()
	raw, err := json.Marshal([]receipts.Verdict{{Rule: "expiry", Verdict: "pass"}, {Rule: "address", Verdict: verdict, Reason: reason}})
	require.NoError(t, err)
	b.exec(t, `INSERT INTO carillon.decisions (receipt_id, decided_at, verdicts) VALUES ($1, now(), $2)`, id, string(raw))
}

func (b *whyBundle) content(t *testing.T, id uuid.UUID) {
	t.Helper()
	b.exec(t, `INSERT INTO carillon.contents (receipt_id, body, rendered_at) VALUES ($1, '{"content": {"subject": "S"}}', '2026-01-02Z')`, id)
}

func (b *whyBundle) why(t *testing.T, recipient string) *receipts.Explanation {
	t.Helper()
	e, err := b.store.Why(context.Background(), b.tx, receipts.WhyParams{EventID: b.event, Recipient: recipient, Rules: whyRules})
	require.NoError(t, err)
	return e
}

func TestWhyFindsWhatConcernsTheRecipient(t *testing.T) {
	t.Parallel()
	b := setupWhy(t)
	inPlace := b.receipt(t, planted{state: "skipped", reason: "no_address", recipient: "ada"})
	root := b.receipt(t, planted{state: "expanded", reason: "fan_out"})
	child := b.receipt(t, planted{state: "pending", recipient: "ada", root: &root})
	b.receipt(t, planted{state: "pending", recipient: "eve", root: &root})
	fixed := b.receipt(t, planted{state: "pending", address: "#orders"})
	unresolved := b.receipt(t, planted{state: "pending"})
	resolving := b.receipt(t, planted{state: "resolving"})
	ended := b.receipt(t, planted{state: "skipped", reason: "no_recipients"})

	ids := func(list []receipts.Receipt) (all []uuid.UUID) {
		for _, r := range list {
			all = append(all, r.ID)
		}
		return all
	}
	named := func(e *receipts.Explanation) (all []uuid.UUID) {
		for _, a := range e.Receipts {
			all = append(all, a.Receipt.ID)
		}
		return all
	}
	e := b.why(t, "ada")
	require.Equal(t, b.event, e.Event.ID)
	require.Equal(t, []uuid.UUID{inPlace, child}, named(e))
	require.Equal(t, []uuid.UUID{unresolved, resolving}, ids(e.Unresolved))
	require.Equal(t, []uuid.UUID{ended}, ids(e.Ended))
	require.Equal(t, []uuid.UUID{fixed}, named(b.why(t, "#orders")))

	e = b.why(t, "mallory")
	require.Empty(t, e.Receipts)
	raw, err := json.Marshal(e)
	require.NoError(t, err)
	require.Contains(t, string(raw), `"recipient":"mallory","receipts":[],"unresolved":[{`)
}

func TestWhyOfAnotherEventOrTenant(t *testing.T) {
	t.Parallel()
	b := setupWhy(t)
	ctx := context.Background()
	_, err := b.store.Why(ctx, b.tx, receipts.WhyParams{EventID: uuid.New(), Recipient: "ada"})
	require.ErrorIs(t, err, receipts.ErrNotFound)
	for tenant, want := range map[string]error{"t": nil, "": receipts.ErrNotFound, "u": receipts.ErrNotFound} {
		_, err = b.store.Why(ctx, b.tx, receipts.WhyParams{EventID: b.event, Recipient: "ada", Tenant: &tenant})
		require.ErrorIs(t, err, want)
	}
	_, err = b.store.Account(ctx, b.tx, uuid.New(), whyRules)
	require.ErrorIs(t, err, receipts.ErrNotFound)
}

func TestAccountSaysWhetherTheRulesWereAsked(t *testing.T) {
	t.Parallel()
	b := setupWhy(t)
	root := b.receipt(t, planted{state: "expanded", reason: "fan_out"})
	const none, implied, skip, skipThenImplied, pass = "", "implied", "skip", "skip implied", "pass"
	for name, c := range map[string]struct {
		planted  planted
		decision string
		rendered bool
		want     string
	}{
		"PendingWasNotAsked":          {planted: planted{state: "pending", recipient: "ada"}, want: none},
		"ResolvingIsNotKnown":         {planted: planted{state: "resolving", recipient: "ada"}, want: none},
		"SentPassed":                  {planted: planted{state: "sent", reason: "accepted", recipient: "ada"}, rendered: true, want: implied},
		"SentOfPrunedContentPassed":   {planted: planted{state: "sent", reason: "accepted", recipient: "ada"}, want: implied},
		"SendingPassed":               {planted: planted{state: "sending", recipient: "ada"}, rendered: true, want: implied},
		"FailedAfterRenderPassed":     {planted: planted{state: "failed", reason: "exhausted", recipient: "ada"}, rendered: true, want: implied},
		"FailedBeforeRenderUnknown":   {planted: planted{state: "failed", reason: "exhausted", recipient: "ada"}, want: none},
		"FailedInRenderPassed":        {planted: planted{state: "failed", reason: "render", recipient: "ada"}, want: implied},
		"DelayedInPlacePassed":        {planted: planted{state: "waiting", reason: "delayed", recipient: "ada"}, want: implied},
		"DelayedChildWasNotAsked":     {planted: planted{state: "waiting", reason: "delayed", recipient: "ada", root: &root}, want: none},
		"CancelledWasNotAsked":        {planted: planted{state: "cancelled", reason: "operator", recipient: "ada"}, want: none},
		"SkippedIsStored":             {planted: planted{state: "skipped", reason: "opted_out", recipient: "ada"}, decision: skip, want: skip},
		"PassWithARowIsStored":        {planted: planted{state: "sent", reason: "accepted", recipient: "ada"}, decision: pass, rendered: true, want: pass},
		"SentAfterReopeningHasPassed": {planted: planted{state: "sent", reason: "accepted", recipient: "ada"}, decision: skip, rendered: true, want: skipThenImplied},
	} {
		id := b.receipt(t, c.planted)
		if c.decision != "" {
			b.decision(t, id, c.decision, receipts.OptedOut)
		}
		if c.rendered {
			b.content(t, id)
		}
		a, err := b.store.Account(context.Background(), b.tx, id, whyRules)
		require.NoError(t, err)
		got := ""
		for i, run := range a.Decisions {
			if i > 0 {
				got += " "
			}
			if !run.Implied {
				require.NotNil(t, run.DecidedAt, name)
				got += run.Verdicts[1].Verdict
				continue
			}
			got += "implied"
			require.Equal(t, []receipts.Verdict{{Rule: "expiry", Verdict: "pass"}, {Rule: "address", Verdict: "pass"}}, run.Verdicts, name)
			require.Equal(t, c.rendered, run.DecidedAt != nil, name)
		}
		require.Equal(t, c.want, got, name)
	}
}

func TestAccountHasAttemptsAndBodyHasContent(t *testing.T) {
	t.Parallel()
	b := setupWhy(t)
	ctx := context.Background()
	id := b.receipt(t, planted{state: "waiting", reason: "retry", recipient: "ada"})
	body, err := b.store.Body(ctx, b.tx, id)
	require.NoError(t, err)
	require.Nil(t, body)
	b.content(t, id)
	b.exec(t, `INSERT INTO carillon.attempts (receipt_id, n, started_at, finished_at, outcome, class, code)
	           VALUES ($1, 1, now(), now(), 'refused', 'transient', '421')`, id)
	a, err := b.store.Account(ctx, b.tx, id, whyRules)
	require.NoError(t, err)
	require.Len(t, a.Attempts, 1)
	require.Equal(t, "421", a.Attempts[0].Code)
	require.Equal(t, 2026, a.RenderedAt.Year())
	body, err = b.store.Body(ctx, b.tx, id)
	require.NoError(t, err)
	require.Equal(t, "S", body.Content.Subject)
}
