package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/carillon-notify/carillon/dispatch/internal/registry"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/templates"
	"github.com/carillon-notify/carillon/transports"
)

// Action is what happened to a resource, such as "create_from_cart".
type Action string

// NotificationType colours a notification.
type NotificationType string

// The notification types.
const (
	Info    NotificationType = "info"
	Success NotificationType = "success"
	Warning NotificationType = "warning"
	Error   NotificationType = "error"
)

// Priority is how urgent an event is. Each priority has lanes of its own, so that a bulk send never delays a critical
// message.
type Priority = receipts.Priority

// The priorities. The zero value means [Default].
const (
	Critical = receipts.Critical
	Default  = receipts.Default
	Bulk     = receipts.Bulk
)

// Policy is a condition under which a channel holds its message back.
type Policy string

// SkipIfRead skips a recipient who has read the in-app notification of the same event in the meantime.
const SkipIfRead Policy = "skip_if_read"

// Retry is what a message is worth, which decides how long and how often a failed send is tried again.
type Retry = transports.Retry

// The kinds of retrying; see package dispatch/flow for their numbers.
const (
	RetryCode          = transports.RetryCode
	RetryTransactional = transports.RetryTransactional
	RetryBulk          = transports.RetryBulk
	RetryWebhook       = transports.RetryWebhook
	RetryChat          = transports.RetryChat
	RetryPush          = transports.RetryPush
)

// OnUnknown says what becomes of a message that may have been accepted, because the answer or the worker was lost.
type OnUnknown = transports.OnUnknown

// The policies for lost answers.
const (
	// Resend sends again, with the same content and key; the recipient may get the message twice.
	Resend = transports.Resend
	// Park leaves the receipt as uncertain for an operator to decide.
	Park = transports.Park
	// Probe asks the provider first, where the transport can.
	Probe = transports.Probe
)

// Content is what a message says, as templates: see package templates for the syntax.
type Content = transports.Content

// Attachment is one file that goes along, by reference.
type Attachment = transports.Attachment

// File is one file that goes along, as a function of the application makes it: Name and Content, and where they matter
// MediaType and ContentID.
type File = transports.File

// Recipient is one addressee. One with an ID is a person, whose addresses the directory knows; one without has a
// fixed Address.
type Recipient = transports.Recipient

// Querier is what functions of the application may read through: the pipeline's own connection or transaction.
type Querier = registry.Querier

// Data is the payload type of resources whose fields are not known to Go.
type Data = map[string]any

// Resource declares the events of one domain type whose payload is a T. T is a struct of which every exported field
// has a json tag, or [Data].
type Resource[T any] struct {
	// Name is the first part of the events' names, such as "orders". Lower-case letters, digits, underscores, dots.
	Name string
	// KeyFunc gives the id of the thing that an event is about. Defaults to no id.
	KeyFunc func(T) string
	// Actions lists what can happen to the resource.
	Actions []Action
	// Audiences are the named ways to find recipients.
	Audiences map[string]Audience
	// Events are what the actions cause.
	Events []Event[T]
}

