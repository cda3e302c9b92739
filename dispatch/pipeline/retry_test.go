package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

func TestEachClassOfFailureHasItsConsequence(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		class    transports.Class
		state    string
		attempts int
		after    string
	}{
		{"", "waiting(retry)", 1, "sent(accepted)"},
		{transports.Transient, "waiting(retry)", 1, "sent(accepted)"},
		{transports.Unknown, "waiting(retry)", 1, "sent(accepted)"},
		{transports.Rate, "waiting(rate_limited)", 0, "sent(accepted)"},
		{transports.Configuration, "waiting(misconfigured)", 0, "sent(accepted)"},
		{transports.Permanent, "failed(rejected)", 1, "failed(rejected)"},
		{transports.Address, "failed(bad_address)", 1, "failed(bad_address)"},
	} {
		t.Run("Class_"+string(test.class), func(t *testing.T) {
			t.Parallel()
			b := setup(t, resource(nil, emailTo("user")), scripted(&transports.Error{Class: test.class, Code: "x", Detail: "y"}))
			event := b.emit(t, numbered("ann"), nil)
			b.Deliver()
			require.Equal(t, map[string]string{"email ann": test.state}, b.states(event))
			receipt := one(t, b.Receipts(event))
			require.Equal(t, test.attempts, receipt.Attempts)
			tried := b.Attempts(receipt.ID)
			require.Len(t, tried, 1)
			require.Equal(t, "x", tried[0].Code)
			b.Advance(aWhile)
			require.Equal(t, map[string]string{"email ann": test.after}, b.states(event))
		})
	}
}

func TestAnErrorWithoutAClassIsTriedAgainAndItsTextWithheld(t *testing.T) {
	t.Parallel()
	b := setup(t, resource(nil, emailTo("user")), scripted(errors.New("POST https://hooks.example.com/SECRET failed")))
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	attempts := b.Attempts(one(t, b.Receipts(event)).ID)
	require.Equal(t, transports.Transient, attempts[0].Class)
	require.NotContains(t, attempts[0].Detail, "SECRET")
}

func TestAReceiptIsTriedNoMoreThanMaxAttempts(t *testing.T) {
	t.Parallel()
	for class, want := range map[transports.Class]string{
		transports.Transient: "failed(exhausted)", transports.Unknown: "uncertain(answer_lost)",
	} {
		t.Run(string(class), func(t *testing.T) {
			t.Parallel()
			down := transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
				SendFunc: func(context.Context, transports.Message) (transports.Result, error) {
					return transports.Result{}, transports.Errorf(class, "down")
				},
			})
			b := setup(t, resource(retried(dispatch.RetryCode), emailTo("user")), down)
			event := b.emit(t, numbered("ann"), nil)
			for range 15 {
				b.Advance(30 * time.Second)
			}
			require.Equal(t, map[string]string{"email ann": want}, b.states(event))
			require.Len(t, down.Tried(), 12)
			receipt := one(t, b.Receipts(event))
			require.Equal(t, 12, receipt.Attempts)
			require.Len(t, b.Attempts(receipt.ID), 12)
		})
	}
}

func TestWaitsGrowWithJitterAndRespectTheProvider(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	b := setup(t, resource(nil, emailTo("user")), scripted(down, down, down, down, &transports.Error{Class: transports.Rate, RetryAfter: 90 * time.Minute}))
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	for _, full := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second} {
		wait := one(t, b.Receipts(event)).DueAt.Sub(b.Now())
		require.GreaterOrEqual(t, wait, full/2)
		require.LessOrEqual(t, wait, full)
		b.Advance(full)
	}
	limited := one(t, b.Receipts(event))
	require.Equal(t, receipts.RateLimited, limited.Reason)
	b.Advance(89 * time.Minute)
	require.Equal(t, map[string]string{"email ann": "waiting(rate_limited)"}, b.states(event))
	b.Advance(time.Minute)
	require.Equal(t, map[string]string{"email ann": "sent(accepted)"}, b.states(event))
}

