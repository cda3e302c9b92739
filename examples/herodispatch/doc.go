// Package herodispatch is an application that tells people things: a dispatch office for superheroes. It is the
// example to read after the documentation of package dispatch, and the one that `carillon demo` plays.
//
// Citizens report incidents, dispatchers assign heroes who are available, and everybody concerned hears of it.
//
//   - declarations.go says who is told what, on which occasion and by which way. Begin there.
//   - incident.go, hero.go and assignment.go are the domain: plain functions, each through the action hook
//     [dispatch.Handle.Run], so that a change and its events commit together. An action that is refused leaves neither.
//   - payload.go is what events carry. It is not what the tables hold: an event is a public promise, a row is not.
//   - example_test.go shows one action and a refused one, events_test.go who hears of which.
//   - schema.sql is the application's own Postgres schema. People live there too, and Carillon asks for them by a query.
//
// One database may serve several cities. A city is what Carillon calls a tenant.
//
// To use it:
//
//	d, err := herodispatch.NewDispatcher()
//	err = herodispatch.Install(ctx, pool)
//	app := herodispatch.New(pool, d, nil)
//	incident, err := app.ReportIncident(ctx, herodispatch.Report{Reporter: "noor", Type: "flood", …})
//	_, err = app.As("ines").AssignHero(ctx, incident.ID, "mara")
package herodispatch
