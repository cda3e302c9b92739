package transports

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Transport carries one message to one recipient.
//
// Implementations are safe for concurrent use and are called with a context whose end must close the connection in
// use. They must send the same bytes for the same [Message.Content] on every try, apart from per-try signatures.
type Transport interface {
	// Name is the transport's name as channels declare it.
	Name() string
	// Spec says what the transport needs of a channel.
	Spec() Spec
	// Send tries once. A nil error means that the provider took responsibility for the message. An error without a
	// [Class] counts as [Transient].
	Send(ctx context.Context, m Message) (Result, error)
}

// Message is what a transport sends: frozen when it was first rendered, and the same on every try.
type Message struct {
	// ReceiptID identifies the promise that this send fulfils. It is the idempotency key: stable over all tries.
	ReceiptID uuid.UUID
	// EventID is the occurrence that caused the message.
	EventID uuid.UUID
	// Attempt is 1 on the first try. It must not influence what is sent.
	Attempt int
	// Event is the event's full name, such as "orders.created".
	Event string
	// Channel is the channel's name within the event.
	Channel string
	// Category is what the recipient may switch off; empty if the event has none.
	Category string
	// NotificationType is success, info, warning or error.
	NotificationType string
	// Tenant is empty in applications with a single tenant.
	Tenant string
	// ResourceType and ResourceID name what the event is about; both may be empty.
	ResourceType string
	ResourceID   string
	// Recipient is who gets it. Its Address is of the kind that the transport's [Spec] asks for.
	Recipient Recipient
	// Content is the rendered text.
	Content Content
	// Files go with the message, in their order. Transports whose [Spec] does not say Files get none.
	Files []File
	// Options are the channel's own settings of the transport, rendered; [Options] reads them. Nil if it takes none.
	Options json.RawMessage
	// RenderedAt is when Content was first rendered: the message's own date on every try. UTC, whole seconds.
	RenderedAt time.Time
	// OccurredAt is when the event was emitted.
	OccurredAt time.Time
	// SentAt is the time of this try by the database's clock, which is the same for all workers; zero outside one. It is for
	// what a receiver compares with its own clock, as signatures are, and must not be part of the message.
	SentAt time.Time
	// Data is the event's own data: a JSON object. It may hold more than the recipient should see.
	Data json.RawMessage
	// Payload is what [Encoder] made of the message at first; nil for transports that are none.
	Payload []byte
	// Target is what [Targeted] said; nil for transports that are none.
	Target any
}

// Recipient is one addressee, resolved.
type Recipient struct {
	// ID is the person's id; empty for a fixed address.
	ID string `json:"id,omitempty"`
	// Name is for display; it may be empty.
	Name string `json:"name,omitempty"`
	// Address is where the message goes. Empty for transports that address by id alone.
	Address string `json:"address,omitempty"`
	// Locale is a BCP 47 tag; it may be empty.
	Locale string `json:"locale,omitempty"`
	// Timezone is an IANA name; it may be empty.
	Timezone string `json:"timezone,omitempty"`
}

// Result is a provider's acceptance.
type Result struct {
	// Provider names the service that accepted the message, such as a host; it bears no secret.
	Provider string
	// ProviderMessageID is the provider's own id for the message; empty if it gave none.
	ProviderMessageID string
	// Detail is a short, harmless remark for the attempt's record, such as the server's last reply.
	Detail string
}
