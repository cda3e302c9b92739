package herodispatch_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/examples/herodispatch"
)

type (
	heroAction     = func(context.Context, string) (herodispatch.Hero, error)
	incidentAction = func(context.Context, uuid.UUID) (herodispatch.Incident, error)
)

func TestHeroTransitions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// How a fresh hero gets into each status.
	ways := map[herodispatch.HeroStatus][]heroAction{
		herodispatch.HeroAvailable:   nil,
		herodispatch.HeroDispatched:  {b.MarkHeroDispatched},
		herodispatch.HeroUnavailable: {b.MarkHeroUnavailable},
	}
	for _, action := range []struct {
		name string
		act  heroAction
		from herodispatch.HeroStatus
		to   herodispatch.HeroStatus
	}{
		{"mark_dispatched", b.MarkHeroDispatched, herodispatch.HeroAvailable, herodispatch.HeroDispatched},
		{"mark_available", b.MarkHeroAvailable, herodispatch.HeroDispatched, herodispatch.HeroAvailable},
		{"mark_unavailable", b.MarkHeroUnavailable, herodispatch.HeroAvailable, herodispatch.HeroUnavailable},
		{"return_to_duty", b.ReturnHeroToDuty, herodispatch.HeroUnavailable, herodispatch.HeroAvailable},
	} {
		for status, way := range ways {
			t.Run(action.name+" from "+string(status), func(t *testing.T) {
				t.Parallel()
				id := action.name + "-" + string(status)
				_, err := b.RegisterHero(t.Context(), id, "", herodispatch.HeroDetails{Name: "A", Alias: "B"})
				require.NoError(t, err)
				for _, step := range way {
					_, err := step(t.Context(), id)
					require.NoError(t, err)
				}
				hero, err := action.act(t.Context(), id)
				if status == action.from {
					require.NoError(t, err)
					require.Equal(t, action.to, hero.Status)
					b.heroIs(t, id, action.to)
					return
				}
				require.Equal(t, &herodispatch.TransitionError{
					Resource: "hero", ID: id, Action: dispatch.Action(action.name), Status: string(status),
					Allowed: []string{string(action.from)},
				}, err)
				require.Zero(t, hero)
				b.heroIs(t, id, status)
			})
		}
		t.Run(action.name+" of nobody", func(t *testing.T) {
			t.Parallel()
			_, err := action.act(t.Context(), "nobody")
			require.ErrorIs(t, err, herodispatch.ErrNotFound)
		})
	}
}

func TestIncidentTransitions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// How a fresh incident gets into each status.
	ways := map[herodispatch.IncidentStatus][]incidentAction{
		herodispatch.IncidentReported:   nil,
		herodispatch.IncidentDispatched: {b.MarkIncidentDispatched},
		herodispatch.IncidentInProgress: {b.MarkIncidentDispatched, b.MarkIncidentInProgress},
		herodispatch.IncidentResolved:   {b.MarkIncidentDispatched, b.MarkIncidentInProgress, b.ResolveIncident},
		herodispatch.IncidentClosed:     {b.CloseIncident},
	}
	all := []herodispatch.IncidentStatus{
		herodispatch.IncidentReported, herodispatch.IncidentDispatched, herodispatch.IncidentInProgress,
		herodispatch.IncidentResolved, herodispatch.IncidentClosed,
	}
	for _, action := range []struct {
		name  string
		act   incidentAction
		from  []herodispatch.IncidentStatus
		to    herodispatch.IncidentStatus
		stamp func(herodispatch.Incident) *time.Time
	}{
		{"mark_dispatched", b.MarkIncidentDispatched, all[:1], all[1], func(i herodispatch.Incident) *time.Time { return i.DispatchedAt }},
		{"mark_in_progress", b.MarkIncidentInProgress, all[1:2], all[2], func(i herodispatch.Incident) *time.Time { return i.InProgressAt }},
		{"mark_resolved", b.ResolveIncident, all[2:3], all[3], func(i herodispatch.Incident) *time.Time { return i.ResolvedAt }},
		{"mark_closed", b.CloseIncident, all, all[4], func(i herodispatch.Incident) *time.Time { return i.ClosedAt }},
		{"reopen", b.ReopenIncident, all, all[0], func(i herodispatch.Incident) *time.Time { return i.ReopenedAt }},
	} {
		for _, status := range all {
			t.Run(action.name+" from "+string(status), func(t *testing.T) {
				t.Parallel()
				before := b.report(t)
				var err error
				for _, step := range ways[status] {
					before, err = step(t.Context(), before.ID)
					require.NoError(t, err)
				}
				after, err := action.act(t.Context(), before.ID)
				if slices.Contains(action.from, status) {
					require.NoError(t, err)
					require.Equal(t, action.to, after.Status)
					require.NotNil(t, action.stamp(after), "each transition leaves its time")
					return
				}
				var refused *herodispatch.TransitionError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, "incident", refused.Resource)
				require.Equal(t, before.ID.String(), refused.ID)
				require.Equal(t, dispatch.Action(action.name), refused.Action)
				require.Equal(t, string(status), refused.Status)
				now, err := b.Incident(t.Context(), before.ID)
				require.NoError(t, err)
				require.Equal(t, before, now)
			})
		}
		t.Run(action.name+" of none", func(t *testing.T) {
			t.Parallel()
			_, err := action.act(t.Context(), uuid.New())
			require.ErrorIs(t, err, herodispatch.ErrNotFound)
		})
	}
}

func TestReopeningKeepsTheTrail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	incident := b.report(t)
	_, err := b.MarkIncidentDispatched(t.Context(), incident.ID)
	require.NoError(t, err)
	closed, err := b.CloseIncident(t.Context(), incident.ID)
	require.NoError(t, err)
	reopened, err := b.ReopenIncident(t.Context(), incident.ID)
	require.NoError(t, err)
	require.Equal(t, closed.ReportedAt, reopened.ReportedAt)
	require.Equal(t, closed.DispatchedAt, reopened.DispatchedAt)
	require.Equal(t, closed.ClosedAt, reopened.ClosedAt)
	_, err = b.MarkIncidentDispatched(t.Context(), incident.ID)
	require.NoError(t, err, "it starts over")
}
