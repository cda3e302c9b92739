package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/preferences"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// plans is a database with four people, and a planner over one resource.
type plans struct {
	*pipeline.Planner
	pool   *pgxpool.Pool
	orders *dispatch.Handle[order]
}

func setupPlans(t *testing.T, r dispatch.Resource[order], specs ...transports.Spec) *plans {
	t.Helper()
	d, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{r}, Transports: specs,
		Categories: []dispatch.Category{{Name: "orders", Label: "Order updates"}},
	})
	require.NoError(t, err)
	pool := dbtest.Pool(t)
	for _, p := range []people.Person{
		{ID: "ann", Name: "Ann", Email: "ann@example.com", Locale: "de", Timezone: "Europe/Berlin"},
		{ID: "bob", Name: "Bob", Email: "bob@example.com"},
		{ID: "cleo", Name: "Cleo"},
		{ID: "dora", Email: "dora@example.com"},
	} {
		require.NoError(t, people.Set(t.Context(), pool, "", p))
	}
	planner, err := pipeline.NewPlanner(d, &pipeline.PlannerConfig{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return &plans{planner, pool, dispatch.For(d, r)}
}

func (p *plans) plan(t *testing.T, o order, change func(*pipeline.PlanParams)) *pipeline.Plan {
	t.Helper()
	data, err := json.Marshal(o)
	require.NoError(t, err)
	params := pipeline.PlanParams{Event: "orders.created", Data: data}
	if change != nil {
		change(&params)
	}
	plan, err := p.Plan(t.Context(), p.pool, params)
	require.NoError(t, err)
	return plan
}

// outcomes tells a plan in a line per recipient: "email.others to bob: skip(opted_out) +5m0s".
func outcomes(plan *pipeline.Plan) []string {
	lines := []string{}
	for _, p := range plan.Recipients {
		line := fmt.Sprintf("%s to %s%s: %s", p.Channel, p.Recipient, p.Address, p.Outcome)
		if p.Recipient != "" && p.Address != "" {
			line = fmt.Sprintf("%s to %s at %s: %s", p.Channel, p.Recipient, p.Address, p.Outcome)
		}
		if p.Reason != "" {
			line += "(" + string(p.Reason) + ")"
		}
		if after := p.When.Sub(plan.Event.CreatedAt); after > 0 {
			line += " +" + after.String()
		}
		lines = append(lines, line)
	}
	return lines
}

func TestAPlanSaysWhoWouldGetWhatAndWhy(t *testing.T) {
	t.Parallel()
	late := emailTo("others")
	late.Delay, late.Policy = 5*time.Minute, dispatch.SkipIfRead
	p := setupPlans(t, resource(nil, inAppTo("user"), late, emailTo("ops")))
	require.NoError(t, preferences.Set(t.Context(), p.pool, preferences.Preference{
		Person: "bob", Category: "orders", Transport: transports.Email, Choice: preferences.Off, UpdatedBy: "bob",
	}))
	plan := p.plan(t, numbered("ann", "cleo", "bob", "ann"), func(params *pipeline.PlanParams) {
		params.Emit = &dispatch.EmitOpts{Actor: "max", ResourceID: "o-1"}
	})
	require.Equal(t, []string{
		"in_app.user to ann: send",
		"email.others to ann at ann@example.com: send +5m0s",
		"email.others to bob at bob@example.com: skip(opted_out) +5m0s",
		"email.others to cleo: skip(no_address) +5m0s",
		"email.ops to ops@example.com: send",
	}, outcomes(plan))
	require.Equal(t, []pipeline.PlanTotal{
		{Channel: "in_app.user", Outcome: pipeline.PlanSend, Count: 1, Rendered: 1},
		{Channel: "email.others", Outcome: pipeline.PlanSend, Count: 1, Rendered: 1},
		{Channel: "email.others", Outcome: pipeline.PlanSkip, Reason: receipts.NoAddress, Count: 1},
		{Channel: "email.others", Outcome: pipeline.PlanSkip, Reason: receipts.OptedOut, Count: 1},
		{Channel: "email.ops", Outcome: pipeline.PlanSend, Count: 1, Rendered: 1},
	}, plan.Totals)
	require.Equal(t, 3, plan.Sends())
	require.Zero(t, plan.Troubles())
	require.Equal(t, []string{"max", "orders", "o-1"}, []string{plan.Event.Actor, plan.Event.ResourceType, plan.Event.ResourceID})

	mail := plan.Recipients[1]
	require.Equal(t, transports.Content{Subject: "Order #A7 created", Message: "Order #A7 is being processed"}, mail.Body.Content)
	require.Equal(t, transports.Recipient{
		ID: "ann", Name: "Ann", Address: "ann@example.com", Locale: "de", Timezone: "Europe/Berlin",
	}, mail.Body.Recipient)
	require.Equal(t, "orders", mail.Body.Category)

	refused := plan.Recipients[2]
	require.Nil(t, refused.Body)
	require.Equal(t, `the person switched off category "Order updates"`, refused.Detail)
	var rules []string
	for _, v := range refused.Verdicts {
		rules = append(rules, v.Rule)
	}
	require.Equal(t, pipeline.Rules(), rules)
	require.Equal(t, "bob", refused.Verdicts[2].Row["updated_by"])
}

// TestAPlanIsWhatTheKitThenSends compares with the other driver of the stages, in one transaction.
func TestAPlanIsWhatTheKitThenSends(t *testing.T) {
	t.Parallel()
	late := emailTo("others")
	late.Delay = time.Hour
	b := setup(t, resource(nil, emailTo("user"), late))
	d, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{resource(nil, emailTo("user"), late)}, Categories: []dispatch.Category{{Name: "orders"}},
	})
	require.NoError(t, err)
	planner, err := pipeline.NewPlanner(d, nil)
	require.NoError(t, err)
	o := numbered("ann", "bob", "cleo", "dora")
	data, err := json.Marshal(o)
	require.NoError(t, err)
	plan, err := planner.Plan(t.Context(), b.tx, pipeline.PlanParams{Event: "orders.created", Data: data})
	require.NoError(t, err)

	event := b.emit(t, o, nil)
	b.Deliver()
	b.Advance(time.Hour)
	require.Len(t, plan.Recipients, len(b.Receipts(event)))
	for _, p := range plan.Recipients {
		want := "sent(accepted)"
		if p.Outcome == pipeline.PlanSkip {
			want = "skipped(" + string(p.Reason) + ")"
		}
		require.Equal(t, want, b.states(event)["email "+p.Recipient])
	}
	for _, m := range b.Sent(transports.Email) {
		for _, p := range plan.Recipients {
			if p.Channel == m.Channel && p.Recipient == m.Recipient.ID {
				require.Equal(t, m.Content, p.Body.Content)
				require.Equal(t, m.Recipient, p.Body.Recipient)
			}
		}
	}
}

