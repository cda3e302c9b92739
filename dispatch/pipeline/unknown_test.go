package pipeline_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

var lost = &transports.Error{Class: transports.Unknown, Detail: "the answer was lost"}

// pager is a transport called pager whose sends answer with each of errs and then accept; ask answers its probes.
func pager(
	ask func(context.Context, transports.Message) (transports.Result, bool, error), spec transports.Spec, errs ...error,
) *transporttest.Fake {
	spec.Address, spec.Required = transports.AddressEmail, []string{transports.FieldMessage}
	return transporttest.NewFake("pager", &transporttest.FakeConfig{Spec: spec, ProbeFunc: ask, SendFunc: script("paging", errs...)})
}

func paging(policy dispatch.OnUnknown) dispatch.Channel {
	return dispatch.Channel{Transport: "pager", Audience: "user", OnUnknown: policy}
}

func TestAParkedChannelLeavesALostAnswerToAnOperator(t *testing.T) {
	t.Parallel()
	channel := emailTo("user")
	channel.OnUnknown = dispatch.Park
	email := scripted(transports.Errorf(transports.Transient, "busy"), lost)
	b := setup(t, resource(nil, channel), email)
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{"email ann": "waiting(retry)"}, b.states(event), "what is known to have failed is tried again")
	b.Advance(aWhile)
	require.Equal(t, map[string]string{"email ann": "uncertain(answer_lost)"}, b.states(event))
	b.Advance(aWhile)
	require.Len(t, email.Tried(), 2)
	receipt := one(t, b.Receipts(event))
	require.Equal(t, 2, receipt.Attempts)
	require.Equal(t, receipts.AttemptUnknown, b.Attempts(receipt.ID)[1].Outcome)

	store := receipts.New(&receipts.Config{NowFunc: b.Now})
	op, err := store.StartOperation(t.Context(), b.tx, receipts.Operation{
		Action: receipts.ActionReopen, Operator: "ada", Reason: "the recipient says that nothing came",
	})
	require.NoError(t, err)
	changes, err := store.Apply(t.Context(), b.tx, op, []uuid.UUID{receipt.ID})
	require.NoError(t, err)
	require.Len(t, changes.Changed, 1)
	b.Deliver()
	require.Equal(t, map[string]string{"email ann": "sent(accepted)"}, b.states(event))
	require.Equal(t, email.Tried()[1].Content, email.Tried()[2].Content)
}

func TestATransportGivesItsChannelsTheirPolicy(t *testing.T) {
	t.Parallel()
	for declared, want := range map[dispatch.OnUnknown]string{
		"": "uncertain(answer_lost)", dispatch.Resend: "waiting(retry)",
	} {
		t.Run("Declared"+string(declared), func(t *testing.T) {
			t.Parallel()
			b := setup(t, resource(nil, paging(declared)), pager(nil, transports.Spec{OnUnknown: transports.Park}, lost))
			event := b.emit(t, numbered("ann"), nil)
			b.Deliver()
			require.Equal(t, map[string]string{"pager ann": want}, b.states(event))
		})
	}
}

func TestAProbeFindsWhatWasAccepted(t *testing.T) {
	t.Parallel()
	p := pager(func(context.Context, transports.Message) (transports.Result, bool, error) {
		return transports.Result{Provider: "paging", ProviderMessageID: "P7"}, true, nil
	}, transports.Spec{}, lost)
	b := setup(t, resource(nil, paging(dispatch.Probe)), p)
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{"pager ann": "waiting(retry)"}, b.states(event))
	require.Empty(t, p.Probed(), "a first try has nothing to ask for")
	b.Advance(aWhile)
	require.Equal(t, map[string]string{"pager ann": "sent(confirmed)"}, b.states(event))
	require.Len(t, p.Tried(), 1, "nothing is sent twice")
	require.Equal(t, p.Tried()[0].ReceiptID, p.Probed()[0].ReceiptID)
	require.Equal(t, p.Tried()[0].Content, p.Probed()[0].Content)
	receipt := one(t, b.Receipts(event))
	require.Equal(t, "P7", receipt.ProviderMessageID)
	require.Equal(t, "paging", receipt.Provider)
	tried := b.Attempts(receipt.ID)
	require.Len(t, tried, 2)
	require.Equal(t, receipts.AttemptAccepted, tried[1].Outcome)
}

func TestWhatAProbeDoesNotFindIsSentAgain(t *testing.T) {
	t.Parallel()
	p := pager(nil, transports.Spec{Probes: true}, lost, transports.Errorf(transports.Transient, "busy"), lost)
	b := setup(t, resource(nil, paging(dispatch.Probe)), p)
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	b.Advance(aWhile)
	require.Len(t, p.Probed(), 1)
	require.Len(t, p.Tried(), 2)
	b.Advance(aWhile)
	require.Len(t, p.Probed(), 1, "the question is answered, and the second try was surely refused")
	require.Len(t, p.Tried(), 3)
	b.Advance(aWhile)
	require.Len(t, p.Probed(), 2, "the third opened it again")
	require.Equal(t, map[string]string{"pager ann": "sent(accepted)"}, b.states(event))
	require.Len(t, p.Tried(), 4)
}