// Event declares one thing worth telling.
type Event[T any] struct {
	// Name is the second part of the event's name: "created" of "orders.created".
	Name string
	// On lists the actions that cause the event. An event without is emitted by hand.
	On []Action
	// Category is what people switch on and off; one of Config.Categories. Defaults to none, which only a choice for
	// everything touches.
	Category string
	// NotificationType defaults to [Info].
	NotificationType NotificationType
	// Priority defaults to [Default].
	Priority Priority
	// ExpiresAfter is how long after its time a message is still worth sending. Defaults to no limit; at most 366 days.
	ExpiresAfter time.Duration
	// Retry is how failed sends are tried again: code, transactional, bulk, webhook, chat or push. Defaults to what suits
	// transport and priority.
	Retry Retry
	// Channels are the ways to tell it; at least one.
	Channels []Channel
	// Content is what every channel says, unless ContentFor or the channel's own Content says otherwise.
	Content Content
	// ContentFor replaces fields of Content for one transport.
	ContentFor map[string]Content
	// Attachments go along on every channel whose transport sends files. Defaults to none.
	Attachments []Attachment
	// AttachFunc makes files that go along after the declared ones, on every channel whose transport sends files; channel
	// is the name of the one in question. It is asked when a message is first rendered, and never again for the same one.
	// An error is retried.
	AttachFunc func(ctx context.Context, db Querier, payload T, channel string) ([]File, error)
	// Sample is an example payload. With [Data] it also declares the fields that templates may read; every template
	// is rendered with it when the dispatcher is built, unless there is an EnrichFunc. Defaults to none.
	Sample *T
	// EnrichFunc adds what templates may read beyond the payload, when a message is rendered; see [Enrich].
	EnrichFunc Enricher[T]
	// GuardFunc is asked for each recipient right before the send; false skips the recipient as guarded. An error is
	// retried.
	GuardFunc func(ctx context.Context, payload T, recipient Recipient) (bool, error)
	// RecipientsFunc finds the recipients of every channel in place of the declared audiences. An error is retried; it
	// never means nobody.
	RecipientsFunc func(ctx context.Context, db Querier, payload T, audience string) ([]Recipient, error)
}

// Channel declares one transport × audience of an event.
type Channel struct {
	// Name is unique within the event. Defaults to transport.audience.
	Name string
	// Transport is a transport's name, such as transports.Email.
	Transport string
	// Audience is one of the resource's audiences. A transport that makes one message of an event can do without.
	Audience string
	// Delay postpones the send, not the finding of recipients. Defaults to none; at most 366 days.
	Delay time.Duration
	// Policy defaults to always sending.
	Policy Policy
	// Retry is how failed sends are tried again. Defaults to the event's.
	Retry Retry
	// OnUnknown says what to do when an answer was lost. Defaults to what the transport's spec says, else to [Resend].
	OnUnknown OnUnknown
	// Options are the transport's own settings of the channel: a value of the struct that its spec declares. Texts in
	// them may be templates, like content. Defaults to the defaults of each option.
	Options any
	// Content replaces fields of the event's Content for this channel.
	Content Content
	// Attachments go along on this channel, after the event's. Defaults to none.
	Attachments []Attachment
}

// Declaration is a [Resource] of any payload type.
type Declaration interface {
	declare(problems *Problems) []registry.EventSource
	resourceName() string
	actionNames() []string
}

var _ Declaration = Resource[Data]{}

func (r Resource[T]) resourceName() string { return r.Name }

func (r Resource[T]) actionNames() []string { return stringsOf(r.Actions) }

func (r Resource[T]) declare(problems *Problems) []registry.EventSource {
	path := "resources." + r.Name
	shape := r.shape(path, problems)
	actions := stringsOf(r.Actions)
	audiences := r.audiences(path, problems)
	sources := make([]registry.EventSource, 0, len(r.Events))
	for _, e := range r.Events {
		source := registry.EventSource{
			Path:             "events." + r.Name + "." + e.Name,
			Resource:         r.Name,
			Name:             e.Name,
			Actions:          actions,
			On:               stringsOf(e.On),
			Category:         e.Category,
			NotificationType: string(e.NotificationType),
			Priority:         e.Priority,
			ExpiresAfter:     e.ExpiresAfter,
			Retry:            e.Retry,
			Content:          e.Content,
			ContentFor:       e.ContentFor,
			Audiences:        audiences,
			Shape:            shape,
			Guard:            e.guard(),
			Recipients:       e.recipients(),
			Attach:           e.attach(),
			Attachments:      e.Attachments,
		}
		for _, c := range e.Channels {
			source.Channels = append(source.Channels, registry.ChannelSource{
				Name: c.Name, Transport: c.Transport, Audience: c.Audience, Delay: c.Delay,
				Policy: string(c.Policy), Retry: c.Retry, OnUnknown: c.OnUnknown,
				Options: c.Options, Content: c.Content, Attachments: c.Attachments,
			})
		}
		source.Enrich, source.Enriched = e.EnrichFunc.run, e.EnrichFunc.shape
		for _, err := range e.EnrichFunc.errs {
			problems.Add(source.Path+".enrich", "%s", err)
		}
		e.sample(&source, problems)
		sources = append(sources, source)
	}
	return sources
}

