package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
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
			b := setup(t, resource(nil, emailTo("user")), down)
			event := b.emit(t, numbered("ann"), nil)
			for range 25 {
				b.Advance(aWhile)
			}
			require.Equal(t, map[string]string{"email ann": want}, b.states(event))
			require.Len(t, down.Tried(), 20)
			receipt := one(t, b.Receipts(event))
			require.Equal(t, 20, receipt.Attempts)
			require.Len(t, b.Attempts(receipt.ID), 20)
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