func TestNothingIsSentWhileTheProviderCannotTell(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer   error
		state    string
		attempts int
		end      string
	}{
		"Down":    {errors.New("no route"), "waiting(retry)", 2, "uncertain(answer_lost)"},
		"Refused": {transports.Errorf(transports.Permanent, "no such message"), "waiting(retry)", 2, "uncertain(answer_lost)"},
		"Address": {transports.Errorf(transports.Address, "no such person"), "waiting(retry)", 2, "uncertain(answer_lost)"},
		"Lost":    {lost, "waiting(retry)", 2, "uncertain(answer_lost)"},
		"Busy":    {transports.Errorf(transports.Rate, "slow down"), "waiting(rate_limited)", 1, "uncertain(answer_lost)"},
		"Locked":  {transports.Errorf(transports.Configuration, "bad key"), "waiting(misconfigured)", 1, "uncertain(answer_lost)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pager(func(context.Context, transports.Message) (transports.Result, bool, error) {
				return transports.Result{}, false, test.answer
			}, transports.Spec{}, lost)
			b := setup(t, resource(nil, paging(dispatch.Probe)), p)
			event := b.emit(t, numbered("ann"), nil)
			b.Deliver()
			b.Advance(aWhile)
			require.Equal(t, map[string]string{"pager ann": test.state}, b.states(event))
			receipt := one(t, b.Receipts(event))
			require.Equal(t, test.attempts, receipt.Attempts)
			require.Contains(t, b.Attempts(receipt.ID)[1].Detail, "asking for an earlier try")
			for range 25 {
				b.Advance(aWhile)
			}
			require.Equal(t, map[string]string{"pager ann": test.end}, b.states(event))
			require.Len(t, p.Tried(), 1)
		})
	}
}

func TestAProbeThatPanicsCostsATry(t *testing.T) {
	t.Parallel()
	p := pager(func(context.Context, transports.Message) (transports.Result, bool, error) { panic("out of order") }, transports.Spec{}, lost)
	b := setup(t, resource(nil, paging(dispatch.Probe)), p)
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	b.Advance(aWhile)
	require.Equal(t, map[string]string{"pager ann": "waiting(retry)"}, b.states(event))
	require.Len(t, p.Tried(), 1)
}

func TestAPlanShowsWhatBecomesOfALostAnswer(t *testing.T) {
	t.Parallel()
	parked := emailTo("ops")
	parked.OnUnknown = dispatch.Park
	b := setup(t, resource(nil, emailTo("user"), parked, inAppTo("user")))
	planner, err := pipeline.NewPlanner(b.dispatcher, nil)
	require.NoError(t, err)
	plan, err := planner.Plan(t.Context(), b.tx, pipeline.PlanParams{
		Event: "orders.created", Data: []byte(`{"id": "o-1", "order_number": "A7", "user_id": "ann", "others": []}`),
	})
	require.NoError(t, err)
	policies := map[string]dispatch.OnUnknown{}
	for _, p := range plan.Recipients {
		policies[p.Channel] = p.OnUnknown
	}
	require.Equal(t, map[string]dispatch.OnUnknown{
		"email.user": dispatch.Resend, "email.ops": dispatch.Park, "in_app.user": "",
	}, policies)
}

// liar says that it can be asked, and cannot.
type liar struct{ transports.Transport }

func (liar) Spec() transports.Spec { return transports.Spec{Name: "liar", Probes: true} }

func TestATransportThatSaysThatItCanBeAskedMust(t *testing.T) {
	t.Parallel()
	d, err := dispatch.New(&dispatch.Config{})
	require.NoError(t, err)
	_, err = pipeline.New(&pipeline.Config{
		Dispatcher: d, Transports: []transports.Transport{liar{transporttest.NewFake("liar", nil)}},
	})
	require.ErrorContains(t, err, `"liar" says that it can be asked`)
}

func TestAProviderInTroubleIsNotAsked(t *testing.T) {
	t.Parallel()
	const several = 5 // They open the breaker.
	var asked atomic.Int32
	var busy error = transports.Errorf(transports.Transient, "busy")
	page := pager(func(context.Context, transports.Message) (transports.Result, bool, error) {
		asked.Add(1)
		return transports.Result{Provider: "paging"}, true, busy
	}, transports.Spec{Probes: true}, lost, lost, lost, lost, lost)
	b := setup(t, resource(nil, paging(dispatch.Probe)), page)
	var events []uuid.UUID
	for range several {
		events = append(events, b.emit(t, numbered("ann"), nil))
	}
	b.Deliver()
	require.Len(t, b.breakers(t), 1)
	b.Advance(20 * time.Second)
	require.Zero(t, asked.Load())
	for _, event := range events {
		require.Equal(t, map[string]string{"pager ann": "waiting(breaker)"}, b.states(event))
	}
	b.Advance(20 * time.Second)
	require.EqualValues(t, 1, asked.Load())
	require.Equal(t, 2, b.breakers(t)[0].Level, "the answer to the question counts")
	busy = nil
	b.Advance(2 * time.Minute)
	require.EqualValues(t, 2, asked.Load(), "one, before the others")
	b.Advance(2 * time.Minute)
	require.EqualValues(t, 1+several, asked.Load())
	for _, event := range events {
		require.Equal(t, map[string]string{"pager ann": "sent(confirmed)"}, b.states(event))
	}
	require.Empty(t, b.breakers(t))
}

// A transport that panics may have got as far as the provider's acceptance.
func TestAPanicInTheMiddleOfASendIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	for policy, want := range map[dispatch.OnUnknown]string{
		dispatch.Park: "uncertain(answer_lost)", dispatch.Resend: "waiting(retry)",
	} {
		page := transporttest.NewFake("pager", &transporttest.FakeConfig{
			SendFunc: func(context.Context, transports.Message) (transports.Result, error) { panic("after the answer") },
		})
		b := setup(t, resource(nil, paging(policy)), page)
		event := b.emit(t, numbered("ann"), nil)
		b.Deliver()
		require.Equal(t, map[string]string{"pager ann": want}, b.states(event))
		made := b.Attempts(one(t, b.Receipts(event)).ID)
		require.Len(t, made, 1)
		require.Equal(t, receipts.AttemptUnknown, made[0].Outcome)
		require.Equal(t, "panic", made[0].Code)
	}
}
