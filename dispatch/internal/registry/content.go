package registry

import (
	"context"
	"fmt"
	"maps"
	"net/mail"
	"slices"
	"strings"

	"github.com/carillon-notify/carillon/templates"
	"github.com/carillon-notify/carillon/transports"
)

// Names that every template can read, beside the payload's own.
const (
	VarRecipient = "recipient"
	VarActor     = "actor"
	VarTenant    = "tenant"
	VarResource  = "resource"
	VarEvent     = "event"
	VarPublicURL = "public_url"
)

// builtin is the shape of those names; the pipeline fills them.
func builtin() *templates.Shape {
	return templates.ShapeOfValue(map[string]any{
		VarRecipient: map[string]any{"id": "", "name": "", "address": "", "locale": "", "timezone": ""},
		VarActor:     "",
		VarTenant:    "",
		VarResource:  map[string]any{"type": "", "id": ""},
		VarEvent:     map[string]any{"id": "", "name": "", "created_at": ""},
		VarPublicURL: "",
	})
}

// shape is everything that the event's templates may read.
func (b *builder) shape(source EventSource) *templates.Shape {
	shape := source.Shape
	for _, name := range shape.Shadowed() {
		b.problems.Add(source.Path+".data."+name, "the field bears a template function's name (rename it, or read it as {{ .%s }})", name)
	}
	shape, taken := shape.Merge(builtin())
	for _, name := range taken {
		b.problems.Add(source.Path+".data."+name, "the name is taken by a built-in variable (rename the field)")
	}
	if source.Enriched == nil {
		return shape
	}
	shape, taken = shape.Merge(source.Enriched)
	for _, name := range taken {
		b.problems.Add(source.Path+".enrich."+name, "the name is taken by the payload or a built-in variable (rename it)")
	}
	return shape
}

// templates compiles the content of one channel: the event's, under the transport's, under the channel's own.
func (b *builder) templates(path string, event EventSource, channel ChannelSource, spec transports.Spec, shape *templates.Shape) []Field {
	b.refuseUnused(event.Path+".content_for."+channel.Transport, event.ContentFor[channel.Transport], spec)
	b.refuseUnused(path+".content", channel.Content, spec)
	content := event.Content.Merge(event.ContentFor[channel.Transport]).Merge(channel.Content)
	for _, name := range spec.Required {
		if content.Get(name) == "" {
			b.problems.Add(path+".content."+name, "transport %s needs a %s", spec.Name, name)
		}
	}
	if len(spec.RequiredOneOf) > 0 && !slices.ContainsFunc(spec.RequiredOneOf, func(name string) bool { return content.Get(name) != "" }) {
		b.problems.Add(path+".content", "transport %s needs one of %v", spec.Name, spec.RequiredOneOf)
	}
	if content.ActionLabel != "" && content.ActionURL == "" && slices.Contains(spec.Fields(), transports.FieldActionLabel) {
		b.problems.Add(path+".content.action_label", "a label needs an action_url")
	}
	var compiled []Field
	for _, f := range content.Fields() {
		if *f.Value == "" || !slices.Contains(spec.Fields(), f.Name) {
			continue
		}
		if t := b.compile(path+".content."+f.Name, f.Name, *f.Value, shape); t != nil {
			compiled = append(compiled, Field{Name: f.Name, Template: t})
		}
	}
	return compiled
}

func (b *builder) refuseUnused(path string, content transports.Content, spec transports.Spec) {
	for _, f := range content.Fields() {
		if *f.Value != "" && !slices.Contains(spec.Fields(), f.Name) {
			b.problems.Add(path+"."+f.Name, "transport %s does not send a %s", spec.Name, f.Name)
		}
	}
}

func (b *builder) compile(path, name, source string, shape *templates.Shape) *templates.Template {
	kind := templates.Text
	if name == transports.FieldHTML {
		kind = templates.HTML
	}
	t, err := templates.Parse(name, source, kind)
	if t = b.checkVariables(path, t, err, shape); t == nil {
		return nil
	}
	if name == transports.FieldFrom || name == transports.FieldReplyTo {
		if _, err := mail.ParseAddress(source); err != nil && len(t.Variables()) == 0 {
			b.problems.Add(path, "not a mailbox (write it as Name <user@example.com>)")
		}
	}
	return t
}

