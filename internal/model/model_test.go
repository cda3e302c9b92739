package model_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/internal/model"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/receipts/audit"
	"github.com/carillon-notify/carillon/transports"
)

const lane = "email_default"

// TestMain chooses how far to walk, and a seed that can be told.
func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	checks, steps := "10", "30"
	if os.Getenv("CARILLON_PROVE") == "1" {
		checks, steps = "1000", "60"
	}
	for name, value := range map[string]string{
		"rapid.checks": checks, "rapid.steps": steps, "rapid.seed": fmt.Sprint(rand.Uint32()),
	} {
		if !given[name] {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}

// walk is one walk of the database and the model side by side.
type walk struct {
	*rapid.T
	tx      pgx.Tx
	store   *receipts.Store
	world   *model.World
	written time.Time
	tokens  []uuid.UUID
	before  map[*model.Receipt]receipts.State
	step    string
	steps   int
}

func TestTheStatementsWalkAsTheModelDoes(t *testing.T) {
	t.Parallel()
	t.Logf("replay with: go test ./internal/model -rapid.seed=%s -rapid.checks=%s -rapid.steps=%s",
		flag.Lookup("rapid.seed").Value, flag.Lookup("rapid.checks").Value, flag.Lookup("rapid.steps").Value)
	pool := dbtest.Pool(t)
	steps := 0
	made := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		tx, err := pool.Begin(t.Context())
		require.NoError(rt, err)
		defer func() { require.NoError(rt, tx.Rollback(t.Context())) }()
		w := &walk{T: rt, tx: tx, world: model.New(), before: map[*model.Receipt]receipts.State{}}
		require.NoError(rt, tx.QueryRow(t.Context(), "SELECT now()").Scan(&w.written))
		w.world.Now = w.written.UTC()
		w.store = receipts.New(&receipts.Config{NowFunc: func() time.Time { return w.world.Now }})
		w.emit(rt)
		actions := map[string]func(*rapid.T){"": w.check}
		for name, act := range map[string]func(*rapid.T){
			"emit": w.emit, "claim": w.claim, "claimLane": w.claimLane, "claimMore": w.claimLane, "bind": w.bind, "bindMore": w.bind,
			"record": w.record, "recordMore": w.record, "renew": w.renew, "advance": w.advance, "reclaim": w.reclaim,
			"lose": w.lose, "loseAgain": w.lose, "reconcile": w.reconcile, "promote": w.promote, "operate": w.operate, "expand": w.expand, "jobs": w.jobs,
		} {
			actions[name] = func(rt *rapid.T) {
				w.step = name
				steps++
				made[name]++
				act(rt)
			}
		}
		rt.Repeat(actions)
		w.audit()
	})
	t.Logf("%d steps: %v", steps, made)
}

func (w *walk) emit(rt *rapid.T) {
	options := map[string]any{}
	due := w.written.UTC()
	if rapid.Bool().Draw(rt, "later") {
		due = w.world.Now.Add(30 * time.Second).Truncate(time.Second)
		options["at"] = due
	}
	given, err := json.Marshal(options)
	require.NoError(rt, err)
	var event, id uuid.UUID
	require.NoError(rt, w.tx.QueryRow(w.Context(), `SELECT event_id FROM carillon.emit_event('orders.created', '{}', $1,
		'[{"channel": "email.user", "transport": "email", "audience": "user", "priority": 2}]')`, string(given)).Scan(&event))
	require.NoError(rt, w.tx.QueryRow(w.Context(), `SELECT id FROM carillon.receipts WHERE event_id = $1`, event).Scan(&id))
	w.world.Emit(&model.Receipt{
		ID: id, Due: due, Policy: rapid.SampledFrom(transports.OnUnknowns()).Draw(rt, "policy"),
	}, w.written)
}

// any draws a receipt.
func (w *walk) any(rt *rapid.T, in ...receipts.State) *model.Receipt {
	some := w.world.Receipts
	if found := w.world.Live(in...); len(found) > 0 {
		some = found
	}
	return some[rapid.IntRange(0, len(some)-1).Draw(rt, "receipt")]
}

