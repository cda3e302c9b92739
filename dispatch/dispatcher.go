package dispatch

import (
	"github.com/carillon-notify/carillon/dispatch/internal/registry"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/transports"
)

// Category is what people switch on and off.
type Category struct {
	// Name is what events and stored preferences use. Lower-case letters, digits and underscores.
	Name string
	// Label is what people read. Defaults to Name.
	Label string
	// Mandatory categories ignore what people switched off.
	Mandatory bool
}

// Config is what a dispatcher is made of.
type Config struct {
	// Resources declare the events.
	Resources []Declaration
	// Categories are those that events may name.
	Categories []Category
	// Transports are the specs of transports that Carillon does not bring.
	Transports []transports.Spec
	// People knows who can be reached and how. Defaults to the built-in table, people.Table.
	People people.Directory
	// PublicURL is where the application is reached, for links: templates read it as {{ public_url }}. It has no
	// trailing slash there. Defaults to empty.
	PublicURL string
}

// Dispatcher holds checked declarations. It is safe for concurrent use, and a process may have several.
type Dispatcher struct {
	registry *registry.Registry
	actions  map[string]map[string][]string
}

// New checks all declarations and compiles them. If anything is wrong it returns [Problems] with everything that is.
func New(cfg *Config) (*Dispatcher, error) {
	var problems Problems
	source := registry.Source{PublicURL: cfg.PublicURL, Directory: cfg.People, Specs: cfg.Transports}
	if source.Directory == nil {
		source.Directory = people.Table{}
	}
	for _, c := range cfg.Categories {
		if c.Label == "" {
			c.Label = c.Name
		}
		source.Categories = append(source.Categories, registry.Category(c))
	}
	d := &Dispatcher{actions: map[string]map[string][]string{}}
	for _, r := range cfg.Resources {
		events := r.declare(&problems)
		source.Events = append(source.Events, events...)
		d.addActions(r, events)
	}
	compiled, found := registry.Build(source)
	problems = append(problems, found...)
	if len(problems) > 0 {
		return nil, problems
	}
	d.registry = compiled
	return d, nil
}

// Registry is the compiled form, which the pipeline and the worker read.
func (d *Dispatcher) Registry() *registry.Registry { return d.registry }

func (d *Dispatcher) addActions(r Declaration, events []registry.EventSource) {
	byAction := d.actions[r.resourceName()]
	if byAction == nil {
		byAction = map[string][]string{}
		d.actions[r.resourceName()] = byAction
	}
	for _, action := range r.actionNames() {
		byAction[action] = nil
	}
	for _, e := range events {
		for _, action := range e.On {
			byAction[action] = append(byAction[action], e.Resource+"."+e.Name)
		}
	}
}
