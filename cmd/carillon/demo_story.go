package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-notify/carillon/examples/herodispatch"
	"github.com/carillon-notify/carillon/preferences"
	"github.com/carillon-notify/carillon/transports"
)

// demoTale is what was done, to be compared with what came of it.
type demoTale struct {
	// began is when the first event happened, by the database's clock.
	began time.Time
	// events are the names of those that the actions cause, one per occurrence.
	events []string
}

// demoNarrator is told what happens.
type demoNarrator func(format string, args ...any)

// tell plays the story through the office's actions.
func (s *demoStage) tell(ctx context.Context, narrate demoNarrator) (*demoTale, error) {
	if err := s.cast(ctx, narrate); err != nil {
		return nil, fmt.Errorf("cast the story: %w", err)
	}
	t := &demoTale{}
	if err := t.play(ctx, s.office, narrate); err != nil {
		return nil, fmt.Errorf("play the story: %w", err)
	}
	return t, nil
}

// cast fills the city: a reporter, three dispatchers of whom one is off duty, two heroes, and what two of them want.
func (s *demoStage) cast(ctx context.Context, narrate demoNarrator) error {
	for _, p := range []herodispatch.Person{
		{ID: "noor", Name: "Noor Haddad", Role: herodispatch.Citizen},
		{ID: "ines", Name: "Ines Duarte", Role: herodispatch.Dispatcher, OnDuty: true},
		{ID: "pavel", Name: "Pavel Horák", Role: herodispatch.Dispatcher, OnDuty: true},
		{ID: "olga", Name: "Olga Lind", Role: herodispatch.Dispatcher},
	} {
		p.Email = p.ID + "@" + s.domain
		if err := s.office.AddPerson(ctx, p); err != nil {
			return err
		}
	}
	for id, details := range map[string]herodispatch.HeroDetails{
		"mara": {Name: "Mara Lindqvist", Alias: "Northwind", Powers: []string{"wind"}, Location: "Lighthouse"},
		"teo":  {Name: "Teo Okafor", Alias: "Lodestone", Powers: []string{"magnetism", "patience"}},
	} {
		if _, err := s.office.RegisterHero(ctx, id, id+"@"+s.domain, details); err != nil {
			return err
		}
	}
	for _, p := range []preferences.Preference{
		{Person: "pavel", Category: herodispatch.News, Transport: transports.Email},
		{Person: "teo", Category: herodispatch.Calls},
	} {
		p.Tenant, p.Choice, p.UpdatedBy = s.city, preferences.Off, p.Person
		if err := preferences.Set(ctx, s.pool, p); err != nil {
			return err
		}
	}
	narrate("pavel, a dispatcher, has switched off news by mail")
	narrate("teo, a hero, has switched off calls, but those are mandatory")
	return nil
}

func (t *demoTale) play(ctx context.Context, office *herodispatch.App, narrate demoNarrator) error {
	desk := office.As("ines")
	incident, err := office.As("noor").ReportIncident(ctx, herodispatch.Report{
		Reporter: "noor", Type: "bridge collapse", Location: "Old Bridge", Priority: herodispatch.Critical,
		Description: "The middle arch is in the river & the tram <number 9> hangs over the edge.",
	})
	if err != nil {
		return err
	}
	t.began = incident.ReportedAt
	t.happened("incidents.reported")
	narrate("noor reports a %s at %s, priority %s", incident.Type, incident.Location, incident.Priority)

	first, err := desk.AssignHero(ctx, incident.ID, "mara")
	if err != nil {
		return err
	}
	t.happened("assignments.assigned")
	if _, err := desk.AssignHero(ctx, incident.ID, "teo"); err != nil {
		return err
	}
	t.happened("assignments.assigned")
	narrate("ines sends out mara, called %s, and teo", first.HeroAlias)

	_, err = desk.AssignHero(ctx, incident.ID, "mara")
	var booked *herodispatch.BookedError
	if !errors.As(err, &booked) {
		return fmt.Errorf("a hero was sent out twice, or refused for another reason: %w", err)
	}
	narrate("ines tries to send out mara once more: refused, and no event of it")

	for _, step := range []struct {
		event string
		line  string
		act   func() error
	}{
		{"incidents.dispatched", "help is on its way", func() error {
			_, err := desk.MarkIncidentDispatched(ctx, incident.ID)
			return err
		}},
		{"", "help is there, which causes no event", func() error {
			_, err := desk.MarkIncidentInProgress(ctx, incident.ID)
			return err
		}},
		{"incidents.resolved", "the incident is resolved; noor's mail about it is delayed", func() error {
			_, err := desk.ResolveIncident(ctx, incident.ID)
			return err
		}},
		{"assignments.unassigned", "mara goes home", func() error {
			_, err := desk.UnassignHero(ctx, first.ID)
			return err
		}},
		{"incidents.closed", "ines closes the incident, which frees teo", func() error {
			_, err := desk.CloseIncident(ctx, incident.ID)
			return err
		}},
	} {
		if err := step.act(); err != nil {
			return err
		}
		if step.event != "" {
			t.happened(step.event)
		}
		narrate("%s", step.line)
	}
	return nil
}

func (t *demoTale) happened(event string) { t.events = append(t.events, event) }
