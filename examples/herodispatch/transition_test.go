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
	heroAction     = func(*herodispatch.App, context.Context, string) (herodispatch.Hero, error)
	incidentAction = func(*herodispatch.App, context.Context, uuid.UUID) (herodispatch.Incident, error)
)

func TestHeroTransitions(t *testing.T) {
	t.Parallel()
	// How a fresh hero gets into each status.
	ways := map[herodispatch.HeroStatus][]heroAction{
		herodispatch.HeroAvailable:   nil,
		herodispatch.HeroDispatched:  {(*herodispatch.App).MarkHeroDispatched},
		herodispatch.HeroUnavailable: {(*herodispatch.App).MarkHeroUnavailable},
	}
	b := setup(t)
	for _, action := range []struct {
		name string
		act  heroAction
		from herodispatch.HeroStatus
		to   herodispatch.HeroStatus
	}{
		{"mark_dispatched", (*herodispatch.App).MarkHeroDispatched, herodispatch.HeroAvailable, herodispatch.HeroDispatched},
		{"mark_available", (*herodispatch.App).MarkHeroAvailable, herodispatch.HeroDispatched, herodispatch.HeroAvailable},
		{"mark_unavailable", (*herodispatch.App).MarkHeroUnavailable, herodispatch.HeroAvailable, herodispatch.HeroUnavailable},
		{"return_to_duty", (*herodispatch.App).ReturnHeroToDuty, herodispatch.HeroUnavailable, herodispatch.HeroAvailable},
	} {
		for status, way := range ways {
			t.Run(action.name+" from "+string(status), func(t *testing.T) {
				t.Parallel()
				id := action.name + "-" + string(status)
				_, err := b.RegisterHero(b.ctx, id, "", herodispatch.HeroDetails{Name: "A", Alias: "B"})
				require.NoError(t, err)
				for _, step := range way {
					_, err := step(b.App, t.Context(), id)
					require.NoError(t, err)
				}
				hero, err := action.act(b.App, t.Context(), id)
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
			_, err := action.act(b.App, t.Context(), "nobody")
			require.ErrorIs(t, err, herodispatch.ErrNotFound)
		})
	}
}

func TestIncidentTransitions(t *testing.T) {
	t.Parallel()
	dispatched := (*herodispatch.App).MarkIncidentDispatched
	inProgress := (*herodispatch.App).MarkIncidentInProgress
	resolve := (*herodispatch.App).ResolveIncident
	closing := (*herodispatch.App).CloseIncident
	// How a fresh incident gets into each status.
	ways := map[herodispatch.IncidentStatus][]incidentAction{
		herodispatch.IncidentReported:   nil,
		herodispatch.IncidentDispatched: {dispatched},
		herodispatch.IncidentInProgress: {dispatched, inProgress},
		herodispatch.IncidentResolved:   {dispatched, inProgress, resolve},
		herodispatch.IncidentClosed:     {closing},
	}
	all := []herodispatch.IncidentStatus{
		herodispatch.IncidentReported, herodispatch.IncidentDispatched, herodispatch.IncidentInProgress,
		herodispatch.IncidentResolved, herodispatch.IncidentClosed,
	}
	b := setup(t)
	for _, action := range []struct {
		name  string
		act   incidentAction
		from  []herodispatch.IncidentStatus
		to    herodispatch.IncidentStatus
		stamp func(herodispatch.Incident) *time.Time
	}{
		{"mark_dispatched", dispatched, all[:1], all[1], func(i herodispatch.Incident) *time.Time { return i.DispatchedAt }},
		{"mark_in_progress", inProgress, all[1:2], all[2], func(i herodispatch.Incident) *time.Time { return i.InProgressAt }},
		{"mark_resolved", resolve, all[2:3], all[3], func(i herodispatch.Incident) *time.Time { return i.ResolvedAt }},
		{"mark_closed", closing, all, all[4], func(i herodispatch.Incident) *time.Time { return i.ClosedAt }},
		{"reopen", (*herodispatch.App).ReopenIncident, all, all[0], func(i herodispatch.Incident) *time.Time { return i.ReopenedAt }},
	} {
		for _, status := range all {
			t.Run(action.name+" from "+string(status), func(t *testing.T) {
				t.Parallel()
				before := b.report(t)
				var err error
				for _, step := range ways[status] {
					before, err = step(b.App, t.Context(), before.ID)
					require.NoError(t, err)
				}
				after, err := action.act(b.App, t.Context(), before.ID)
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
			_, err := action.act(b.App, t.Context(), uuid.New())
			require.ErrorIs(t, err, herodispatch.ErrNotFound)
		})
	}
}

func TestReopeningKeepsTheTrail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	incident := b.report(t)
	_, err := b.MarkIncidentDispatched(b.ctx, incident.ID)
	require.NoError(t, err)
	closed, err := b.CloseIncident(b.ctx, incident.ID)
	require.NoError(t, err)
	reopened, err := b.ReopenIncident(b.ctx, incident.ID)
	require.NoError(t, err)
	require.Equal(t, closed.ReportedAt, reopened.ReportedAt)
	require.Equal(t, closed.DispatchedAt, reopened.DispatchedAt)
	require.Equal(t, closed.ClosedAt, reopened.ClosedAt)
	_, err = b.MarkIncidentDispatched(b.ctx, incident.ID)
	require.NoError(t, err, "it starts over")
}
