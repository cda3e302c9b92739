package registry

import (
	"fmt"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/templates"
	"github.com/carillon-notify/carillon/transports"
)

// Source is everything that was declared, not yet checked.
type Source struct {
	PublicURL  string
	Directory  people.Directory
	Categories []Category
	Specs      []transports.Spec
	Events     []EventSource
}

// EventSource is one declared event.
type EventSource struct {
	// Path says where it was declared, for problems.
	Path             string
	Resource         string
	Name             string
	Actions          []string
	On               []string
	Category         string
	NotificationType string
	Priority         receipts.Priority
	ExpiresAfter     time.Duration
	Retry            transports.Retry
	Channels         []ChannelSource
	Content          transports.Content
	ContentFor       map[string]transports.Content
	Attachments      []transports.Attachment
	Audiences        map[string]AudienceSource
	Shape            *templates.Shape
	// Sample is an example payload; nil if none was declared.
	Sample     map[string]any
	Guard      Guard
	Recipients Recipients
	Attach     Attach
	Enrich     Enrich
	Enriched   *templates.Shape
}

// ChannelSource is one declared channel.
type ChannelSource struct {
	Name      string
	Transport string
	Audience  string
	Delay     time.Duration
	Policy    string
	Retry     transports.Retry
	OnUnknown transports.OnUnknown
	Options   any
	Content   transports.Content
	// Attachments come after the event's.
	Attachments []transports.Attachment
}

// AudienceSource is one declared audience.
type AudienceSource struct {
	Resolve Resolver
	// Fixed maps transports to addresses; nil if the audience is of people.
	Fixed map[string]string
	// Kind is the only kind of address that the audience has; AddressNone if it has people, of whom others are known.
	Kind transports.AddressKind
}

// Problem is one thing wrong with the declarations.
type Problem struct {
	// Path is where: the way through the declarations, such as events.orders.created.channels[0].audience.
	Path string
	// Message says what is wrong and the way out.
	Message string
}

// String is the path and the message.
func (p Problem) String() string { return p.Path + ": " + p.Message }

// Problems is everything wrong, in the order of the declarations.
type Problems []Problem

// Add notes a problem.
func (p *Problems) Add(path, format string, args ...any) {
	*p = append(*p, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// Error lists all problems, one a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	if len(lines) == 1 {
		return lines[0]
	}
	return fmt.Sprintf("%d problems:\n%s", len(lines), strings.Join(lines, "\n"))
}
