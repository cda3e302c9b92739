package receipts_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/receipts"
)

func TestEveryFieldOfAFilterNarrows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := channel{Channel: "sms.team", Transport: "sms", Audience: "team", Priority: 3}
	ids := b.emit(email(), other)
	event := read[uuid.UUID](b, "SELECT event_id FROM carillon.receipts WHERE id = $1", ids[0])
	b.exec(`UPDATE carillon.receipts SET state = 'failed', reason = 'rejected', finished_at = now(), recipient = 'ann',
		provider_message_id = 'p-1', tries = 2 WHERE id = $1`, ids[0])
	b.exec(`UPDATE carillon.receipts SET address = '+41790000000' WHERE id = $1`, ids[1])
	for n, detail := range []string{"first words", "Last Words"} {
		b.exec(`INSERT INTO carillon.attempts VALUES ($1, $2, now(), now(), 'refused', 'permanent', 'smtp_550', $3)`, ids[0], n+1, detail)
	}
	acme, nobody := "acme", ""
	ago, ahead := b.now.Add(-time.Hour), time.Now().Add(time.Hour)
	ancient := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		filter receipts.Filter
		found  []uuid.UUID
	}{
		"state":             {receipts.Filter{State: receipts.Failed}, ids[:1]},
		"reason":            {receipts.Filter{Reason: receipts.Rejected}, ids[:1]},
		"transport":         {receipts.Filter{Transport: "sms"}, ids[1:]},
		"channel":           {receipts.Filter{Channel: "sms.team"}, ids[1:]},
		"person":            {receipts.Filter{Recipient: "ann"}, ids[:1]},
		"fixed address":     {receipts.Filter{Recipient: "+41790000000"}, ids[1:]},
		"provider's id":     {receipts.Filter{ProviderID: "p-1"}, ids[:1]},
		"last error":        {receipts.Filter{Error: "last words"}, ids[:1]},
		"code":              {receipts.Filter{Error: "SMTP_550"}, ids[:1]},
		"earlier error":     {receipts.Filter{Error: "first"}, nil},
		"a percent sign":    {receipts.Filter{Error: "%"}, nil},
		"ids":               {receipts.Filter{IDs: ids[1:]}, ids[1:]},
		"nobody's tenant":   {receipts.Filter{EventID: &event, Tenant: &nobody}, nil},
		"before":            {receipts.Filter{EventID: &event, Before: &uuid.Nil}, nil},
		"until":             {receipts.Filter{EventID: &event, Until: &ago}, nil},
		"until long ago":    {receipts.Filter{EventID: &event, Until: &ancient}, nil},
		"since the future":  {receipts.Filter{EventID: &event, Since: &ahead}, nil},
		"another resource":  {receipts.Filter{EventID: &event, ResourceType: "tickets"}, nil},
		"another one":       {receipts.Filter{EventID: &event, ResourceID: "A8"}, nil},
		"another actor":     {receipts.Filter{EventID: &event, Actor: "bob"}, nil},
		"another event":     {receipts.Filter{EventID: &event, Event: "orders.paid"}, nil},
		"all that does fit": {receipts.Filter{EventID: &event, Tenant: &acme, Event: "orders.created", ResourceType: "orders", ResourceID: "A7", Actor: "ann", Since: &ancient, Until: &ahead}, ids},
	} {
		list, err := b.store.List(b.ctx(), b.db, c.filter)
		require.NoError(t, err, name)
		found := make([]uuid.UUID, len(list))
		for i, r := range list {
			found[i] = r.ID
		}
		require.ElementsMatch(t, c.found, found, name)
		chosen, err := b.store.IDs(b.ctx(), b.db, c.filter, receipts.States())
		require.NoError(t, err)
		if c.filter.Before == nil {
			counts, err := b.store.Count(b.ctx(), b.db, c.filter)
			require.NoError(t, err)
			sum := 0
			for _, count := range counts {
				sum += count.Count
			}
			require.Equal(t, len(found), sum, name)
		}
		require.ElementsMatch(t, c.found, chosen, name)
	}
}

