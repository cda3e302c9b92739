package job_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/job"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// setup makes a database in which an application has its River in the schema shop.
func setup(t *testing.T) (*pgxpool.Pool, *job.Transport) {
	t.Helper()
	pool := dbtest.Pool(t)
	_, err := pool.Exec(t.Context(), "CREATE SCHEMA shop")
	require.NoError(t, err)
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: "shop"})
	require.NoError(t, err)
	_, err = migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(t, err)
	transport, err := job.New(&job.Config{Schema: "shop"})
	require.NoError(t, err)
	return pool, transport
}

func message(options transports.JobOptions) transports.Message {
	m := transporttest.NewMessage(transports.JobSpec())
	m.Recipient = transports.Recipient{Address: transports.OnceAudience}
	m.Options, _ = transports.EncodeOptions(options)
	return m
}

func insert(ctx context.Context, pool *pgxpool.Pool, t transports.Transport, m transports.Message) (transports.Result, error) {
	var results []transports.Result
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
		results, err = t.(transports.InDatabase).SendTx(ctx, tx, []transports.Message{m})
		return err
	})
	if err != nil {
		return transports.Result{}, err
	}
	return results[0], nil
}

// jobs lists what is in the application's River.
func jobs(tb testing.TB, pool *pgxpool.Pool) []string {
	tb.Helper()
	rows, err := pool.Query(context.Background(),
		`SELECT concat_ws(' ', kind, queue, priority, max_attempts, tags, args, state) FROM shop.river_job ORDER BY id`)
	require.NoError(tb, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(tb, err)
	return lines
}

// provider is the application's River.
type provider struct {
	tb   testing.TB
	pool *pgxpool.Pool
	from int
}

func (p *provider) Deliveries() []transporttest.Delivery {
	var all []transporttest.Delivery
	for _, line := range jobs(p.tb, p.pool)[p.from:] {
		var got struct{ Receipt, Queue string }
		_, raw, _ := strings.Cut(line, "{} ")
		require.NoError(p.tb, json.NewDecoder(strings.NewReader(raw)).Decode(&got))
		all = append(all, transporttest.Delivery{Key: got.Receipt, Body: []byte(raw), Address: strings.Fields(line)[1]})
	}
	return all
}

func (p *provider) Tries() int             { return len(p.Deliveries()) }
func (p *provider) Behave(string)          {}
func (p *provider) Stall() <-chan struct{} { return nil }

// not parallel: the suite looks for goroutines that were left behind
func TestConforms(t *testing.T) {
	pool, transport := setup(t)
	n := 0
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			return transport, &provider{tb: tb, pool: pool, from: len(jobs(tb, pool))}
		},
		SendFunc: func(ctx context.Context, tr transports.Transport, m transports.Message) (transports.Result, error) {
			return insert(ctx, pool, tr, m)
		},
		MessageFunc: func() transports.Message {
			n++
			m := message(transports.JobOptions{Kind: "sync_order", Args: map[string]string{"receipt": fmt.Sprint("canary receipt ", n)}})
			m.Recipient.Address = "canary-orders"
			return m
		},
		Skip: map[string]string{
			"Classifies":      "the only provider is the database; see TestRiverThatIsNotThere",
			"CancelledDuring": "a statement is cancelled by the driver", "DeadlineDuring": "a statement is cancelled by the driver",
			"SameOnEveryTry": "the provider counts from the start of its own process; see TestEveryOption",
		},
	})
}

