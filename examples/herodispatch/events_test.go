package herodispatch_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/examples/herodispatch"
	"github.com/carillon-notify/carillon/receipts"
)

// silent are the actions of which nobody is told.
func silent[T any](r dispatch.Resource[T]) []dispatch.Action {
	told := map[dispatch.Action]bool{}
	for _, e := range r.Events {
		for _, action := range e.On {
			told[action] = true
		}
	}
	var rest []dispatch.Action
	for _, action := range r.Actions {
		if !told[action] {
			rest = append(rest, action)
		}
	}
	return rest
}

func TestEveryTransitionHasAnEvent(t *testing.T) {
	t.Parallel()
	require.Empty(t, silent(herodispatch.Incidents))
	require.Empty(t, silent(herodispatch.Assignments))
	require.Equal(t, []dispatch.Action{herodispatch.Register, herodispatch.Update}, silent(herodispatch.Heroes),
		"these move nobody")
}

// Every action once, each with the events that it causes and everybody who hears of it.
func TestWhoIsToldOfWhat(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deliver(t)
	incident := b.report(t)
	b.told(t, "incidents.reported", "in_app.dispatchers ines, email.dispatchers ines, email.reporter noor, "+
		"slack.room #dispatch, webhook.city_hall skipped(no_recipients)")
	require.NoError(t, b.AddPerson(t.Context(), herodispatch.Person{
		ID: "mara", Name: "Mara Lindqvist", Phone: "+4930123456", Email: "mara@example.com", Role: herodispatch.HeroRole,
	}))
	assigned := b.assign(t, incident.ID, "mara")
	b.told(t, "assignments.assigned", "in_app.hero mara, email.hero mara, sms.hero mara")
	_, err := b.UnassignHero(t.Context(), assigned.ID)
	require.NoError(t, err)
	b.told(t, "assignments.unassigned", "in_app.hero mara")
	b.assign(t, incident.ID, "teo")

	for _, step := range []struct {
		act         incidentAction
		event, told string
	}{
		{b.MarkIncidentDispatched, "incidents.dispatched", "in_app.reporter noor"},
		{b.MarkIncidentInProgress, "incidents.in_progress", "in_app.reporter noor, web_push.reporter noor"},
		{b.ResolveIncident, "incidents.resolved", "in_app.reporter noor, email.reporter noor, slack.room #dispatch"},
		{b.CloseIncident, "incidents.closed", "in_app.dispatchers ines, in_app.released teo, in_app.reporter noor, " +
			"discord.fans " + herodispatch.FanChannel + ", webhook.city_hall skipped(no_recipients)"},
		{b.ReopenIncident, "incidents.reopened", "in_app.dispatchers ines, in_app.reporter noor"},
	} {
		_, err := step.act(t.Context(), incident.ID)
		require.NoError(t, err)
		b.told(t, step.event, step.told)
	}
	for _, step := range []struct {
		act        heroAction
		event      string
		desk, hero string
	}{
		{b.MarkHeroUnavailable, "heroes.duty_changed", "Northwind is unavailable", "You are off the roster"},
		{b.ReturnHeroToDuty, "heroes.duty_changed", "Northwind is available", "Welcome back"},
		{b.MarkHeroDispatched, "heroes.moved", "Northwind is dispatched", "You are sent out"},
		{b.MarkHeroAvailable, "heroes.moved", "Northwind is available", "You are back"},
	} {
		_, err := step.act(t.Context(), "mara")
		require.NoError(t, err)
		b.told(t, step.event, "in_app.dispatchers ines, in_app.hero mara")
		require.Equal(t, step.desk, b.latest(t, "ines"))
		require.Equal(t, step.hero, b.latest(t, "mara"))
	}
	require.Equal(t, map[string]int{
		"incidents.reported": 1, "incidents.dispatched": 1, "incidents.in_progress": 1, "incidents.resolved": 1,
		"incidents.closed": 1, "incidents.reopened": 1, "assignments.assigned": 2, "assignments.unassigned": 1,
		"heroes.duty_changed": 2, "heroes.moved": 2,
	}, b.events(t), "and nothing else happened")
}

// told waits for the latest occurrence of an event to be sent, and compares who got it.
func (b *bundle) told(t *testing.T, event, want string) {
	t.Helper()
	store := receipts.New(nil)
	var got []string
	require.Eventually(t, func() bool {
		list, err := store.List(t.Context(), b.pool, receipts.Filter{Event: event})
		got = nil
		for _, r := range list {
			if r.EventID != list[0].EventID {
				continue
			}
			if !r.State.Terminal() {
				return false
			}
			line := []string{r.Channel}
			if who := cmp.Or(r.Recipient, r.Address); who != "" {
				line = append(line, who)
			}
			if r.State != receipts.Sent {
				line = append(line, fmt.Sprintf("%s(%s)", r.State, r.Reason))
			}
			got = append(got, strings.Join(line, " "))
		}
		return err == nil && len(got) > 0
	}, 20*time.Second, 20*time.Millisecond)
	require.ElementsMatch(t, strings.Split(want, ", "), got, event)
}

// latest is the title of the newest notification.
func (b *bundle) latest(t *testing.T, person string) string {
	t.Helper()
	var title string
	require.NoError(t, b.pool.QueryRow(t.Context(),
		`SELECT title FROM carillon.notifications WHERE person = $1 ORDER BY id DESC LIMIT 1`, person).Scan(&title))
	return title
}