// shape is what the payload type offers; with Data, what the samples do.
func (r Resource[T]) shape(path string, problems *Problems) *templates.Shape {
	payload := reflect.TypeFor[T]()
	if payload == reflect.TypeFor[Data]() {
		return templates.ShapeOfValue(Data{})
	}
	shape, errs := templates.ShapeOfType(payload)
	for _, err := range errs {
		problems.Add(path+".payload", "%s", err)
	}
	if shape == nil {
		return templates.ShapeOfValue(Data{})
	}
	return shape
}

func (e Event[T]) sample(source *registry.EventSource, problems *Problems) {
	if e.Sample == nil {
		return
	}
	raw, err := json.Marshal(e.Sample)
	if err == nil {
		source.Sample, err = templates.Decode(raw)
	}
	if err != nil {
		problems.Add(source.Path+".sample", "does not encode as a JSON object: %s", err)
		return
	}
	if reflect.TypeFor[T]() == reflect.TypeFor[Data]() {
		source.Shape = templates.ShapeOfValue(source.Sample)
	}
}

func (r Resource[T]) audiences(path string, problems *Problems) map[string]registry.AudienceSource {
	payload := reflect.TypeFor[T]()
	sources := make(map[string]registry.AudienceSource, len(r.Audiences))
	for _, name := range slices.Sorted(maps.Keys(r.Audiences)) {
		a := r.Audiences[name]
		where := path + ".audiences." + name
		if a.payload != nil && a.payload != payload {
			problems.Add(where, "the audience reads %s, but the resource's payload is %s", a.payload, payload)
		}
		if a.resolve == nil && a.fixed == nil {
			problems.Add(where, "the audience is empty (make it with Person, People, Field, Fixed, SQL, Endpoints or AudienceFunc)")
		}
		sources[name] = registry.AudienceSource{Resolve: a.resolve, Fixed: a.fixed, Kind: a.kind}
	}
	return sources
}

func (e Event[T]) guard() registry.Guard {
	if e.GuardFunc == nil {
		return nil
	}
	return func(ctx context.Context, s registry.Subject, recipient Recipient) (bool, error) {
		payload, err := decode[T](s)
		if err != nil {
			return false, err
		}
		return e.GuardFunc(ctx, payload, recipient)
	}
}

func (e Event[T]) recipients() registry.Recipients {
	if e.RecipientsFunc == nil {
		return nil
	}
	return func(ctx context.Context, db Querier, s registry.Subject, audience string) ([]Recipient, error) {
		payload, err := decode[T](s)
		if err != nil {
			return nil, err
		}
		return e.RecipientsFunc(ctx, db, payload, audience)
	}
}

func (e Event[T]) attach() registry.Attach {
	if e.AttachFunc == nil {
		return nil
	}
	return func(ctx context.Context, db Querier, s registry.Subject, channel string) ([]File, error) {
		payload, err := decode[T](s)
		if err != nil {
			return nil, err
		}
		return e.AttachFunc(ctx, db, payload, channel)
	}
}

func decode[T any](s registry.Subject) (T, error) {
	var payload T
	if err := json.Unmarshal(s.Data, &payload); err != nil {
		return payload, fmt.Errorf("decode the event's data as %T: %w", payload, err)
	}
	return payload, nil
}

func stringsOf(actions []Action) []string {
	names := make([]string, len(actions))
	for i, a := range actions {
		names[i] = string(a)
	}
	return names
}
