package dispatchtest_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// setup returns a kit and a function that emits orders.created for users.
func setup(t *testing.T, given ...transports.Transport) (*dispatchtest.Kit, func(users ...string) dispatch.Emitted) {
	t.Helper()
	d, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{Orders}, Categories: []dispatch.Category{{Name: "orders"}},
	})
	require.NoError(t, err)
	tx := dispatchtest.Tx(t)
	return dispatchtest.New(t, tx, d, given...), func(users ...string) dispatch.Emitted {
		emitted, err := dispatch.For(d, Orders).EmitTx(t.Context(), tx, "created", OrderEvent{"A7", users}, nil)
		require.NoError(t, err)
		return emitted
	}
}

func TestOutcomesBeforeAndWithoutRecipients(t *testing.T) {
	t.Parallel()
	kit, emit := setup(t)
	event := emit()
	require.Equal(t, []string{"email.users to -: pending", "in_app.users to -: pending"}, kit.Outcomes(event.EventID))
	kit.Deliver()
	require.Equal(t, []string{
		"email.users to -: skipped(no_recipients)", "in_app.users to -: skipped(no_recipients)",
	}, kit.Outcomes(event.EventID))
}

func TestReadCountsWhatWasUnread(t *testing.T) {
	t.Parallel()
	kit, emit := setup(t)
	kit.People("", people.Person{ID: "liv", Name: "Liv"})
	require.Zero(t, kit.Read("", "liv"))
	emit("liv")
	emit("liv")
	kit.Deliver()
	require.Zero(t, kit.Read("other", "liv"))
	require.Equal(t, 2, kit.Read("", "liv"))
	require.Zero(t, kit.Read("", "liv"))
}

func TestSentHasOnlyWhatWasAccepted(t *testing.T) {
	t.Parallel()
	down := transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		SendFunc: func(context.Context, transports.Message) (transports.Result, error) {
			return transports.Result{}, errors.New("down")
		},
	})
	kit, emit := setup(t, down)
	kit.People("", people.Person{ID: "max", Name: "Max", Email: "max@example.com"})
	event := emit("max")
	kit.Advance(5 * time.Minute)
	require.Equal(t, []string{
		"email.users to max: waiting(retry)", "in_app.users to max: sent(accepted)",
	}, kit.Outcomes(event.EventID))
	sent := kit.Sent(transports.InApp)
	require.Len(t, sent, 1)
	require.Equal(t, "max", sent[0].Recipient.ID)
	require.Equal(t, "Dear Max, thank you.", sent[0].Content.Message)
	require.Nil(t, kit.Fake(transports.Email), "one was given")
}

// failing notes that a test was failed, and ends its goroutine as testing does.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(string, ...any) {
	f.failed = true
	runtime.Goexit()
}

func TestSentFailsForWhatNothingStandsFor(t *testing.T) {
	t.Parallel()
	for name, transport := range map[string]string{"Given": transports.Email, "Unknown": "pigeon"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := dispatch.New(&dispatch.Config{
				Resources: []dispatch.Declaration{Orders}, Categories: []dispatch.Category{{Name: "orders"}},
			})
			require.NoError(t, err)
			tb := &failing{TB: t}
			kit := dispatchtest.New(tb, dispatchtest.Tx(t), d, transporttest.NewFake(transports.Email, nil))
			done := make(chan struct{})
			go func() {
				defer close(done)
				kit.Sent(transport)
			}()
			<-done
			require.True(t, tb.failed)
		})
	}
}

func TestPoolIsOfTheTestAlone(t *testing.T) {
	t.Parallel()
	pool := dispatchtest.Pool(t)
	require.NoError(t, people.Set(t.Context(), pool, "", people.Person{ID: "ada"}))
	require.NotEqual(t, pool.Config().ConnConfig.Database, dispatchtest.Pool(t).Config().ConnConfig.Database)
}

// limited has a budget at its destination.
type limited struct{ *transporttest.Fake }

func (limited) Destination(transports.Message) transports.Destination {
	return transports.Destination{Account: "ours", Host: "mail.example.com", Rate: transports.Limit{Count: 100, Per: time.Second}}
}

func TestTestsDoNotWaitForEachOthersBudgets(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"liv", "tom"} { // Both transactions stay open until the test ends.
		kit, emit := setup(t, limited{transporttest.NewFake(transports.Email, nil)})
		kit.People("", people.Person{ID: id, Email: id + "@example.com"})
		event := emit(id)
		kit.Deliver()
		kit.Advance(time.Hour)
		kit.Deliver()
		require.Equal(t, []string{"email.users to " + id + ": sent(accepted)", "in_app.users to " + id + ": sent(accepted)"}, kit.Outcomes(event.EventID))
	}
}
