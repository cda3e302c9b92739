package registry

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

var (
	word       = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	dottedWord = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$`)
	// A channel's default name is transport.audience.
	channelWord = dottedWord
)

var notificationTypes = []string{"info", "success", "warning", "error"}

// maxDelay bounds delays and expiries, so that a mistyped unit is found at start.
const maxDelay = 366 * 24 * time.Hour

type builder struct {
	source   Source
	specs    map[string]transports.Spec
	registry *Registry
	problems Problems
}

// Build checks everything and compiles it. It reports all problems together.
func Build(source Source) (*Registry, Problems) {
	b := &builder{
		source: source,
		specs:  map[string]transports.Spec{},
		registry: &Registry{
			PublicURL:  strings.TrimSuffix(source.PublicURL, "/"),
			Directory:  source.Directory,
			Categories: map[string]*Category{},
			events:     map[string]*Event{},
		},
	}
	b.transports()
	b.categories()
	for _, e := range source.Events {
		b.event(e)
	}
	return b.registry, b.problems
}

func (b *builder) transports() {
	for _, spec := range append(transports.Builtin(), b.source.Specs...) {
		if _, taken := b.specs[spec.Name]; taken {
			b.problems.Add("transports."+spec.Name, "the transport is declared twice")
		}
		if !word.MatchString(spec.Name) || len(spec.Name) > 32 {
			b.problems.Add("transports."+spec.Name, "a transport's name is lower-case letters, digits and underscores, at most 32")
		}
		if spec.OnUnknown != "" {
			b.onUnknown("transports."+spec.Name+".on_unknown", spec.OnUnknown, spec)
		}
		if _, err := transports.OptionsOf(spec.Options); err != nil {
			for _, one := range parts(err) {
				b.problems.Add("transports."+spec.Name, "%s", one)
			}
		}
		b.specs[spec.Name] = spec
	}
}

func (b *builder) categories() {
	for _, c := range b.source.Categories {
		path := "categories." + c.Name
		if !word.MatchString(c.Name) {
			b.problems.Add(path, "a category's name is lower-case letters, digits and underscores, at most 63")
		}
		if _, taken := b.registry.Categories[c.Name]; taken {
			b.problems.Add(path, "the category is declared twice")
		}
		b.registry.Categories[c.Name] = &c
	}
}

func (b *builder) event(source EventSource) {
	event := &Event{
		Name:             source.Resource + "." + source.Name,
		ResourceType:     source.Resource,
		NotificationType: source.NotificationType,
		Priority:         source.Priority,
		ExpiresAfter:     source.ExpiresAfter,
		Fields:           source.Shape.Fields(),
		Guard:            source.Guard,
		Recipients:       source.Recipients,
		Enrich:           source.Enrich,
		Attach:           source.Attach,
	}
	if event.NotificationType == "" {
		event.NotificationType = "info"
	}
	if event.Priority == 0 {
		event.Priority = receipts.Default
	}
	b.checkEvent(source, event)
	shape := b.shape(source)
	for i, c := range source.Channels {
		path := fmt.Sprintf("%s.channels[%d]", source.Path, i)
		if channel := b.channel(path, source, c); channel != nil {
			if _, taken := event.Channel(channel.Name); taken {
				b.problems.Add(path+".name", "channel %q is declared twice (give one of them a name)", channel.Name)
			}
			before := len(b.problems)
			channel.Templates = b.templates(path, source, c, channel.Spec, shape)
			channel.Options = b.options(path, c, channel.Spec, shape)
			channel.Attachments = b.attachments(path, source, c, channel.Spec, shape)
			if len(b.problems) == before {
				b.checkSample(path, source, channel)
			}
			event.Channels = append(event.Channels, channel)
		}
	}
	event.Wire = wire(event)
	b.registry.events[event.Name] = event
}

func (b *builder) checkEvent(source EventSource, event *Event) {
	path := source.Path
	if !dottedWord.MatchString(source.Resource) || !word.MatchString(source.Name) || len(event.Name) > 128 {
		b.problems.Add(path, "an event's full name is resource.event, lower-case letters, digits and underscores, at most 128")
	}
	if _, taken := b.registry.events[event.Name]; taken {
		b.problems.Add(path, "event %s is declared twice", event.Name)
	}
	for i, action := range source.On {
		if !slices.Contains(source.Actions, action) {
			b.problems.Add(fmt.Sprintf("%s.on[%d]", path, i), "unknown action %q (%s)", action, oneOf("actions", source.Actions))
		}
	}
	if source.Category != "" {
		category, known := b.registry.Categories[source.Category]
		if !known {
			b.problems.Add(path+".category", "unknown category %q (%s)", source.Category, oneOf("categories", keys(b.registry.Categories)))
		}
		event.Category = category
	}
	if !slices.Contains(notificationTypes, event.NotificationType) {
		b.problems.Add(path+".notification_type", "unknown notification type %q (one of %s)",
			event.NotificationType, strings.Join(notificationTypes, ", "))
	}
	if !slices.Contains(receipts.Priorities(), event.Priority) {
		b.problems.Add(path+".priority", "unknown priority %d (one of critical, default, bulk)", event.Priority)
	}
	if source.ExpiresAfter < 0 || source.ExpiresAfter > maxDelay {
		b.problems.Add(path+".expires_after", "%s is out of range (0 to %s)", source.ExpiresAfter, maxDelay)
	}
	b.checkRetry(path, source.Retry)
	if len(source.Channels) == 0 {
		b.problems.Add(path+".channels", "the event has no channel (nobody would hear of it)")
	}
	if !slices.ContainsFunc(source.Channels, func(c ChannelSource) bool { return b.specs[c.Transport].Files }) {
		switch {
		case len(source.Attachments) > 0:
			b.problems.Add(path+".attachments", "no channel of the event sends files (transports that do: %s)", b.filesOf())
		case source.Attach != nil:
			b.problems.Add(path+".attach", "no channel of the event sends files (transports that do: %s)", b.filesOf())
		}
	}
	for transport := range source.ContentFor {
		if !slices.ContainsFunc(source.Channels, func(c ChannelSource) bool { return c.Transport == transport }) {
			b.problems.Add(path+".content_for."+transport, "no channel of the event uses transport %q", transport)
		}
	}
}

func (b *builder) checkRetry(path string, retry transports.Retry) {
	if retry != "" && !slices.Contains(transports.Retries(), retry) {
		b.problems.Add(path+".retry", "unknown retry %q (one of %s)", retry, join(transports.Retries()))
	}
}

func (b *builder) channel(path string, event EventSource, source ChannelSource) *Channel {
	spec, known := b.specs[source.Transport]
	if !known {
		b.problems.Add(path+".transport", "unknown transport %q (%s)", source.Transport, oneOf("transports", keys(b.specs)))
		return nil
	}
	channel := &Channel{
		Name: source.Name, Transport: source.Transport, Audience: source.Audience, Delay: source.Delay, Spec: spec,
		Retry: cmp.Or(source.Retry, event.Retry),
	}
	if channel.Audience == "" && (spec.Once || spec.AudienceOptional) {
		channel.Audience = transports.OnceAudience
	}
	if channel.Name == "" {
		channel.Name = source.Transport + "." + channel.Audience
	}
	if !channelWord.MatchString(channel.Name) || len(channel.Name) > 128 {
		b.problems.Add(path+".name", "a channel's name is lower-case letters, digits, underscores and dots, at most 128")
	}
	if source.Delay < 0 || source.Delay > maxDelay {
		b.problems.Add(path+".delay", "%s is out of range (0 to %s)", source.Delay, maxDelay)
	}
	switch source.Policy {
	case "":
	case "skip_if_read":
		channel.SkipIfRead = true
		if !slices.ContainsFunc(event.Channels, func(c ChannelSource) bool { return c.Transport == transports.InApp }) {
			b.problems.Add(path+".policy", "skip_if_read needs an in_app channel in the same event")
		}
	default:
		b.problems.Add(path+".policy", "unknown policy %q (one of skip_if_read)", source.Policy)
	}
	b.checkRetry(path, source.Retry)
	channel.OnUnknown = b.onUnknown(path+".on_unknown", source.OnUnknown, spec)
	channel.Once = spec.Once || spec.AudienceOptional && source.Audience == ""
	b.audience(path, event, source, channel)
	return channel
}

// onUnknown is the policy for lost answers, of the channel or else of its transport.
func (b *builder) onUnknown(path string, declared transports.OnUnknown, spec transports.Spec) transports.OnUnknown {
	switch {
	case declared == "":
		return cmp.Or(spec.OnUnknown, transports.Resend)
	case !slices.Contains(transports.OnUnknowns(), declared):
		b.problems.Add(path, "unknown policy %q (one of resend, park, probe)", declared)
	case spec.InDatabase:
		b.problems.Add(path, "transport %s delivers in the database, where no answer is lost (leave it out)", spec.Name)
	case declared == transports.Probe && !spec.Probes:
		b.problems.Add(path, "transport %s cannot be asked for a message (resend or park)", spec.Name)
	}
	return declared
}

// audience finds out who gets the channel's messages.
func (b *builder) audience(path string, event EventSource, source ChannelSource, channel *Channel) {
	spec := channel.Spec
	if channel.Once && source.Audience == "" {
		channel.Resolve = fixed(transports.OnceAudience)
		return
	}
	if event.Recipients != nil && !channel.Once {
		return
	}
	audience, known := event.Audiences[source.Audience]
	switch {
	case !known:
		b.problems.Add(path+".audience", "unknown audience %q (%s)", source.Audience, oneOf("audiences", keys(event.Audiences)))
	case audience.Kind != transports.AddressNone && audience.Kind != spec.Address:
		b.problems.Add(path+".audience", "audience %q is of stored endpoints, and transport %s does not deliver to them",
			source.Audience, spec.Name)
	case audience.Fixed != nil && spec.PersonOnly:
		b.problems.Add(path+".audience", "audience %q is a fixed address, and transport %s delivers to people only",
			source.Audience, spec.Name)
	case audience.Fixed != nil && audience.Fixed[source.Transport] == "":
		b.problems.Add(path+".audience", "audience %q has no address for transport %s", source.Audience, spec.Name)
	case audience.Fixed != nil:
		channel.Fixed = audience.Fixed[source.Transport]
		channel.Resolve = fixed(channel.Fixed)
	case channel.Once:
		b.problems.Add(path+".audience",
			"audience %q is of people, and transport %s makes one message of an event (leave the audience out, or name a fixed one)",
			source.Audience, spec.Name)
	default:
		channel.Resolve = audience.Resolve
	}
}

// wire encodes the channels for carillon.emit_event.
func wire(event *Event) string {
	type channel struct {
		Channel      string  `json:"channel"`
		Transport    string  `json:"transport"`
		Audience     string  `json:"audience"`
		Priority     int16   `json:"priority"`
		Delay        float64 `json:"delay,omitempty"`
		ExpiresAfter float64 `json:"expires_after,omitempty"`
	}
	list := make([]channel, len(event.Channels))
	for i, c := range event.Channels {
		list[i] = channel{
			Channel: c.Name, Transport: c.Transport, Audience: c.Audience, Priority: int16(event.Priority),
			Delay: c.Delay.Seconds(), ExpiresAfter: event.ExpiresAfter.Seconds(),
		}
	}
	// A slice of structs of strings and numbers always encodes.
	encoded, _ := json.Marshal(list)
	return string(encoded)
}

// keys lists a map's keys in order.
func keys[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// join lists names of any kind.
func join[S ~string](names []S) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = string(name)
	}
	return strings.Join(list, ", ")
}

// oneOf lists the declared names, for the way out of a problem.
func oneOf(what string, names []string) string {
	if len(names) == 0 {
		return "no " + what + " are declared"
	}
	return "declared " + what + ": " + strings.Join(names, ", ")
}
