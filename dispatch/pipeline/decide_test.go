package pipeline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/inbox"
	"github.com/carillon-notify/carillon/preferences"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

func (b *bundle) choose(t *testing.T, person, category, transport string, choice preferences.Choice) {
	t.Helper()
	require.NoError(t, preferences.Set(t.Context(), b.tx, preferences.Preference{
		Person: person, Category: category, Transport: transport, Choice: choice, UpdatedBy: "test",
	}))
}

func TestEachRecipientsOwnPreferenceDecides(t *testing.T) {
	t.Parallel()
	b := setup(t, resource(nil, emailTo("others")))
	b.choose(t, "ann", "orders", "*", preferences.Off)
	b.choose(t, "bob", "orders", "*", preferences.On)
	event := b.emit(t, numbered("", "ann", "bob"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{"email ann": "skipped(opted_out)", "email bob": "sent(accepted)"}, b.states(event))
}

func TestTheMostSpecificPreferenceDecides(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		choose [][3]string
		want   string
	}{
		{"NoRow", nil, "sent(accepted)"},
		{"Everything", [][3]string{{"*", "*", "off"}}, "skipped(opted_out)"},
		{"TransportOverEverything", [][3]string{{"*", "*", "off"}, {"*", "email", "on"}}, "sent(accepted)"},
		{"CategoryOverTransport", [][3]string{{"*", "email", "on"}, {"orders", "*", "off"}}, "skipped(opted_out)"},
		{"BothOverCategory", [][3]string{{"orders", "*", "off"}, {"orders", "email", "on"}}, "sent(accepted)"},
		{"AnotherTransport", [][3]string{{"orders", "in_app", "off"}}, "sent(accepted)"},
		{"AnotherCategory", [][3]string{{"security", "*", "off"}}, "sent(accepted)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, resource(nil, emailTo("user")))
			for _, c := range test.choose {
				b.choose(t, "ann", c[0], c[1], preferences.Choice(c[2]))
			}
			event := b.emit(t, numbered("ann"), nil)
			b.Deliver()
			require.Equal(t, map[string]string{"email ann": test.want}, b.states(event))
		})
	}
}

func TestAMandatoryCategoryIgnoresAnOptOut(t *testing.T) {
	t.Parallel()
	r := resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) { e.Category = "security" }, emailTo("user"))
	b := setup(t, r)
	b.choose(t, "ann", "*", "*", preferences.Off)
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{"email ann": "sent(accepted)"}, b.states(event))
	verdict := verdictOf(t, b, event, "preference")
	require.Equal(t, "pass", verdict.Verdict)
	require.Contains(t, verdict.Detail, "mandatory")
	require.Equal(t, "off", verdict.Row["choice"])
}

func TestOptingOutWhileAMessageWaitsStopsIt(t *testing.T) {
	t.Parallel()
	delayed := emailTo("user")
	delayed.Delay = time.Hour
	b := setup(t, resource(nil, delayed))
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{"email ann": "waiting(delayed)"}, b.states(event))
	b.choose(t, "ann", "orders", "email", preferences.Off)
	b.Advance(time.Hour)
	require.Equal(t, map[string]string{"email ann": "skipped(opted_out)"}, b.states(event))
	require.Empty(t, b.Fake(transports.Email).Tried())
}

func TestADelayResolvesNowAndSendsLater(t *testing.T) {
	t.Parallel()
	delayed := emailTo("user")
	delayed.Delay = time.Hour
	b := setup(t, resource(nil, delayed))
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	require.Equal(t, "ann", one(t, b.Receipts(event)).Recipient, "the recipient is found before the delay")
	b.Advance(59 * time.Minute)
	require.Empty(t, b.Fake(transports.Email).Tried())
	b.Advance(time.Minute)
	require.Len(t, b.Fake(transports.Email).Accepted(), 1)
}

func TestAMessagePastItsDeadlineExpires(t *testing.T) {
	t.Parallel()
	r := resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) { e.ExpiresAfter = 10 * time.Minute }, emailTo("user"))
	down := errors.New("down")
	b := setup(t, r, scripted(down, down, down, down, down, down, down, down, down, down))
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{"email ann": "waiting(retry)"}, b.states(event))
	b.Advance(10 * time.Minute)
	require.Equal(t, map[string]string{"email ann": "expired(deadline)"}, b.states(event))
}