func TestEveryOption(t *testing.T) {
	t.Parallel()
	pool, transport := setup(t)
	base := transports.JobOptions{Kind: "sync_order", Args: map[string]string{"id": "7"}}
	with := func(change func(*transports.JobOptions)) transports.JobOptions {
		o := base
		change(&o)
		return o
	}
	for i, c := range []struct {
		options transports.JobOptions
		want    string
	}{
		{base, `sync_order default 1 25 {} {"id": "7"} available`},
		{with(func(o *transports.JobOptions) { o.Kind = "bill" }), `bill default 1 25 {} {"id": "7"} available`},
		{with(func(o *transports.JobOptions) { o.Args = nil }), `sync_order default 1 25 {} {} available`},
		{with(func(o *transports.JobOptions) {
			o.Args = map[string]string{"id": "9007199254740993", "vip": "true", "none": "null", "name": "7"}
			o.Typed = []string{"id", "vip", "none"}
		}), `sync_order default 1 25 {} {"id": 9007199254740993, "vip": true, "name": "7", "none": null} available`},
		{with(func(o *transports.JobOptions) { o.Queue = "orders" }), `sync_order orders 1 25 {} {"id": "7"} available`},
		{with(func(o *transports.JobOptions) { o.Priority = 3 }), `sync_order default 3 25 {} {"id": "7"} available`},
		{with(func(o *transports.JobOptions) { o.MaxAttempts = 4 }), `sync_order default 1 4 {} {"id": "7"} available`},
		{with(func(o *transports.JobOptions) { o.Tags = []string{"shop", "vip"} }), `sync_order default 1 25 {shop,vip} {"id": "7"} available`},
	} {
		result, err := insert(t.Context(), pool, transport, message(c.options))
		require.NoError(t, err)
		all := jobs(t, pool)
		require.Len(t, all, i+1)
		require.Equal(t, c.want, all[i])
		require.Equal(t, strconv.Itoa(i+1), result.ProviderMessageID)
	}
}

func TestUnique(t *testing.T) {
	t.Parallel()
	pool, transport := setup(t)
	once := transports.JobOptions{Kind: "sync_order", Args: map[string]string{"id": "7"}, Unique: true}
	first, err := insert(t.Context(), pool, transport, message(once))
	require.NoError(t, err)
	second, err := insert(t.Context(), pool, transport, message(once))
	require.NoError(t, err)
	require.Equal(t, first.ProviderMessageID, second.ProviderMessageID)
	require.Empty(t, first.Detail)
	require.Equal(t, "an equal job was there already", second.Detail)

	once.Args = map[string]string{"id": "8"}
	_, err = insert(t.Context(), pool, transport, message(once))
	require.NoError(t, err)
	once.UniquePeriod = 240 * time.Hour
	_, err = insert(t.Context(), pool, transport, message(once))
	require.NoError(t, err)
	_, err = insert(t.Context(), pool, transport, message(once))
	require.NoError(t, err)
	require.Len(t, jobs(t, pool), 3)
}

func TestWhatRiverWouldRefuseIsPermanent(t *testing.T) {
	t.Parallel()
	pool, transport := setup(t)
	good := transports.JobOptions{Kind: "k", Args: map[string]string{"a": "x"}}
	for _, change := range []func(*transports.JobOptions){
		func(o *transports.JobOptions) { o.Kind = "" },
		func(o *transports.JobOptions) { o.Kind = "no blanks" },
		func(o *transports.JobOptions) { o.Queue = "No Queue" },
		func(o *transports.JobOptions) { o.Priority = 5 },
		func(o *transports.JobOptions) { o.MaxAttempts = -1 },
		func(o *transports.JobOptions) { o.Typed = []string{"b"} },
		func(o *transports.JobOptions) { o.Typed = []string{"a"} },
		func(o *transports.JobOptions) { o.UniquePeriod = time.Hour },
	} {
		o := good
		change(&o)
		_, err := insert(t.Context(), pool, transport, message(o))
		require.Equal(t, transports.Permanent, transports.Classify(err).Class, "%+v: %v", o, err)
	}
	require.Empty(t, jobs(t, pool))
}

func TestRiverThatIsNotThere(t *testing.T) {
	t.Parallel()
	transport, err := job.New(nil)
	require.NoError(t, err)
	_, err = insert(t.Context(), dbtest.Pool(t), transport, message(transports.JobOptions{Kind: "k"}))
	require.Equal(t, transports.Configuration, transports.Classify(err).Class)
	_, err = transport.Send(t.Context(), transports.Message{})
	require.Equal(t, transports.Configuration, transports.Classify(err).Class)

	for _, schema := range []string{"carillon", "no name", strings.Repeat("x", 60)} {
		_, err := job.New(&job.Config{Schema: schema})
		require.ErrorContains(t, err, "job: schema ", schema)
	}
}