func TestEveryTrySendsWhatTheFirstOneRendered(t *testing.T) {
	t.Parallel()
	renders := 0
	r := resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
		e.EnrichFunc = dispatch.Enrich(func(context.Context, dispatch.Querier, order) (struct {
			Token string `json:"token"`
		}, error,
		) {
			renders++
			return struct {
				Token string `json:"token"`
			}{fmt.Sprint("token ", renders)}, nil
		})
		e.Content.Message = "{{ token }} for {{ recipient.name }}"
	}, emailTo("user"))
	fake := scripted(errors.New("down"))
	b := setup(t, r, fake)
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	require.NoError(t, people.Set(t.Context(), b.tx, "", people.Person{ID: "ann", Name: "Changed", Email: "changed@example.com"}))
	b.Advance(aWhile)
	require.Equal(t, map[string]string{"email ann": "sent(accepted)"}, b.states(event))
	tried := fake.Tried()
	require.Len(t, tried, 2)
	require.Equal(t, []int{1, 2}, []int{tried[0].Attempt, tried[1].Attempt})
	tried[1].Attempt = 1
	require.Equal(t, tried[0], tried[1])
	require.Equal(t, 1, renders)
	require.Equal(t, "token 1 for Ann", tried[0].Content.Message)
}

// retried declares how the event's messages are tried again.
func retried(kind dispatch.Retry) func(*dispatch.Resource[order], *dispatch.Event[order]) {
	return func(_ *dispatch.Resource[order], e *dispatch.Event[order]) { e.Retry = kind }
}

func down(class transports.Class) *transporttest.Fake {
	return transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		SendFunc: func(context.Context, transports.Message) (transports.Result, error) {
			return transports.Result{}, transports.Errorf(class, "down")
		},
	})
}

func TestOptionDeadlineEndsTheTrying(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind     dispatch.Retry
		class    transports.Class
		deadline time.Duration
	}{
		{dispatch.RetryCode, transports.Rate, 10 * time.Minute},
		{dispatch.RetryChat, transports.Rate, 6 * time.Hour},
		{dispatch.RetryPush, transports.Configuration, 24 * time.Hour},
		{"", transports.Configuration, 48 * time.Hour},
		{dispatch.RetryBulk, transports.Rate, 5 * 24 * time.Hour},
	} {
		t.Run(string(test.kind+"_"), func(t *testing.T) {
			t.Parallel()
			b := setup(t, resource(retried(test.kind), emailTo("user")), down(test.class))
			event := b.emit(t, numbered("ann"), nil)
			b.Deliver()
			b.Advance(test.deadline - time.Second)
			receipt := one(t, b.Receipts(event))
			require.Equal(t, receipts.Waiting, receipt.State)
			require.WithinDuration(t, receipt.CreatedAt.Add(test.deadline), receipt.DueAt, 0)
			require.Zero(t, receipt.Attempts, "waiting for the provider costs nothing")
			b.Advance(time.Second)
			require.Equal(t, map[string]string{"email ann": "expired(gave_up)"}, b.states(event))
			decisions := b.Decisions(receipt.ID)
			require.Contains(t, decisions[len(decisions)-1].Verdicts[0].Detail, "its retry policy")
		})
	}
}

func TestTheDeadlineCountsFromWhenTheReceiptFirstBecameDue(t *testing.T) {
	t.Parallel()
	delayed := emailTo("user")
	delayed.Delay = 24 * time.Hour
	b := setup(t, resource(retried(dispatch.RetryCode), delayed), down(transports.Rate))
	event := b.emit(t, numbered("ann"), &dispatch.EmitOpts{At: time.Now().Add(time.Hour)})
	b.Deliver()
	b.Advance(25 * time.Hour)
	b.Advance(9 * time.Minute)
	require.Equal(t, map[string]string{"email ann": "waiting(rate_limited)"}, b.states(event))
	b.Advance(2 * time.Minute)
	require.Equal(t, map[string]string{"email ann": "expired(gave_up)"}, b.states(event))
}

