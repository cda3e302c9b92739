package herodispatch_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/examples/herodispatch"
)

func TestAssignDispatchesAndCounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	incident := b.report(t)

	assigned := b.assign(t, incident.ID, "mara")
	require.Equal(t, herodispatch.AssignmentAssigned, assigned.Status)
	require.Equal(t, "Northwind", assigned.HeroAlias)
	require.Nil(t, assigned.ArchivedAt)
	b.heroIs(t, "mara", herodispatch.HeroDispatched)
	b.heroCountIs(t, incident.ID, 1)

	b.assign(t, incident.ID, "teo")
	b.heroCountIs(t, incident.ID, 2)
	require.Equal(t, map[string]int{"incidents.reported": 1, "assignments.assigned": 2}, b.events(t))
}

func TestUnassignFreesArchivesAndRecounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	incident := b.report(t)
	assigned := b.assign(t, incident.ID, "mara")
	b.assign(t, incident.ID, "teo")

	ended, err := b.UnassignHero(t.Context(), assigned.ID)
	require.NoError(t, err)
	require.Equal(t, herodispatch.AssignmentCompleted, ended.Status)
	require.NotNil(t, ended.ArchivedAt)
	b.heroIs(t, "mara", herodispatch.HeroAvailable)
	b.heroIs(t, "teo", herodispatch.HeroDispatched)
	b.heroCountIs(t, incident.ID, 1)

	_, err = b.UnassignHero(t.Context(), assigned.ID)
	require.Equal(t, &herodispatch.TransitionError{
		Resource: "assignment", ID: assigned.ID.String(), Action: herodispatch.Unassign,
		Status: "completed", Allowed: []string{"assigned"},
	}, err, "once is enough")
	require.Equal(t, 1, b.events(t)["assignments.unassigned"])
	_, err = b.UnassignHero(t.Context(), uuid.New())
	require.ErrorIs(t, err, herodispatch.ErrNotFound)

	b.assign(t, incident.ID, "mara")
	list, err := b.Assignments(t.Context(), incident.ID)
	require.NoError(t, err)
	require.Len(t, list, 3, "history is kept")
}

func TestUnassignSparesAHeroWhoIsNotDispatched(t *testing.T) {
	t.Parallel()
	b := setup(t)
	assigned := b.assign(t, b.report(t).ID, "mara")
	_, err := b.MarkHeroAvailable(t.Context(), "mara")
	require.NoError(t, err)
	_, err = b.MarkHeroUnavailable(t.Context(), "mara")
	require.NoError(t, err)

	_, err = b.UnassignHero(t.Context(), assigned.ID)
	require.NoError(t, err)
	b.heroIs(t, "mara", herodispatch.HeroUnavailable)
}

func TestCloseArchivesAndFrees(t *testing.T) {
	t.Parallel()
	b := setup(t)
	incident, other := b.report(t), b.report(t)
	b.assign(t, incident.ID, "mara")
	b.assign(t, other.ID, "teo")

	closed, err := b.CloseIncident(t.Context(), incident.ID)
	require.NoError(t, err)
	require.Equal(t, herodispatch.IncidentClosed, closed.Status)
	require.Zero(t, closed.HeroCount)
	b.heroIs(t, "mara", herodispatch.HeroAvailable)
	list, err := b.Assignments(t.Context(), incident.ID)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, herodispatch.AssignmentCompleted, list[0].Status)
	require.NotNil(t, list[0].ArchivedAt)

	b.heroIs(t, "teo", herodispatch.HeroDispatched)
	b.heroCountIs(t, other.ID, 1)
}

func TestNamesStayAsCopied(t *testing.T) {
	t.Parallel()
	b := setup(t)
	incident := b.report(t)
	b.assign(t, incident.ID, "mara")
	renamed, err := b.UpdateHero(t.Context(), "mara", herodispatch.HeroDetails{Name: "Mara L.", Alias: "Southwind"})
	require.NoError(t, err)
	require.Equal(t, "Southwind", renamed.Alias)
	require.Empty(t, renamed.Powers, "powers can be lost")
	require.Equal(t, herodispatch.HeroDispatched, renamed.Status, "writing down does not change the status")

	list, err := b.Assignments(t.Context(), incident.ID)
	require.NoError(t, err)
	require.Equal(t, "mara", list[0].HeroName)
	require.Equal(t, "Northwind", list[0].HeroAlias)
}

func TestAssignRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	incident := b.report(t)
	over := b.report(t)
	_, err := b.CloseIncident(t.Context(), over.ID)
	require.NoError(t, err)
	_, err = b.MarkHeroUnavailable(t.Context(), "teo")
	require.NoError(t, err)
	b.assign(t, incident.ID, "mara")
	before := b.events(t)

	for name, refused := range map[string]struct {
		incident uuid.UUID
		hero     string
		err      error
	}{
		"an incident that is over": {over.ID, "mara", &herodispatch.TransitionError{
			Resource: "incident", ID: over.ID.String(), Action: herodispatch.Assign, Status: "closed",
			Allowed: []string{"reported", "dispatched", "in_progress"},
		}},
		"a hero who is unavailable": {incident.ID, "teo", &herodispatch.TransitionError{
			Resource: "hero", ID: "teo", Action: herodispatch.MarkDispatched, Status: "unavailable",
			Allowed: []string{"available"},
		}},
		"a hero who is on it": {incident.ID, "mara", &herodispatch.BookedError{Hero: "mara"}},
	} {
		_, err := b.AssignHero(t.Context(), refused.incident, refused.hero)
		require.Equal(t, refused.err, err, name)
	}
	_, err = b.AssignHero(t.Context(), uuid.New(), "mara")
	require.ErrorIs(t, err, herodispatch.ErrNotFound)
	_, err = b.AssignHero(t.Context(), incident.ID, "nobody")
	require.ErrorIs(t, err, herodispatch.ErrNotFound)

	require.Equal(t, before, b.events(t), "what was refused left no event")
	b.heroCountIs(t, incident.ID, 1)
	b.heroCountIs(t, over.ID, 0)
}

// A hero taken back by hand is available, and still on an incident: the status alone would let the hero out twice.
func TestTheIndexRefusesWhomTheStatusLetsThrough(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.assign(t, b.report(t).ID, "mara")
	_, err := b.MarkHeroAvailable(t.Context(), "mara")
	require.NoError(t, err)

	second := b.report(t)
	_, err = b.AssignHero(t.Context(), second.ID, "mara")
	require.Equal(t, &herodispatch.BookedError{Hero: "mara"}, err)
	b.heroIs(t, "mara", herodispatch.HeroAvailable)
	b.heroCountIs(t, second.ID, 0)

	_, err = b.pool.Exec(t.Context(), `INSERT INTO herodispatch.assignments (city, incident_id, hero_id, hero_name, hero_alias)
		VALUES ('', $1, 'mara', 'x', 'y')`, second.ID)
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused, "the database itself refuses")
	require.Equal(t, "assignments_one_per_hero", refused.ConstraintName)
}

func TestTwoDispatchersCannotBookTheSameHero(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for round := range 20 {
		incidents := []herodispatch.Incident{b.report(t), b.report(t)}
		start := make(chan struct{})
		results := make([]herodispatch.Assignment, 2)
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				<-start
				results[i], errs[i] = b.AssignHero(t.Context(), incidents[i].ID, "mara")
			})
		}
		close(start)
		wg.Wait()

		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		require.NoError(t, errs[winner])
		var booked *herodispatch.BookedError
		require.ErrorAs(t, errs[1-winner], &booked)
		b.heroCountIs(t, incidents[winner].ID, 1)
		b.heroCountIs(t, incidents[1-winner].ID, 0)
		require.Equal(t, round+1, b.events(t)["assignments.assigned"], "one booking, one event")
		_, err := b.UnassignHero(t.Context(), results[winner].ID)
		require.NoError(t, err)
	}
}

// Closing and assigning at once: whoever comes second sees what the first has done, so nobody is left on an incident
// that is closed, and the count is what the assignments say.
func TestClosingAndAssigningAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 20 {
		incident := b.report(t)
		var closed, assigned error
		var wg sync.WaitGroup
		wg.Go(func() { _, closed = b.CloseIncident(t.Context(), incident.ID) })
		wg.Go(func() { _, assigned = b.AssignHero(t.Context(), incident.ID, "teo") })
		wg.Wait()
		require.NoError(t, closed)
		var refused *herodispatch.TransitionError
		require.True(t, assigned == nil || errors.As(assigned, &refused), "%v", assigned)
		b.heroIs(t, "teo", herodispatch.HeroAvailable)
		b.heroCountIs(t, incident.ID, 0)
	}
}

func TestCountSurvivesConcurrentAssignments(t *testing.T) {
	t.Parallel()
	b := setup(t)
	incident := b.report(t)
	var group errgroup.Group
	for _, hero := range []string{"mara", "teo"} {
		group.Go(func() error {
			_, err := b.AssignHero(t.Context(), incident.ID, hero)
			return err
		})
	}
	require.NoError(t, group.Wait())
	b.heroCountIs(t, incident.ID, 2)
}

// The event is written in the transaction of the change: when it cannot be, the change is not made either.
func TestNoChangeWithoutItsEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	incident := b.report(t)
	before := b.events(t)
	nameless := b.As(string(make([]byte, dispatch.MaxName+1))) // an actor that emit refuses
	_, err := nameless.AssignHero(t.Context(), incident.ID, "mara")
	var invalid *dispatch.InvalidError
	require.ErrorAs(t, err, &invalid)

	b.heroIs(t, "mara", herodispatch.HeroAvailable)
	b.heroCountIs(t, incident.ID, 0)
	list, err := b.Assignments(t.Context(), incident.ID)
	require.NoError(t, err)
	require.Empty(t, list)
	require.Equal(t, before, b.events(t))
}