func TestAPlanOfAFutureEventIsOfItsTime(t *testing.T) {
	t.Parallel()
	late := emailTo("user")
	late.Delay = time.Minute
	r := resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) { e.ExpiresAfter = time.Second }, inAppTo("user"), late)
	p := setupPlans(t, r)
	at := time.Date(2126, 1, 31, 8, 0, 0, 0, time.UTC)
	plan := p.plan(t, numbered("ann"), func(params *pipeline.PlanParams) { params.Emit = &dispatch.EmitOpts{At: at} })
	require.Len(t, plan.Recipients, 2)
	require.Equal(t, at, plan.Recipients[0].When)
	require.Equal(t, at.Add(time.Minute), plan.Recipients[1].When)
	require.Equal(t, 2, plan.Sends())
}

func TestAPlanAsksTheGuard(t *testing.T) {
	t.Parallel()
	p := setupPlans(t, resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
		e.GuardFunc = func(_ context.Context, _ order, r dispatch.Recipient) (bool, error) {
			if r.ID == "dora" {
				panic("guard")
			}
			return r.Locale != "de", nil
		}
	}, emailTo("others")))
	require.Equal(t, []string{
		"email.others to ann at ann@example.com: skip(guarded)", "email.others to bob at bob@example.com: send",
		"email.others to dora at dora@example.com: retry(retry)",
	}, outcomes(p.plan(t, numbered("", "ann", "bob", "dora"), nil)))
}