// held draws a receipt and, mostly, the lease that holds it; sometimes one that does not.
func (w *walk) held(rt *rapid.T, in ...receipts.State) (uuid.UUID, *model.Receipt) {
	r := w.any(rt, in...)
	token := r.Token
	if len(w.tokens) > 0 && (token == uuid.Nil || rapid.IntRange(0, 9).Draw(rt, "zombie") == 0) {
		token = rapid.SampledFrom(w.tokens).Draw(rt, "token")
	}
	return token, r
}

func (w *walk) claim(rt *rapid.T) { w.take(rt, []*model.Receipt{w.any(rt), w.any(rt)}, 0) }

func (w *walk) claimLane(rt *rapid.T) { w.take(rt, nil, 100) }

func (w *walk) take(rt *rapid.T, own []*model.Receipt, more int) {
	batch, err := w.store.Claim(w.Context(), w.tx, receipts.ClaimParams{
		Lane: lane, Own: ids(own), More: more, Lease: model.Lease, Worker: "walker",
	})
	require.NoError(rt, err)
	var got []uuid.UUID
	for _, r := range batch.Receipts {
		got = append(got, r.ID)
	}
	require.ElementsMatch(rt, ids(w.world.Claim(batch.Token, own, more > 0)), got)
	w.tokens = append(w.tokens, batch.Token)
}

func (w *walk) bind(rt *rapid.T) {
	token, r := w.held(rt, receipts.Resolving)
	bound, err := w.store.Bind(w.Context(), w.tx, token, []receipts.Binding{{ID: r.ID, Recipient: "ann", OnUnknown: r.Policy}})
	require.NoError(rt, err)
	require.Equal(rt, w.world.Bind(token, r), len(bound) == 1)
}

// outcomes are what the pipeline records.
var outcomes = []model.Outcome{
	{Name: "sent", State: receipts.Sent, Reason: receipts.Accepted, Attempt: receipts.AttemptAccepted, Class: transports.OK, Costs: true},
	{Name: "refused", State: receipts.Waiting, Reason: receipts.Retry, Wait: 7 * time.Second, Attempt: receipts.AttemptRefused, Class: transports.Transient, Costs: true},
	{Name: "unknown", State: receipts.Waiting, Reason: receipts.Retry, Attempt: receipts.AttemptUnknown, Class: transports.Unknown, Costs: true},
	{Name: "parked", State: receipts.Uncertain, Reason: receipts.AnswerLost, Attempt: receipts.AttemptUnknown, Class: transports.Unknown, Costs: true},
	{Name: "busy", State: receipts.Waiting, Reason: receipts.RateLimited, Wait: time.Minute, Attempt: receipts.AttemptRefused, Class: transports.Rate},
	{Name: "handed back", State: receipts.Waiting, Reason: receipts.Retry},
	{Name: "rejected", State: receipts.Failed, Reason: receipts.Rejected, Attempt: receipts.AttemptRefused, Class: transports.Permanent, Costs: true},
	{Name: "skipped", State: receipts.Skipped, Reason: receipts.OptedOut},
	{Name: "expired", State: receipts.Expired, Reason: receipts.Deadline},
}

func (w *walk) record(rt *rapid.T) {
	token, r := w.held(rt, receipts.Sending, receipts.Resolving)
	o := rapid.SampledFrom(outcomes).Draw(rt, "outcome")
	if r.State == receipts.Resolving && (o.State == receipts.Sent || o.Attempt == receipts.AttemptUnknown) {
		o = outcomes[len(outcomes)-1] // Nothing has left the house.
	}
	if len(r.Children) > 0 && r.State == receipts.Resolving {
		o = model.Outcome{State: receipts.Expanded, Reason: receipts.FannedOut}
	}
	result := receipts.Result{ID: r.ID, State: o.State, Reason: o.Reason, Wait: o.Wait, CostsAttempt: o.Costs}
	if o.Attempt != "" {
		result.Attempt = &receipts.Attempt{Outcome: o.Attempt, Class: o.Class, StartedAt: w.world.Now, FinishedAt: w.world.Now}
	}
	took, err := w.store.Record(w.Context(), w.tx, token, []receipts.Result{result}, true)
	require.NoError(rt, err)
	require.Equal(rt, w.world.Record(token, r, o), len(took) == 1, "%s", o.Name)
}