func TestALateReceiptGetsItsTryUnlessItIsACode(t *testing.T) {
	t.Parallel()
	for kind, want := range map[dispatch.Retry]string{
		dispatch.RetryCode: "expired(gave_up)", dispatch.RetryTransactional: "sent(accepted)", dispatch.RetryChat: "sent(accepted)",
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := setup(t, resource(retried(kind), emailTo("user")), scripted())
			event := b.emit(t, numbered("ann"), nil)
			b.Advance(7 * 24 * time.Hour)
			require.Equal(t, map[string]string{"email ann": want}, b.states(event))
		})
	}
}

func TestAfterTheDeadlineTheFirstFailureIsTheLast(t *testing.T) {
	t.Parallel()
	for class, want := range map[transports.Class]string{
		transports.Transient: "expired(gave_up)", transports.Unknown: "uncertain(answer_lost)", transports.Permanent: "failed(rejected)",
	} {
		t.Run(string(class), func(t *testing.T) {
			t.Parallel()
			b := setup(t, resource(nil, emailTo("user")), down(class))
			event := b.emit(t, numbered("ann"), nil)
			b.Advance(7 * 24 * time.Hour)
			require.Equal(t, map[string]string{"email ann": want}, b.states(event))
		})
	}
}

func TestAReopenedReceiptHasItsDeadlineAnew(t *testing.T) {
	t.Parallel()
	fake := scripted(transports.Errorf(transports.Rate, "slow"))
	b := setup(t, resource(retried(dispatch.RetryCode), emailTo("user")), fake)
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	b.Advance(time.Hour)
	require.Equal(t, map[string]string{"email ann": "expired(gave_up)"}, b.states(event))
	store := receipts.New(&receipts.Config{NowFunc: b.Now})
	op, err := store.StartOperation(t.Context(), b.tx, receipts.Operation{Action: receipts.ActionReopen, Operator: "ada", Reason: "test"})
	require.NoError(t, err)
	_, err = store.Apply(t.Context(), b.tx, op, []uuid.UUID{one(t, b.Receipts(event)).ID})
	require.NoError(t, err)
	b.Deliver()
	require.Equal(t, map[string]string{"email ann": "sent(accepted)"}, b.states(event))
}

func TestThreeIdenticalPanicsQuarantineAReceipt(t *testing.T) {
	t.Parallel()
	// A panic may come after the provider's acceptance, so whoever gives up cannot say that nothing arrived.
	for name, test := range map[string]struct {
		fail func(try int) error
		want string
		made int
	}{
		"Same":   {func(int) error { panic("same") }, "failed(poison)", 3},
		"Others": {func(try int) error { panic([]any{"a", 1}[try%2]) }, "uncertain(answer_lost)", 0},
		"Interrupted": {func(try int) error {
			if try%3 == 0 {
				return errors.New("down")
			}
			panic("same")
		}, "uncertain(answer_lost)", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			try := 0
			fake := transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
				SendFunc: func(context.Context, transports.Message) (transports.Result, error) {
					try++
					return transports.Result{}, test.fail(try)
				},
			})
			b := setup(t, resource(nil, emailTo("user")), fake)
			event := b.emit(t, numbered("ann"), nil)
			for range 55 {
				b.Advance(time.Hour)
			}
			require.Equal(t, map[string]string{"email ann": test.want}, b.states(event))
			if test.made > 0 {
				require.Len(t, fake.Tried(), test.made)
			} else {
				require.Greater(t, len(fake.Tried()), 10)
			}
		})
	}
}

func TestAPanicOverOneNotificationCostsTheOthersNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, resource(nil, inAppTo("others")), touchy{inapp.New()})
	event := b.emit(t, numbered("ann", "ann", "bob", "dora"), nil)
	b.Deliver()
	b.Advance(time.Minute)
	b.Advance(time.Minute)
	require.Equal(t, map[string]string{
		"in_app ann": "sent(accepted)", "in_app bob": "failed(poison)", "in_app dora": "sent(accepted)",
	}, b.states(event))
}

// touchy panics over bob.
type touchy struct{ transports.InDatabase }

func (t touchy) SendTx(ctx context.Context, tx pgx.Tx, ms []transports.Message) ([]transports.Result, error) {
	for _, m := range ms {
		if m.Recipient.ID == "bob" {
			panic("bob")
		}
	}
	return t.InDatabase.SendTx(ctx, tx, ms)
}
