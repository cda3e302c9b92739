package herodispatch_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/examples/herodispatch"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/receipts"
)

// bundle is an office with a reporter, a dispatcher and two heroes.
type bundle struct {
	*herodispatch.App
	pool       *pgxpool.Pool
	dispatcher *dispatch.Dispatcher
}

func setup(t *testing.T) *bundle {
	t.Helper()
	pool := dbtest.Pool(t)
	require.NoError(t, herodispatch.Install(t.Context(), pool))
	d, err := herodispatch.NewDispatcher()
	require.NoError(t, err)
	b := &bundle{App: herodispatch.New(pool, d, nil), pool: pool, dispatcher: d}
	b.populate(t, b.App)
	return b
}

func (b *bundle) populate(t *testing.T, app *herodispatch.App) {
	t.Helper()
	for _, p := range []herodispatch.Person{
		{ID: "noor", Name: "Noor Haddad", Email: "noor@example.com", Role: herodispatch.Citizen},
		{ID: "ines", Name: "Ines Duarte", Email: "ines@example.com", Role: herodispatch.Dispatcher, OnDuty: true},
	} {
		require.NoError(t, app.AddPerson(t.Context(), p))
	}
	for id, alias := range map[string]string{"mara": "Northwind", "teo": "Lodestone"} {
		hero, err := app.RegisterHero(t.Context(), id, id+"@example.com", herodispatch.HeroDetails{
			Name: id, Alias: alias, Powers: []string{"flight"},
		})
		require.NoError(t, err)
		require.Equal(t, herodispatch.HeroAvailable, hero.Status)
	}
}

func (b *bundle) report(t *testing.T) herodispatch.Incident {
	t.Helper()
	incident, err := b.ReportIncident(t.Context(), herodispatch.Report{
		Reporter: "noor", Type: "flood", Description: "The river is in the street.", Location: "Quay 4",
	})
	require.NoError(t, err)
	return incident
}

func (b *bundle) assign(t *testing.T, incident uuid.UUID, hero string) herodispatch.Assignment {
	t.Helper()
	assigned, err := b.AssignHero(t.Context(), incident, hero)
	require.NoError(t, err)
	return assigned
}

func (b *bundle) heroIs(t *testing.T, id string, status herodispatch.HeroStatus) {
	t.Helper()
	hero, err := b.Hero(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, status, hero.Status)
}

func (b *bundle) heroCountIs(t *testing.T, incident uuid.UUID, count int) {
	t.Helper()
	now, err := b.Incident(t.Context(), incident)
	require.NoError(t, err)
	require.Equal(t, count, now.HeroCount)
}

// events counts the occurrences of each event.
func (b *bundle) events(t *testing.T) map[string]int {
	t.Helper()
	rows, err := b.pool.Query(t.Context(), `SELECT name, count(*) FROM carillon.events GROUP BY name`)
	require.NoError(t, err)
	defer rows.Close()
	counts := map[string]int{}
	for rows.Next() {
		var name string
		var count int
		require.NoError(t, rows.Scan(&name, &count))
		counts[name] = count
	}
	require.NoError(t, rows.Err())
	return counts
}

func TestInstallMayBeRepeated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	incident := b.report(t)
	var group errgroup.Group
	for range 4 {
		group.Go(func() error { return herodispatch.Install(t.Context(), b.pool) })
	}
	require.NoError(t, group.Wait())
	_, err := b.Incident(t.Context(), incident.ID)
	require.NoError(t, err, "what was there stays")
}

func TestInstallOfSeveralAtOnce(t *testing.T) {
	t.Parallel()
	pool := dbtest.Pool(t)
	var group errgroup.Group
	for range 4 {
		group.Go(func() error { return herodispatch.Install(t.Context(), pool) })
	}
	require.NoError(t, group.Wait())
}

