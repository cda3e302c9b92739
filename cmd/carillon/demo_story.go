package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

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

// demoScene is one thing that somebody does.
type demoScene struct {
	// at is the time of the scripted day, line what is told of it.
	at, line string
	// event is the one that the action causes; empty if it causes none.
	event string
	act   func(context.Context) error
}

// demoAudience sees the day; the zero value looks away.
type demoAudience struct {
	// narrate is told what has just happened.
	narrate func(at, line string)
	// pause comes after each scene: what it has caused can be watched.
	pause func(context.Context, *demoTale) error
}

// tell plays the story through the office's actions.
func (s *demoStage) tell(ctx context.Context, audience demoAudience) (*demoTale, error) {
	if err := s.cast(ctx); err != nil {
		return nil, fmt.Errorf("cast the story: %w", err)
	}
	t := &demoTale{}
	for _, scene := range s.day(t) {
		if err := scene.act(ctx); err != nil {
			return nil, fmt.Errorf("play the story, %s: %w", scene.at, err)
		}
		if scene.event != "" {
			t.events = append(t.events, scene.event)
		}
		if audience.narrate != nil {
			audience.narrate(scene.at, scene.line)
		}
		if audience.pause == nil || t.began.IsZero() {
			continue
		}
		if err := audience.pause(ctx, t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// cast fills the city: a reporter, three dispatchers of whom one is off duty, and two heroes.
func (s *demoStage) cast(ctx context.Context) error {
	for _, p := range []herodispatch.Person{
		{ID: demoReporter, Name: "Noor Haddad", Role: herodispatch.Citizen},
		{ID: "ines", Name: "Ines Duarte", Role: herodispatch.Dispatcher, OnDuty: true},
		{ID: "pavel", Name: "Pavel Horák", Role: herodispatch.Dispatcher, OnDuty: true},
		{ID: "olga", Name: "Olga Lind", Role: herodispatch.Dispatcher},
	} {
		p.Email = s.address(p.ID)
		if err := s.office.AddPerson(ctx, p); err != nil {
			return err
		}
	}
	phones := map[string]string{"mara": "+4915112345678", "teo": "+4915112345679"}
	for id, details := range map[string]herodispatch.HeroDetails{
		"mara": {Name: "Mara Lindqvist", Alias: "Northwind", Powers: []string{"wind"}, Location: "Lighthouse"},
		"teo":  {Name: "Teo Okafor", Alias: "Lodestone", Powers: []string{"magnetism", "patience"}},
	} {
		if _, err := s.office.RegisterHero(ctx, id, s.address(id), details); err != nil {
			return err
		}
		err := s.office.AddPerson(ctx, herodispatch.Person{
			ID: id, Name: details.Name, Email: s.address(id), Phone: phones[id], Role: herodispatch.HeroRole,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// switchOff is what a person wants to hear no more of.
func (s *demoStage) switchOff(person, category, transport string) func(context.Context) error {
	return func(ctx context.Context) error {
		return preferences.Set(ctx, s.pool, preferences.Preference{
			Tenant: s.city, Person: person, Category: category, Transport: transport,
			Choice: preferences.Off, UpdatedBy: person,
		})
	}
}

// day is the script: the morning's roster, then the incident.
func (s *demoStage) day(t *demoTale) []demoScene {
	desk := s.office.As("ines")
	return append([]demoScene{
		{"07:50", "pavel, a dispatcher, switches off news by mail", "", s.switchOff("pavel", herodispatch.News, transports.Email)},
		{"07:55", "teo, a hero, switches off calls, but those are mandatory", "", s.switchOff("teo", herodispatch.Calls, "")},
		{"08:00", "teo has a cold: ines takes him off the roster", "heroes.duty_changed", func(ctx context.Context) error {
			hero, err := desk.MarkHeroUnavailable(ctx, "teo")
			t.began = hero.UpdatedAt
			return err
		}},
		{"08:30", "it was only the dust: teo returns to duty", "heroes.duty_changed", func(ctx context.Context) error {
			_, err := s.office.As("teo").ReturnHeroToDuty(ctx, "teo")
			return err
		}},
	}, s.emergency(desk)...)
}

// emergency is the incident of the day, from the report to its reopening.
func (s *demoStage) emergency(desk *herodispatch.App) []demoScene {
	var incident herodispatch.Incident
	var first herodispatch.Assignment
	// on is a scene that only moves the incident.
	on := func(at, line, event string, f func(context.Context, uuid.UUID) (herodispatch.Incident, error)) demoScene {
		return demoScene{at, line, event, func(ctx context.Context) error {
			_, err := f(ctx, incident.ID)
			return err
		}}
	}
	return []demoScene{
		{
			"09:12", "noor reports a bridge collapse at Old Bridge, priority critical", "incidents.reported",
			func(ctx context.Context) (err error) {
				incident, err = s.office.As("noor").ReportIncident(ctx, herodispatch.Report{
					Reporter: "noor", Type: "bridge collapse", Location: "Old Bridge", Priority: herodispatch.Critical,
					Description: "The middle arch is in the river & the tram <number 9> hangs over the edge.",
				})
				return err
			},
		},
		{
			"09:14", "ines sends out mara, whose mail server turns strangers away at first", "assignments.assigned",
			func(ctx context.Context) (err error) {
				first, err = desk.AssignHero(ctx, incident.ID, demoGreylisted)
				return err
			},
		},
		{"09:15", "ines sends out teo, too", "assignments.assigned", func(ctx context.Context) error {
			_, err := desk.AssignHero(ctx, incident.ID, "teo")
			return err
		}},
		{"09:16", "ines tries to send out mara once more: refused, and no event of it", "", func(ctx context.Context) error {
			_, err := desk.AssignHero(ctx, incident.ID, first.HeroID)
			var booked *herodispatch.BookedError
			if !errors.As(err, &booked) {
				return errors.Join(errors.New("a hero was sent out twice, or refused for another reason"), err)
			}
			return nil
		}},
		on("09:20", "help is on its way", "incidents.dispatched", desk.MarkIncidentDispatched),
		on("09:31", "help is there", "incidents.in_progress", desk.MarkIncidentInProgress),
		on("11:45", "the incident is resolved; noor's mail about it is delayed", "incidents.resolved", desk.ResolveIncident),
		{"11:50", "mara goes home", "assignments.unassigned", func(ctx context.Context) error {
			_, err := desk.UnassignHero(ctx, first.ID)
			return err
		}},
		on("12:00", "ines closes the incident, which frees teo", "incidents.closed", desk.CloseIncident),
		on("17:40", "the tram squeaks: the incident is reopened, for tomorrow", "incidents.reopened", desk.ReopenIncident),
	}
}