func TestAPlanNamesAMissingVariable(t *testing.T) {
	t.Parallel()
	p := setupPlans(t, resource(nil, emailTo("user")))
	plan := p.plan(t, order{UserID: "ann"}, nil)
	require.Equal(t, []string{"email.user to ann at ann@example.com: fail(render)"}, outcomes(plan))
	require.Contains(t, plan.Recipients[0].Detail, `"order_number"`)
	require.Equal(t, 1, plan.Troubles())
	require.Nil(t, plan.Recipients[0].Body)
}

func TestAPlanForManyRendersTheFirst(t *testing.T) {
	t.Parallel()
	const many = 10_000
	var renders atomic.Int32
	r := resource(func(r *dispatch.Resource[order], e *dispatch.Event[order]) {
		r.Audiences["many"] = dispatch.People(func(order) []string {
			ids := make([]string, many)
			for i := range ids {
				ids[i] = fmt.Sprintf("p%05d", many-1-i)
			}
			return ids
		})
		e.EnrichFunc = dispatch.Enrich(func(context.Context, dispatch.Querier, order) (struct{}, error) {
			renders.Add(1)
			return struct{}{}, nil
		})
	}, inAppTo("many"), emailTo("many"))
	p := setupPlans(t, r)
	for _, id := range []string{"p00000", "p00003", "p00007", "p00009", "p05000"} {
		require.NoError(t, people.Set(t.Context(), p.pool, "", people.Person{ID: id, Email: id + "@example.com"}))
	}
	require.NoError(t, preferences.Set(t.Context(), p.pool, preferences.Preference{
		Person: "p00003", Category: "orders", Transport: transports.Email, Choice: preferences.Off,
	}))
	plan := p.plan(t, numbered("ann"), func(params *pipeline.PlanParams) { params.Render = 3 })
	require.Len(t, plan.Recipients, 2*many)
	require.EqualValues(t, 6, renders.Load())
	require.Equal(t, []pipeline.PlanTotal{
		{Channel: "in_app.many", Outcome: pipeline.PlanSend, Count: many, Rendered: 3},
		{Channel: "email.many", Outcome: pipeline.PlanSend, Count: 4, Rendered: 3},
		{Channel: "email.many", Outcome: pipeline.PlanSkip, Reason: receipts.NoAddress, Count: many - 5},
		{Channel: "email.many", Outcome: pipeline.PlanSkip, Reason: receipts.OptedOut, Count: 1},
	}, plan.Totals)
	var rendered []string
	for _, p := range plan.Recipients {
		if p.Body != nil {
			rendered = append(rendered, p.Transport+" "+p.Recipient)
		}
	}
	require.Equal(t, []string{
		"in_app p00000", "in_app p00001", "in_app p00002", "email p00000", "email p00007", "email p00009",
	}, rendered)
}

func TestAPlanRendersTwentyByDefaultAndNobodyOnRequest(t *testing.T) {
	t.Parallel()
	p := setupPlans(t, resource(nil, inAppTo("others")))
	var others []string
	for i := range 25 {
		others = append(others, fmt.Sprint("p", i))
	}
	require.Equal(t, 20, p.plan(t, numbered("", others...), nil).Totals[0].Rendered)
	none := p.plan(t, numbered("", others...), func(params *pipeline.PlanParams) { params.Render = -1 })
	require.Equal(t, []pipeline.PlanTotal{{Channel: "in_app.others", Outcome: pipeline.PlanSend, Count: 25}}, none.Totals)
}