type order struct {
	ID    string   `json:"id"`
	Users []string `json:"users"`
}

func orders() dispatch.Resource[order] {
	sync := transports.JobOptions{Kind: "sync_order", Args: map[string]string{"order": "{{ id }}", "for": "{{ recipient.id }}"}}
	return dispatch.Resource[order]{
		Name: "orders",
		Audiences: map[string]dispatch.Audience{
			"users":   dispatch.People(func(o order) []string { return o.Users }),
			"billing": dispatch.Fixed(transports.Job, "billing"),
		},
		Events: []dispatch.Event[order]{{Name: "created", Channels: []dispatch.Channel{
			{Transport: transports.Job, Options: sync},
			{Transport: transports.Job, Audience: "billing", Options: sync},
			{Transport: transports.Job, Audience: "users", Options: sync},
		}}},
	}
}

// TestOneJobOfAnEventOrOneForEach emits to an audience of nobody and of two, and rolls one back.
func TestOneJobOfAnEventOrOneForEach(t *testing.T) {
	t.Parallel()
	pool, transport := setup(t)
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{orders()}})
	require.NoError(t, err)
	deliver := func(users []string, commit bool) []string {
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		defer func() { _ = tx.Rollback(context.Background()) }()
		kit := dispatchtest.New(t, tx, d, transport)
		emitted, err := dispatch.For(d, orders()).EmitTx(t.Context(), tx, "created", order{ID: "o7", Users: users}, nil)
		require.NoError(t, err)
		kit.Deliver()
		if commit {
			require.NoError(t, tx.Commit(t.Context()))
		}
		return kit.Outcomes(emitted.EventID)
	}
	require.NotContains(t, fmt.Sprint(deliver([]string{"z"}, false)), "failed")
	require.Empty(t, jobs(t, pool), "a rollback leaves no job")

	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	for _, users := range [][]string{nil, {"ann", "bob"}} {
		kit := dispatchtest.New(t, tx, d, transport)
		_, err := dispatch.For(d, orders()).EmitTx(t.Context(), tx, "created", order{ID: "o7", Users: users}, nil)
		require.NoError(t, err)
		kit.Deliver()
	}
	require.NoError(t, tx.Commit(t.Context()))
	require.ElementsMatch(t, []string{
		`sync_order default 1 25 {} {"for": "", "order": "o7"} available`,
		`sync_order billing 1 25 {} {"for": "", "order": "o7"} available`,
		`sync_order default 1 25 {} {"for": "", "order": "o7"} available`,
		`sync_order billing 1 25 {} {"for": "", "order": "o7"} available`,
		`sync_order default 1 25 {} {"for": "ann", "order": "o7"} available`,
		`sync_order default 1 25 {} {"for": "bob", "order": "o7"} available`,
	}, jobs(t, pool))
}

type syncArgs struct {
	Order string `json:"order"`
}

func (syncArgs) Kind() string { return "sync_order" }

// TestTheApplicationsWorkerWorksIt has River itself take the job.
func TestTheApplicationsWorkerWorksIt(t *testing.T) {
	t.Parallel()
	pool, transport := setup(t)
	worked := make(chan string, 1)
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(_ context.Context, j *river.Job[syncArgs]) error {
		worked <- j.Args.Order
		return nil
	}))
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema: "shop", Workers: workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}},
	})
	require.NoError(t, err)
	require.NoError(t, client.Start(t.Context()))
	defer func() { require.NoError(t, client.StopAndCancel(context.Background())) }()
	_, err = insert(t.Context(), pool, transport, message(transports.JobOptions{Kind: "sync_order", Args: map[string]string{"order": "o7"}}))
	require.NoError(t, err)
	select {
	case order := <-worked:
		require.Equal(t, "o7", order)
	case <-time.After(30 * time.Second):
		t.Fatal("nobody worked the job")
	}
}
