// Package registry holds checked and compiled declarations, whichever way they were written: by typed resources in Go
// or by a carillon.yaml. Emit, the pipeline and the CLI all read this one registry.
package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/templates"
	"github.com/carillon-notify/carillon/transports"
)

// Querier is what resolvers read through.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Subject is the occurrence that a resolver, guard or enricher is asked about.
type Subject struct {
	// Event is the full name.
	Event  string
	Data   json.RawMessage
	Tenant string
}

// Functions of the application, over the encoded payload.
type (
	Resolver   func(ctx context.Context, db Querier, s Subject) ([]transports.Recipient, error)
	Recipients func(ctx context.Context, db Querier, s Subject, audience string) ([]transports.Recipient, error)
	Guard      func(ctx context.Context, s Subject, r transports.Recipient) (bool, error)
	Enrich     func(ctx context.Context, db Querier, s Subject) (map[string]any, error)
	Attach     func(ctx context.Context, db Querier, s Subject, channel string) ([]transports.File, error)
)

// Category is what people switch on and off.
type Category struct {
	Name      string
	Label     string
	Mandatory bool
}

// Event is a compiled event.
type Event struct {
	Name             string
	ResourceType     string
	Category         *Category
	NotificationType string
	Priority         receipts.Priority
	ExpiresAfter     time.Duration
	Channels         []*Channel
	// Wire is the channels as carillon.emit_event takes them.
	Wire string
	// Fields are the payload's top-level names.
	Fields     []string
	Guard      Guard
	Recipients Recipients
	Enrich     Enrich
	Attach     Attach
}

// Channel is a compiled channel.
type Channel struct {
	Name       string
	Transport  string
	Audience   string
	Delay      time.Duration
	SkipIfRead bool
	OnUnknown  transports.OnUnknown
	// Retry is what the channel or its event declares; empty if neither does.
	Retry transports.Retry
	Spec  transports.Spec
	// Once makes one message of an event: Resolve then names its one recipient, and no function is asked.
	Once bool
	// Fixed is the address of a fixed audience; empty for audiences of people and for none.
	Fixed   string
	Resolve Resolver
	Options *Options
	// Attachments are the files that go along by reference.
	Attachments []Attachment
	// Templates are the content fields that the transport sends, in the order of transports.Content.
	Templates []Field
}

// RetryOf is how receipts of the channel are tried again. The priority is the receipt's own, which an emit may choose.
func (c *Channel) RetryOf(p receipts.Priority) transports.Retry {
	byPriority := transports.RetryTransactional
	if p == receipts.Bulk {
		byPriority = transports.RetryBulk
	}
	return cmp.Or(c.Retry, c.Spec.Retry, byPriority)
}

// Field is one compiled content field.
type Field struct {
	Name     string
	Template *templates.Template
}

// Channel returns the channel called name.
func (e *Event) Channel(name string) (*Channel, bool) {
	for _, c := range e.Channels {
		if c.Name == name {
			return c, true
		}
	}
	return nil, false
}

// Registry is every declaration of one dispatcher.
type Registry struct {
	PublicURL  string
	Directory  people.Directory
	Categories map[string]*Category
	events     map[string]*Event
}

// Event returns the event called name, such as "orders.created".
func (r *Registry) Event(name string) (*Event, bool) {
	e, found := r.events[name]
	return e, found
}

// Events lists every event by name.
func (r *Registry) Events() []*Event {
	all := make([]*Event, 0, len(r.events))
	for _, e := range r.events {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *Event) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Specs lists the specs of the transports that channels use, by name.
func (r *Registry) Specs() []transports.Spec {
	specs := map[string]transports.Spec{}
	for _, e := range r.events {
		for _, c := range e.Channels {
			specs[c.Transport] = c.Spec
		}
	}
	return slices.SortedFunc(maps.Values(specs), func(a, b transports.Spec) int { return strings.Compare(a.Name, b.Name) })
}

// Transports lists the names of the transports that channels use.
func (r *Registry) Transports() []string {
	var names []string
	for _, spec := range r.Specs() {
		names = append(names, spec.Name)
	}
	return names
}