func (w *walk) renew(rt *rapid.T) {
	if len(w.tokens) == 0 {
		rt.Skip()
	}
	token := rapid.SampledFrom(w.tokens).Draw(rt, "token")
	stand, err := w.store.Renew(w.Context(), w.tx, []uuid.UUID{token}, model.Lease)
	require.NoError(rt, err)
	require.Equal(rt, w.world.Renew(token), len(stand) == 1)
}

func (w *walk) advance(rt *rapid.T) {
	seconds := rapid.SampledFrom([]int{1, 4, 11, 16, 61}).Draw(rt, "seconds")
	w.world.Now = w.world.Now.Add(time.Duration(seconds) * time.Second)
}

func (w *walk) reclaim(rt *rapid.T) {
	got, err := w.store.Reclaim(w.Context(), w.tx, model.Poison)
	require.NoError(rt, err)
	reclaimed := make([]uuid.UUID, len(got))
	for i, one := range got {
		reclaimed[i] = one.ID
	}
	require.ElementsMatch(rt, ids(w.world.Reclaim()), reclaimed)
}

// lose has a worker die with one receipt in hand, which three times in a row is poison.
func (w *walk) lose(rt *rapid.T) {
	r := w.any(rt, receipts.Waiting, receipts.Pending)
	if r.Due.After(w.world.Now) {
		w.world.Now = r.Due
	}
	w.take(rt, []*model.Receipt{r}, 0)
	if rapid.Bool().Draw(rt, "sending") {
		w.bind(rt)
	}
	w.world.Now = w.world.Now.Add(model.Lease + time.Second)
	w.reclaim(rt)
}

func (w *walk) reconcile(rt *rapid.T) {
	got, err := w.store.Reconcile(w.Context(), w.tx, model.Grace)
	require.NoError(rt, err)
	require.ElementsMatch(rt, ids(w.world.Reconcile()), got)
}

func (w *walk) promote(rt *rapid.T) {
	n, err := w.store.Promote(w.Context(), w.tx, []string{lane})
	require.NoError(rt, err)
	require.Equal(rt, w.world.Promote(), n)
}

func (w *walk) operate(rt *rapid.T) {
	action := rapid.SampledFrom(receipts.Actions()).Draw(rt, "action")
	r := w.any(rt, action.From()...)
	op, err := w.store.StartOperation(w.Context(), w.tx, receipts.Operation{Action: action, Operator: "ada", Reason: "a walk"})
	require.NoError(rt, err)
	changes, err := w.store.Apply(w.Context(), w.tx, op, []uuid.UUID{r.ID})
	require.NoError(rt, err)
	w.step = string(action)
	require.Equal(rt, w.world.Apply(action, r), len(changes.Changed) == 1)
}

func (w *walk) expand(rt *rapid.T) {
	token, r := w.held(rt, receipts.Resolving)
	if r.Children == nil {
		rt.Skip() // A child has no children.
	}
	from := len(r.Children)
	var keys []string
	var chunk []receipts.Child
	for i := max(0, from-1); i <= from; i++ { // The last one is repeated.
		keys = append(keys, fmt.Sprintf("person:%03d", i))
		chunk = append(chunk, receipts.Child{Key: keys[len(keys)-1], Recipient: fmt.Sprint(i)})
	}
	err := w.store.Expand(w.Context(), w.tx, token, r.ID, chunk)
	if !w.world.Expand(token, r, keys) {
		require.ErrorIs(rt, err, receipts.ErrLeaseLost)
		return
	}
	require.NoError(rt, err)
	for key, child := range r.Children {
		require.NoError(rt, w.tx.QueryRow(w.Context(),
			`SELECT id FROM carillon.receipts WHERE root_id = $1 AND recipient_key = $2`, r.ID, key).Scan(&child.ID))
	}
}

