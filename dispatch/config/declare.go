package config

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/carillon-notify/carillon/dispatch"
	directory "github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/templates"
)

// checkSettings checks what no declaration is made of.
func (l *loader) checkSettings() {
	if url := l.doc.DatabaseURL.Reveal(); url != "" && !isDatabase(url) {
		l.refuse("database_url", "is no address of a Postgres database (such as postgres://user@localhost:5432/shop)")
	}
	if l.doc.PublicURL != "" {
		if err := templates.CheckURL(l.doc.PublicURL); err != nil {
			l.refuse("public_url", "%s (such as https://shop.example.com)", err)
		}
	}
	if n := l.root.get("people"); n != nil && n.kind == mapping && l.doc.People.SQL == "" && !l.reported("people") {
		l.refuse("people", "needs sql (without it remove people: the table carillon.people is read then)")
	}
	l.checkWorker()
	for _, p := range l.doc.Attachments.Check() {
		l.refuse("attachments."+p.Key, "%s", p.Message)
	}
}

// isDatabase accepts both forms that libpq does: URLs, and words such as host=localhost.
func isDatabase(url string) bool {
	if !strings.Contains(url, "://") {
		return strings.Contains(url, "=")
	}
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// declare makes the dispatcher. Everything that dispatch.New has to say is noted at the place of its cause.
func (l *loader) declare() *dispatch.Dispatcher {
	cfg := &dispatch.Config{Transports: l.specs(), PublicURL: l.doc.PublicURL}
	cfg.Resources = l.resources(l.audiences())
	if l.doc.People.SQL != "" {
		cfg.People = directory.SQL{Query: l.doc.People.SQL}
	}
	for _, name := range slices.Sorted(maps.Keys(l.doc.Categories)) {
		c := l.doc.Categories[name]
		cfg.Categories = append(cfg.Categories, dispatch.Category{Name: name, Label: c.Name, Mandatory: c.Mandatory})
	}
	l.settle()
	dispatcher, err := dispatch.New(cfg)
	var problems dispatch.Problems
	if errors.As(err, &problems) {
		l.relocate(problems)
	} else if err != nil {
		l.add(start, "", "%s", err)
	}
	l.checkSamples()
	return dispatcher
}

func (l *loader) audiences() map[string]dispatch.Audience {
	made := map[string]dispatch.Audience{}
	for name, a := range l.doc.Audiences {
		made[name] = l.audience("audiences."+name, a)
	}
	return made
}

// audience returns one of people for a section that is wrong, so that channels have no problem with it as well.
func (l *loader) audience(path string, a audience) dispatch.Audience {
	for _, transport := range slices.Sorted(maps.Keys(a.Fixed)) {
		if why := l.unbuilt(transport); why != "" {
			l.refuseKey(path+".fixed", transport, why)
		} else if a.Fixed[transport] == "" {
			l.refuse(path+".fixed."+transport, "the address is empty")
		}
	}
	l.settle()
	var ways []string
	var made dispatch.Audience
	if a.Field != "" {
		ways, made = append(ways, "field"), dispatch.Field(a.Field)
	}
	if a.SQL != "" {
		ways, made = append(ways, "sql"), dispatch.SQL(a.SQL)
	}
	if len(a.Fixed) > 0 {
		ways, made = append(ways, "fixed"), dispatch.Audience{}
		for transport, address := range a.Fixed {
			made = made.And(transport, address)
		}
	}
	if a.Endpoints {
		ways, made = append(ways, "endpoints"), dispatch.Endpoints()
	}
	switch {
	case l.reported(path):
	case len(ways) == 0:
		l.refuse(path, "an audience needs one of field, sql, fixed, endpoints")
	case len(ways) > 1:
		l.refuse(path, "an audience has one of field, sql, fixed, endpoints, not %s", strings.Join(ways, " and "))
	default:
		return made
	}
	return dispatch.Field("id")
}

// resources gathers the events by what stands before the last dot of their keys.
func (l *loader) resources(audiences map[string]dispatch.Audience) []dispatch.Declaration {
	byName := map[string]*dispatch.Resource[dispatch.Data]{}
	for _, key := range slices.Sorted(maps.Keys(l.doc.Events)) {
		dot := strings.LastIndexByte(key, '.')
		if dot < 1 || dot == len(key)-1 {
			l.refuse("events."+key, "an event's key is resource.event, such as orders.created")
			continue
		}
		r := byName[key[:dot]]
		if r == nil {
			r = &dispatch.Resource[dispatch.Data]{Name: key[:dot], Audiences: audiences}
			byName[r.Name] = r
		}
		r.Events = append(r.Events, l.event("events."+key, key[dot+1:], l.doc.Events[key]))
	}
	declarations := make([]dispatch.Declaration, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		declarations = append(declarations, *byName[name])
	}
	return declarations
}

func (l *loader) event(path, name string, e event) dispatch.Event[dispatch.Data] {
	made := dispatch.Event[dispatch.Data]{
		Name: name, Category: e.Category, NotificationType: dispatch.NotificationType(e.NotificationType),
		Priority: l.priority(path+".priority", e.Priority), ExpiresAfter: e.ExpiresAfter,
		Retry:   dispatch.Retry(e.Retry),
		Content: e.Content, ContentFor: e.ContentFor, Attachments: e.Attachments,
	}
	if e.Sample != nil {
		made.Sample = &e.Sample
	}
	for i, c := range e.Channels {
		here := path + ".channels" + index(i)
		if why := l.checkTransport(c.Transport); why != "" {
			l.refuse(here+".transport", "%s", why)
		}
		if spec := l.known[c.Transport].Spec; c.Audience == "" && !spec.Once && !spec.AudienceOptional {
			l.refuse(here+".audience", "a channel needs an audience")
		}
		made.Channels = append(made.Channels, dispatch.Channel{
			Name: c.Name, Transport: c.Transport, Audience: c.Audience, Delay: c.Delay,
			Policy: dispatch.Policy(c.Policy), Retry: dispatch.Retry(c.Retry), OnUnknown: dispatch.OnUnknown(c.OnUnknown),
			Options: l.options(here+".options", c), Content: c.Content, Attachments: c.Attachments,
		})
	}
	return made
}

func (l *loader) priority(path, name string) dispatch.Priority {
	switch name {
	case "critical":
		return dispatch.Critical
	case "bulk":
		return dispatch.Bulk
	case "", "default":
	default:
		l.refuse(path, "unknown priority %q (%s)", name, suggest(name, "priorities", []string{"critical", "default", "bulk"}))
	}
	return dispatch.Default
}

// checkSamples compares what audiences read with the samples, since a field that is missing stops a receipt later.
func (l *loader) checkSamples() {
	for key, e := range l.doc.Events {
		path := "events." + key
		if e.Sample == nil || l.reported(path+".sample") {
			continue
		}
		for i, c := range e.Channels {
			a := l.doc.Audiences[c.Audience]
			if a.Field != "" && !l.reported("audiences."+c.Audience) && !offers(e.Sample, a.Field) {
				l.refuse(path+".channels"+index(i)+".audience",
					"audience %q reads %s, which the sample does not have (add it to the sample)", c.Audience, a.Field)
			}
		}
	}
}

// offers says whether the sample has something at the path, as [dispatch.Field] reads it.
func offers(sample dispatch.Data, path string) bool {
	var value any = map[string]any(sample)
	for name := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value != nil
}