func TestPagesAreCompleteAndEndWithTheFirstError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`INSERT INTO carillon.receipts (id, event_id, tenant, channel, transport, audience, priority)
		SELECT carillon.uuid7(), gen_random_uuid(), 'pages', 'email.user', 'email', 'user', 2 FROM generate_series(1, 2000)`)
	tenant := "pages"
	var sizes []int
	seen := map[uuid.UUID]bool{}
	require.NoError(t, b.store.EachPage(b.ctx(), b.db, receipts.Filter{Tenant: &tenant, Limit: 3}, func(page []receipts.Receipt) error {
		sizes = append(sizes, len(page))
		for _, r := range page {
			seen[r.ID] = true
		}
		return nil
	}))
	require.Equal(t, []int{1000, 1000}, sizes)
	require.Len(t, seen, 2000)
	err := b.store.EachPage(b.ctx(), b.db, receipts.Filter{Tenant: &tenant}, func([]receipts.Receipt) error { return context.Canceled })
	require.ErrorIs(t, err, context.Canceled)
}

// A page deep in the past costs what the first one costs, whatever plan Postgres keeps.
func TestPagesAreServedByThePrimaryKey(t *testing.T) {
	t.Parallel()
	b := over(t, newPool(t))
	b.exec(sqlFill)
	all := queries(t)
	tx, err := b.db.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()
	before := uuid.Max
	args := pgx.StrictNamedArgs{
		"ids": nil, "state": "", "reason": "", "transport": "", "channel": "", "recipient": "", "tenant": nil, "event": "",
		"event_id": nil, "resource_type": "", "resource_id": "", "actor": "", "by_event": false, "provider_id": "", "error": "",
		"since": b.now, "until": nil, "expanded": false, "before": before, "limit": 1000,
	}
	events := pgx.StrictNamedArgs{
		"name": "", "tenant": nil, "resource_type": "", "resource_id": "", "actor": "", "key": "", "since": b.now, "until": nil,
		"before": before, "limit": 1000,
	}
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		_, err := tx.Exec(t.Context(), "SET LOCAL plan_cache_mode = "+mode)
		require.NoError(t, err)
		requireKeyed(t, explain(t, tx, "EXPLAIN "+all["sqlList"], args), "receipts_pkey")
		requireKeyed(t, explain(t, tx, "EXPLAIN "+all["sqlListEvents"], events), "events_pkey")
	}
}

func requireKeyed(t *testing.T, plan, key string) {
	t.Helper()
	require.Contains(t, plan, "Index Scan Backward using "+key)
	require.Regexp(t, `Index Cond: .*id >= .*id < `, plan)
}

func TestTailTellsWhatIsNewKnownOrOperatedOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old, known, operated := b.owed(), b.owed(), b.owed()
	past := b.now.Add(-time.Hour)
	for i, id := range []*uuid.UUID{&old, &known, &operated} {
		before := *id
		*id = read[uuid.UUID](b, "SELECT carillon.uuid7_floor($1)", past.Add(time.Duration(i)*time.Second))
		b.exec("UPDATE carillon.receipts SET id = $2 WHERE id = $1", before, *id)
	}
	b.apply(receipts.ActionCancel, operated)
	fresh := b.owed()
	list, err := b.store.Tail(b.ctx(), b.db, receipts.TailParams{
		Filter: receipts.Filter{Event: "orders.created", Since: &b.now}, From: past.Add(time.Minute), Overlap: 5 * time.Minute, Known: []uuid.UUID{known},
	})
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Equal(t, []uuid.UUID{known, operated, fresh}, []uuid.UUID{list[0].ID, list[1].ID, list[2].ID})
	list, err = b.store.Tail(b.ctx(), b.db, receipts.TailParams{From: past.Add(time.Minute), Overlap: 5 * time.Minute, After: operated})
	require.NoError(t, err)
	require.Len(t, list, 1)
}