// jobs does to an alarm what River, its clients that die, and people with SQL do.
func (w *walk) jobs(rt *rapid.T) {
	r := w.any(rt, receipts.Pending, receipts.Waiting)
	if r.Job == nil {
		rt.Skip()
	}
	const job = ` WHERE id = (SELECT job_id FROM carillon.receipts WHERE id = $1)`
	var err error
	switch rapid.SampledFrom([]string{"delete", "discard", "fetch"}).Draw(rt, "what") {
	case "delete":
		_, err = w.tx.Exec(w.Context(), `DELETE FROM carillon.river_job`+job, r.ID)
		r.Job = nil
	case "discard":
		_, err = w.tx.Exec(w.Context(), `UPDATE carillon.river_job SET state = 'discarded', finalized_at = $2`+job, r.ID, w.world.Now)
		r.Job.State = "discarded"
	case "fetch":
		_, err = w.tx.Exec(w.Context(), `UPDATE carillon.river_job SET state = 'running', attempted_at = $2, finalized_at = NULL`+job, r.ID, w.world.Now)
		r.Job.State, r.Job.Fetched = "running", w.world.Now
	}
	require.NoError(rt, err)
}

// stored is what the database knows of a receipt.
type stored struct {
	State                    receipts.State
	Reason                   receipts.Reason
	Attempts, Tries, Crashes int
	Unanswered               bool
	Due                      time.Time
	Leased                   bool
	Job                      string
	Sent, Lost               int
}

const sqlStored = `
SELECT r.state, coalesce(r.reason, '') AS reason, r.attempts, r.tries, r.crashes, r.unanswered, r.due_at AS due,
       r.lease_token IS NOT NULL AS leased, coalesce(j.state::text, '') AS job,
       (SELECT count(*) FROM carillon.attempts a WHERE a.receipt_id = r.id AND a.outcome = 'accepted') AS sent,
       (SELECT count(*) FROM carillon.attempts a WHERE a.receipt_id = r.id AND a.outcome = 'unknown') AS lost
  FROM carillon.receipts r LEFT JOIN carillon.river_job j ON j.id = r.job_id
 WHERE r.id = $1`

// check compares the two, and holds every receipt to what is promised of it.
func (w *walk) check(rt *rapid.T) {
	for _, r := range w.world.Receipts {
		rows, err := w.tx.Query(w.Context(), sqlStored, r.ID)
		require.NoError(rt, err)
		got, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[stored])
		require.NoError(rt, err)
		want := stored{
			State: r.State, Reason: r.Reason, Attempts: r.Attempts, Tries: r.Tries, Crashes: r.Crashes, Unanswered: r.Unanswered,
			Due: r.Due, Leased: r.Token != uuid.Nil, Sent: r.Sent, Lost: r.Lost,
		}
		if r.Job != nil {
			want.Job = r.Job.State
		}
		got.Due, want.Due = got.Due.UTC().Truncate(time.Millisecond), want.Due.UTC().Truncate(time.Millisecond)
		require.Equal(rt, want, got, "after %s", w.step)
		if was, known := w.before[r]; known && was.Terminal() && r.State != was {
			require.Contains(rt, []string{"retry", "reopen"}, w.step, "%s became %s", was, r.State)
		}
		require.LessOrEqual(rt, got.Sent, 1, "accepted twice")
		w.before[r] = r.State
	}
	if w.steps++; w.steps%10 == 0 {
		w.audit()
	}
}

// audit asks the auditor, with a worker's upkeep done before: what is late is then mended.
func (w *walk) audit() {
	results, err := audit.Run(w.Context(), w.tx, &audit.Opts{Now: w.world.Now, Grace: time.Hour})
	require.NoError(w, err)
	for _, r := range results {
		require.True(w, r.Holds(), "after %s: %s: %v", w.step, r.Meaning, r.IDs)
	}
}

func ids(list []*model.Receipt) []uuid.UUID {
	all := []uuid.UUID{}
	for _, r := range list {
		if !slices.Contains(all, r.ID) {
			all = append(all, r.ID)
		}
	}
	return all
}