func TestTheGuardIsAskedForEachRecipientBeforeTheSend(t *testing.T) {
	t.Parallel()
	fail := true
	r := resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
		e.GuardFunc = func(_ context.Context, o order, r dispatch.Recipient) (bool, error) {
			if fail && r.ID == "dora" {
				return false, errors.New("cannot tell")
			}
			return r.ID != "bob" && o.ID == "o-1", nil
		}
	}, emailTo("others"))
	b := setup(t, r)
	event := b.emit(t, numbered("", "ann", "bob", "dora"), nil)
	b.Deliver()
	require.Equal(t, map[string]string{
		"email ann": "sent(accepted)", "email bob": "skipped(guarded)", "email dora": "waiting(retry)",
	}, b.states(event))
	fail = false
	b.Advance(aWhile)
	require.Equal(t, "sent(accepted)", b.states(event)["email dora"])
}

func TestSkipIfReadLooksAtTheNotificationOfThisEventOnly(t *testing.T) {
	t.Parallel()
	email := emailTo("user")
	email.Policy, email.Delay = dispatch.SkipIfRead, time.Hour
	// The order of the channels must not matter.
	for name, channels := range map[string][]dispatch.Channel{
		"InAppFirst": {inAppTo("user"), email}, "EmailFirst": {email, inAppTo("user")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, resource(nil, channels...))
			older := b.emit(t, numbered("ann"), nil)
			newer := b.emit(t, numbered("ann"), nil)
			b.Deliver()
			readAll(t, b, older)
			b.Advance(time.Hour)
			require.Equal(t, "skipped(already_read)", b.states(older)["email ann"])
			require.Equal(t, "sent(accepted)", b.states(newer)["email ann"])
		})
	}
}

func readAll(t *testing.T, b *bundle, event uuid.UUID) {
	t.Helper()
	list, err := inbox.List(t.Context(), b.tx, "", "ann", 10)
	require.NoError(t, err)
	var ids []uuid.UUID
	for _, n := range list {
		if n.EventID == event {
			ids = append(ids, n.ID)
		}
	}
	n, err := inbox.MarkRead(t.Context(), b.tx, "", "ann", ids)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	n, err = inbox.MarkRead(t.Context(), b.tx, "", "bob", ids)
	require.NoError(t, err)
	require.Zero(t, n, "another person's notifications are out of reach")
}

func TestAllReasonsAreKeptInOrder(t *testing.T) {
	t.Parallel()
	r := resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
		e.GuardFunc = func(context.Context, order, dispatch.Recipient) (bool, error) { return false, nil }
	}, emailTo("user"))
	b := setup(t, r)
	b.choose(t, "cleo", "orders", "email", preferences.Off)
	event := b.emit(t, numbered("cleo"), nil)
	b.Deliver()
	receipt := one(t, b.Receipts(event))
	require.Equal(t, receipts.NoAddress, receipt.Reason, "the first rule that refuses decides")
	decisions := b.Decisions(receipt.ID)
	require.Len(t, decisions, 1)
	require.False(t, decisions[0].DecidedAt.IsZero())
	var rules []string
	refused := map[string]receipts.Reason{}
	for _, v := range decisions[0].Verdicts {
		rules = append(rules, v.Rule)
		if v.Verdict != "pass" {
			refused[v.Rule] = v.Reason
		}
	}
	require.Equal(t, pipeline.Rules(), rules)
	require.Equal(t, map[string]receipts.Reason{
		"address": receipts.NoAddress, "preference": receipts.OptedOut, "guard": receipts.Guarded,
	}, refused)
	row := verdictOf(t, b, event, "preference").Row
	require.Equal(t, "off", row["choice"])
	require.Equal(t, "test", row["updated_by"])
	require.NotEmpty(t, row["updated_at"])
}

func verdictOf(t *testing.T, b *bundle, event uuid.UUID, rule string) receipts.Verdict {
	t.Helper()
	decisions := b.Decisions(one(t, b.Receipts(event)).ID)
	require.NotEmpty(t, decisions)
	for _, v := range decisions[len(decisions)-1].Verdicts {
		if v.Rule == rule {
			return v
		}
	}
	require.Fail(t, "no verdict of rule "+rule)
	return receipts.Verdict{}
}