// checkVariables reports what is wrong with a template: why it does not parse, or what it reads that nobody offers.
func (b *builder) checkVariables(path string, t *templates.Template, err error, shape *templates.Shape) *templates.Template {
	if err != nil {
		b.problems.Add(path, "%s", err)
		return nil
	}
	for _, missing := range shape.Missing(t.Variables()) {
		b.problems.Add(path, "unknown placeholder %q (add the field to the payload or, in YAML, to the sample)", missing)
	}
	for _, sometimes := range shape.Uncertain(t.Variables()) {
		b.problems.Add(path, "placeholder %q is not in every payload (give it a default: {{ %s | default \"…\" }})", sometimes, sometimes)
	}
	return t
}

// checkSample renders the channel with the declared sample, so that a template that cannot work is found at start. What
// an enricher adds is known only at run time.
func (b *builder) checkSample(path string, event EventSource, channel *Channel) {
	if event.Sample == nil || event.Enrich != nil {
		return
	}
	vars := map[string]any{
		VarRecipient: map[string]any{"id": "1", "name": "Sample", "address": "sample@example.com", "locale": "en", "timezone": "UTC"},
		VarActor:     "sample",
		VarTenant:    "sample",
		VarResource:  map[string]any{"type": event.Resource, "id": "1"},
		VarEvent:     map[string]any{"id": "1", "name": event.Name, "created_at": "2000-01-01T00:00:00Z"},
		VarPublicURL: b.registry.PublicURL,
	}
	maps.Copy(vars, event.Sample)
	if _, err := channel.Render(vars); err != nil {
		b.problems.Add(path+".content", "does not render with the sample: %s", err)
	}
	for i, a := range channel.Attachments {
		if _, err := a.Render(vars); err != nil {
			b.problems.Add(fmt.Sprintf("%s.attachments[%d]", path, i), "does not render with the sample: %s", err)
		}
	}
	if _, err := channel.Options.Render(vars); err != nil {
		b.problems.Add(path, "does not render with the sample: %s", err)
	}
}

// fixed resolves to one address.
func fixed(address string) Resolver {
	return func(context.Context, Querier, Subject) ([]transports.Recipient, error) {
		return []transports.Recipient{{Address: address}}, nil
	}
}

// Render runs the channel's templates over vars. A failing one is named in the error.
func (c *Channel) Render(vars map[string]any) (transports.Content, error) {
	var content transports.Content
	for _, f := range c.Templates {
		text, err := f.Template.Execute(vars)
		if err != nil {
			return transports.Content{}, fmt.Errorf("%s: %w", f.Name, err)
		}
		if err := set(&content, f.Name, text); err != nil {
			return transports.Content{}, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	if content.HTML != "" && content.Text == "" && slices.Contains(c.Spec.Fields(), transports.FieldText) {
		text, err := templates.TextFromHTML(content.HTML)
		if err != nil {
			return transports.Content{}, fmt.Errorf("text from html: %w", err)
		}
		content.Text = text
	}
	for _, name := range c.Spec.Required {
		if strings.TrimSpace(content.Get(name)) == "" {
			return transports.Content{}, fmt.Errorf("%s: rendered to nothing (blanks are never sent)", name)
		}
	}
	return content, nil
}

// storable is text as it will be read back: what Postgres cannot store must not be sent either, or a retry would send
// something else.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// set stores a rendered field after the checks that its kind needs.
func set(content *transports.Content, name, text string) error {
	text = storable(text)
	switch name {
	case transports.FieldSubject, transports.FieldTitle, transports.FieldActionLabel:
		text = templates.OneLine(text)
	case transports.FieldActionURL:
		if err := templates.CheckURL(text); err != nil {
			return err
		}
	}
	for _, f := range content.Fields() {
		if f.Name == name {
			*f.Value = text
		}
	}
	return nil
}