func TestWhatFailsInAPlanHarmsNoOther(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := resource(func(r *dispatch.Resource[order], _ *dispatch.Event[order]) {
		r.Audiences["panicking"] = dispatch.People(func(order) []string { panic("secret") })
		r.Audiences["failing"] = dispatch.SQL("SELECT id FROM no_such_table")
		r.Audiences["dividing"] = dispatch.SQL("SELECT n / (n - 2) FROM generate_series(1, 3) n")
		for name, query := range map[string]string{
			"careless": "SELECT 'ann'", "crashing": "SELECT (n / (n - 2))::text FROM generate_series(1, 3) n",
		} {
			r.Audiences[name] = dispatch.AudienceFunc(func(ctx context.Context, db dispatch.Querier, _ order) ([]dispatch.Recipient, error) {
				rows, err := db.Query(ctx, query)
				if err != nil {
					return nil, err
				}
				var found []dispatch.Recipient
				for rows.Next() { // and no Close
					var id string
					if err := rows.Scan(&id); err != nil {
						return nil, err
					}
					found = append(found, dispatch.Recipient{ID: id})
				}
				return found, rows.Err()
			})
		}
	}, emailTo("panicking"), emailTo("failing"), emailTo("dividing"), emailTo("crashing"), emailTo("careless"),
		emailTo("user"))
	p := setupPlans(t, r)
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{r}, Categories: []dispatch.Category{{Name: "orders"}}})
	require.NoError(t, err)
	p.Planner, err = pipeline.NewPlanner(d, &pipeline.PlannerConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	plan := p.plan(t, numbered("bob"), nil)
	require.Equal(t, []string{
		"email.panicking to : retry(retry)", "email.failing to : retry(retry)", "email.dividing to : retry(retry)",
		"email.crashing to : retry(retry)", "email.careless to ann at ann@example.com: send", "email.user to bob at bob@example.com: send",
	}, outcomes(plan))
	require.Contains(t, plan.Recipients[0].Detail, "the resolver panicked with a string")
	require.Contains(t, plan.Recipients[1].Detail, "no_such_table")
	require.Contains(t, plan.Recipients[2].Detail, "division by zero")
	require.Equal(t, 4, plan.Troubles())
	require.Contains(t, log.String(), "panic contained")
	require.NotContains(t, log.String(), "secret")

	// The workers' policy tells whether there is another try.
	p.Planner, err = pipeline.NewPlanner(d, &pipeline.PlannerConfig{
		Retry: flow.RetryPolicy{MaxAttempts: 1}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	require.Equal(t, "email.panicking to : fail(exhausted)", outcomes(p.plan(t, numbered("bob"), nil))[0])
}

func TestAPlanNeedsNoTransport(t *testing.T) {
	t.Parallel()
	pager := transports.Spec{Name: "pager", Address: transports.AddressPhone, Required: []string{transports.FieldMessage}}
	p := setupPlans(t, resource(nil, dispatch.Channel{Transport: "pager", Audience: "user"}), pager)
	require.NoError(t, people.Set(t.Context(), p.pool, "", people.Person{ID: "ann", Phone: "+4930123456"}))
	require.Equal(t, []string{"pager.user to ann at +4930123456: send"}, outcomes(p.plan(t, numbered("ann"), nil)))
}

// rowCounts counts the rows of every table of the database that is not the server's own, partitions included.
func rowCounts(t *testing.T, pool *pgxpool.Pool) map[string]int {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
		SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		 WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	counts := map[string]int{}
	for _, table := range tables {
		var n int
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
		counts[table] = n
	}
	return counts
}

func TestNothingRemainsOfAPlan(t *testing.T) {
	t.Parallel()
	late := emailTo("others")
	late.Delay = time.Hour
	p := setupPlans(t, resource(nil, inAppTo("user"), late, emailTo("user"), inAppTo("others")))
	_, err := p.orders.Run(t.Context(), p.pool, "create", func(pgx.Tx) (order, error) { return numbered("ann"), nil }, nil)
	require.NoError(t, err)
	before := rowCounts(t, p.pool)
	require.Greater(t, len(before), 10)
	require.Positive(t, before["carillon.receipts"])

	listener, err := pgx.Connect(t.Context(), p.pool.Config().ConnString())
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close(context.WithoutCancel(t.Context()))) }()
	_, err = listener.Exec(t.Context(), `LISTEN "carillon.river_insert"`)
	require.NoError(t, err)

	plan := p.plan(t, numbered("ann", "bob", "cleo"), func(params *pipeline.PlanParams) {
		params.Emit = &dispatch.EmitOpts{IdempotencyKey: "k"}
	})
	require.Equal(t, 5, plan.Sends(), "%v", outcomes(plan))
	require.Equal(t, before, rowCounts(t, p.pool))

	// What was said before this would be heard before it.
	_, err = p.pool.Exec(t.Context(), `SELECT pg_notify('carillon.river_insert', 'the end')`)
	require.NoError(t, err)
	heard, err := listener.WaitForNotification(t.Context())
	require.NoError(t, err)
	require.Equal(t, "the end", heard.Payload)

	// Nor does anything remain of one that fails, or whose context ends.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.Plan(ctx, p.pool, pipeline.PlanParams{Event: "orders.created", Data: json.RawMessage(`{}`)})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, before, rowCounts(t, p.pool))
}