func TestReport(t *testing.T) {
	t.Parallel()
	b := setup(t)

	incident := b.report(t)
	require.Equal(t, herodispatch.IncidentReported, incident.Status)
	require.Equal(t, herodispatch.Medium, incident.Priority, "the default")
	require.False(t, incident.ReportedAt.IsZero())
	require.Nil(t, incident.DispatchedAt)
	require.Nil(t, incident.ClosedAt)

	whole := herodispatch.Report{Reporter: "noor", Type: "fire", Description: "It burns.", Location: "Mill"}
	for field, broken := range map[string]func(*herodispatch.Report){
		"reporter":    func(r *herodispatch.Report) { r.Reporter = "" },
		"type":        func(r *herodispatch.Report) { r.Type = "" },
		"description": func(r *herodispatch.Report) { r.Description = "" },
		"location":    func(r *herodispatch.Report) { r.Location = "" },
		"priority":    func(r *herodispatch.Report) { r.Priority = "urgent" },
	} {
		report := whole
		broken(&report)
		_, err := b.ReportIncident(t.Context(), report)
		var invalid *herodispatch.InvalidError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, field, invalid.Field)
	}
	whole.Reporter = "nobody"
	_, err := b.ReportIncident(t.Context(), whole)
	require.ErrorIs(t, err, herodispatch.ErrNotFound)
	require.Equal(t, map[string]int{"incidents.reported": 1}, b.events(t), "refused reports leave no event")
}

func TestInvalidPeople(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var invalid *herodispatch.InvalidError
	require.ErrorAs(t, b.AddPerson(t.Context(), herodispatch.Person{Role: herodispatch.Citizen}), &invalid)
	require.ErrorAs(t, b.AddPerson(t.Context(), herodispatch.Person{ID: "x", Role: "villain"}), &invalid)
	_, err := b.RegisterHero(t.Context(), "", "", herodispatch.HeroDetails{Name: "A", Alias: "B"})
	require.ErrorAs(t, err, &invalid)
	_, err = b.RegisterHero(t.Context(), "x", "", herodispatch.HeroDetails{Name: "A"})
	require.ErrorAs(t, err, &invalid)
	_, err = b.UpdateHero(t.Context(), "nobody", herodispatch.HeroDetails{Name: "A", Alias: "B"})
	require.ErrorIs(t, err, herodispatch.ErrNotFound)
}

func TestCitiesDoNotMeet(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := herodispatch.New(b.pool, b.dispatcher, &herodispatch.Config{City: "other"})
	b.populate(t, other)
	incident := b.report(t)

	_, err := other.Incident(t.Context(), incident.ID)
	require.ErrorIs(t, err, herodispatch.ErrNotFound)
	_, err = other.CloseIncident(t.Context(), incident.ID)
	require.ErrorIs(t, err, herodispatch.ErrNotFound)
	_, err = other.AssignHero(t.Context(), incident.ID, "mara")
	require.ErrorIs(t, err, herodispatch.ErrNotFound)
	assigned := b.assign(t, incident.ID, "mara")
	_, err = other.UnassignHero(t.Context(), assigned.ID)
	require.ErrorIs(t, err, herodispatch.ErrNotFound)
	hero, err := other.Hero(t.Context(), "mara")
	require.NoError(t, err)
	require.Equal(t, herodispatch.HeroAvailable, hero.Status, "a namesake in another city")
}

func TestEventsNameTenantActorAndThing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := herodispatch.New(b.pool, b.dispatcher, &herodispatch.Config{City: "other"})
	b.populate(t, other)
	incident, err := other.As("ines").ReportIncident(t.Context(), herodispatch.Report{
		Reporter: "noor", Type: "fire", Description: "It burns.", Location: "Mill",
	})
	require.NoError(t, err)
	store := receipts.New(nil)
	list, err := store.List(t.Context(), b.pool, receipts.Filter{Event: "incidents.reported"})
	require.NoError(t, err)
	require.Len(t, list, 5)
	event, err := store.GetEvent(t.Context(), b.pool, list[0].EventID)
	require.NoError(t, err)
	require.Equal(t, "other", event.Tenant)
	require.Equal(t, "ines", event.Actor)
	require.Equal(t, "incidents", event.ResourceType)
	require.Equal(t, incident.ID.String(), event.ResourceID)
}
