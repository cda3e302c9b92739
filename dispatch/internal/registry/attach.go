package registry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/carillon-notify/carillon/templates"
	"github.com/carillon-notify/carillon/transports"
)

// Attachment is one compiled reference to a file.
type Attachment struct {
	file, name *templates.Template
	// fixed is what is no template.
	fixed transports.Attachment
}

// attachments compiles the references of one channel: the event's, then its own.
func (b *builder) attachments(
	path string, event EventSource, channel ChannelSource, spec transports.Spec, shape *templates.Shape,
) []Attachment {
	if !spec.Files {
		if len(channel.Attachments) > 0 {
			b.problems.Add(path+".attachments", "transport %s sends no files (transports that do: %s)", spec.Name, b.filesOf())
		}
		return nil
	}
	var compiled []Attachment
	var ids []string
	add := func(path string, declared []transports.Attachment) {
		for i, a := range declared {
			here := fmt.Sprintf("%s.attachments[%d]", path, i)
			compiled = append(compiled, b.attachment(here, a, shape))
			if a.ContentID != "" && slices.Contains(ids, a.ContentID) {
				b.problems.Add(here+".content_id", "another attachment of the channel has it, too")
			}
			ids = append(ids, a.ContentID)
		}
	}
	add(event.Path, event.Attachments)
	add(path, channel.Attachments)
	if event.Attach == nil {
		html := event.Content.Merge(event.ContentFor[channel.Transport]).Merge(channel.Content).HTML
		for _, id := range templates.InlineIDs(html) {
			if !strings.Contains(id, "{{") && !slices.Contains(ids, id) {
				b.problems.Add(path+".content.html", "shows cid:%s, and no attachment has that content_id", id)
			}
		}
	}
	return compiled
}

func (b *builder) attachment(path string, a transports.Attachment, shape *templates.Shape) Attachment {
	compiled := Attachment{fixed: a}
	if strings.TrimSpace(a.File) == "" {
		b.problems.Add(path+".file", "is required (the path of a file below the folder of attachments)")
	} else {
		t, err := templates.ParseEscaped("file", a.File, templates.Escaping{Func: oneName})
		compiled.file = b.checkVariables(path+".file", t, err, shape)
	}
	if a.Name != "" {
		t, err := templates.Parse("name", a.Name, templates.Text)
		compiled.name = b.checkVariables(path+".name", t, err, shape)
		if compiled.name != nil && len(t.Variables()) == 0 {
			b.check(path+".name", transports.CheckFileName(a.Name))
		}
	}
	if a.MediaType != "" {
		b.check(path+".media_type", transports.CheckMediaType(a.MediaType))
	}
	if a.ContentID != "" {
		b.check(path+".content_id", transports.CheckContentID(a.ContentID))
	}
	return compiled
}

func (b *builder) check(path string, err error) {
	if err != nil {
		b.problems.Add(path, "%s", err)
	}
}

// filesOf lists the transports that send files.
func (b *builder) filesOf() string {
	var names []string
	for _, name := range keys(b.specs) {
		if b.specs[name].Files {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// oneName keeps a value of a reference from leading elsewhere: what is no name of one file or folder gets a character
// that no path has.
func oneName(value string) string {
	if value == "." || value == ".." {
		return "\x00"
	}
	return strings.NewReplacer("/", "\x00", `\`, "\x00").Replace(value)
}

// Render runs the templates of a reference over vars.
func (a Attachment) Render(vars map[string]any) (transports.Attachment, error) {
	rendered := a.fixed
	var err error
	if rendered.File, err = a.file.Execute(vars); err != nil {
		return rendered, fmt.Errorf("file: %w", err)
	}
	if a.name == nil {
		return rendered, nil
	}
	if rendered.Name, err = a.name.Execute(vars); err != nil {
		return rendered, fmt.Errorf("name: %w", err)
	}
	if rendered.Name == "" {
		return rendered, fmt.Errorf("name: rendered to nothing")
	}
	return rendered, nil
}

// RenderAttachments renders the channel's references. A failing one is named in the error.
func (c *Channel) RenderAttachments(vars map[string]any) ([]transports.Attachment, error) {
	rendered := make([]transports.Attachment, len(c.Attachments))
	for i, a := range c.Attachments {
		var err error
		if rendered[i], err = a.Render(vars); err != nil {
			return nil, fmt.Errorf("attachments[%d]: %w", i, err)
		}
	}
	return rendered, nil
}

// RefersToFiles names an event that refers to files; empty if none does.
func (r *Registry) RefersToFiles() string {
	for _, e := range r.Events() {
		for _, c := range e.Channels {
			if len(c.Attachments) > 0 {
				return e.Name
			}
		}
	}
	return ""
}