// TestAPlanKeepsNoWorkerFromItsWork claims, while a plan is open, what another event owes.
func TestAPlanKeepsNoWorkerFromItsWork(t *testing.T) {
	t.Parallel()
	var pool *pgxpool.Pool
	claimed := -1
	r := resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
		e.EnrichFunc = dispatch.Enrich(func(ctx context.Context, _ dispatch.Querier, _ order) (struct{}, error) {
			batch, err := receipts.New(nil).Claim(ctx, pool, receipts.ClaimParams{
				Lane: "email_default", More: 100, Lease: time.Minute, Worker: "another",
			})
			if err == nil {
				claimed = len(batch.Receipts)
			}
			return struct{}{}, err
		})
	}, emailTo("user"))
	p := setupPlans(t, r)
	pool = p.pool
	for range 3 {
		_, err := p.orders.Run(t.Context(), p.pool, "create", func(pgx.Tx) (order, error) { return numbered("bob"), nil }, nil)
		require.NoError(t, err)
	}
	require.Len(t, p.plan(t, numbered("ann"), nil).Recipients, 1)
	require.Equal(t, 3, claimed)
}

func TestAPlanKnowsAKeyThatIsTaken(t *testing.T) {
	t.Parallel()
	p := setupPlans(t, resource(nil, emailTo("user")))
	key := &dispatch.EmitOpts{IdempotencyKey: "k", ResourceID: "o-1"}
	_, err := p.orders.Run(t.Context(), p.pool, "create", func(pgx.Tx) (order, error) { return numbered("bob"), nil }, key)
	require.NoError(t, err)
	plan := p.plan(t, numbered("bob"), func(params *pipeline.PlanParams) { params.Emit = key })
	require.True(t, plan.Duplicate)
	require.Equal(t, "k", plan.Event.IdempotencyKey)
	require.Empty(t, plan.Recipients)

	_, err = p.Plan(t.Context(), p.pool, pipeline.PlanParams{Event: "orders.created", Data: json.RawMessage(`{}`), Emit: key})
	var conflict *dispatch.ConflictError
	require.ErrorAs(t, err, &conflict)
}

func TestAPlanRefusesWhatAnEmitRefuses(t *testing.T) {
	t.Parallel()
	p := setupPlans(t, resource(nil, emailTo("user")))
	_, err := p.Plan(t.Context(), p.pool, pipeline.PlanParams{Event: "orders.vanished", Data: json.RawMessage(`{}`)})
	require.ErrorIs(t, err, dispatch.ErrUnknownEvent)
	_, err = p.Plan(t.Context(), p.pool, pipeline.PlanParams{Event: "orders.created", Data: json.RawMessage(`[]`)})
	var invalid *dispatch.InvalidError
	require.ErrorAs(t, err, &invalid)
	_, err = pipeline.NewPlanner(nil, nil)
	require.ErrorContains(t, err, "the dispatcher is missing")
}

func TestJudgeAsksEveryAudienceNow(t *testing.T) {
	t.Parallel()
	members := []string{"ann", "bob"}
	r := resource(func(r *dispatch.Resource[order], _ *dispatch.Event[order]) {
		r.Audiences["moving"] = dispatch.People(func(order) []string { return members })
		r.Audiences["panicking"] = dispatch.People(func(order) []string { panic("resolver") })
		r.Audiences["failing"] = dispatch.AudienceFunc(func(context.Context, dispatch.Querier, order) ([]dispatch.Recipient, error) {
			return nil, errors.New(strings.Repeat("down ", 200))
		})
	}, emailTo("failing"), emailTo("panicking"), inAppTo("moving"), emailTo("user"), emailTo("ops"), inAppTo("others"))
	p := setupPlans(t, r)
	event := receipts.Event{Name: "orders.created", Data: json.RawMessage(`{"user_id": "ann", "others": []}`)}
	judge := func(recipient string) []string {
		tx, err := p.pool.BeginTx(t.Context(), pgx.TxOptions{AccessMode: pgx.ReadOnly})
		require.NoError(t, err)
		defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()
		judged, err := p.Judge(t.Context(), tx, event, recipient)
		require.NoError(t, err)
		lines := make([]string, len(judged))
		for i, m := range judged {
			member := "unknown"
			if m.Member != nil {
				member = fmt.Sprint(*m.Member)
			}
			require.NotEmpty(t, m.Detail)
			require.LessOrEqual(t, len([]rune(m.Detail)), 500)
			lines[i] = m.Channel + " " + member
		}
		return lines
	}
	require.Equal(t, []string{
		"email.failing unknown", "email.panicking unknown", "in_app.moving true", "email.user true", "email.ops false",
		"in_app.others false",
	}, judge("ann"))
	members = []string{"cleo"}
	require.Equal(t, []string{"in_app.moving false", "email.user false", "email.ops true"}, judge("ops@example.com")[2:5])
	require.Equal(t, []string{"in_app.moving true", "email.user false", "email.ops false"}, judge("cleo")[2:5])
	event.Name = "orders.vanished"
	_, err := p.Judge(t.Context(), p.pool, event, "ann")
	require.ErrorIs(t, err, dispatch.ErrUnknownEvent)
}

// statements notes what runs on a connection.
type statements struct{ all []string }

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.all = append(s.all, data.SQL)
	return ctx
}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestAPlanAsksNoBreakerAndTakesNoToken(t *testing.T) {
	t.Parallel()
	p := setupPlans(t, resource(nil, emailTo("user")))
	_, err := p.pool.Exec(t.Context(), `INSERT INTO carillon.breakers (transport, account, host, opened_at, until, class, code, detail)
		VALUES ('email', '', '', now(), now(), 'transient', '', '')`)
	require.NoError(t, err)
	cfg := p.pool.Config()
	seen := &statements{}
	cfg.ConnConfig.Tracer, cfg.MaxConns = seen, 1
	p.pool, err = pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	defer p.pool.Close()
	require.Equal(t, []string{"email.user to ann at ann@example.com: send"}, outcomes(p.plan(t, numbered("ann"), nil)))
	require.NotEmpty(t, seen.all)
	for _, sql := range seen.all {
		require.NotContains(t, sql, "carillon.breakers")
		require.NotContains(t, sql, "carillon.budgets")
	}
}
