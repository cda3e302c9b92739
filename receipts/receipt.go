package receipts

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/transports"
)

// Priority is the urgency of a receipt. It chooses the lane, so that a bulk send never delays a critical message.
type Priority int16

// The priorities.
const (
	Critical Priority = 1
	Default  Priority = 2
	Bulk     Priority = 3
)

// Priorities lists them, most urgent first.
func Priorities() []Priority { return []Priority{Critical, Default, Bulk} }

// String is the word that declarations and the CLI use.
func (p Priority) String() string {
	switch p {
	case Critical:
		return "critical"
	case Bulk:
		return "bulk"
	case Default:
		return "default"
	}
	return "default"
}

// MarshalText writes the word.
func (p Priority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the word.
func (p *Priority) UnmarshalText(text []byte) error {
	for _, known := range Priorities() {
		if known.String() == string(text) {
			*p = known
			return nil
		}
	}
	return fmt.Errorf("unknown priority %q (one of critical, default, bulk)", text)
}

// Lane names the queue of a transport and priority. The SQL function carillon.lane says the same.
func Lane(transport string, p Priority) string { return transport + "_" + p.String() }

// BulkLane returns the transport of a bulk lane, and whether the lane is one.
func BulkLane(lane string) (transport string, bulk bool) {
	return strings.CutSuffix(lane, "_"+Bulk.String())
}

// SplitLane is the inverse of [Lane]. What is no lane gives it as the transport, and no priority.
func SplitLane(lane string) (transport string, priority string) {
	at := strings.LastIndexByte(lane, '_')
	if at < 0 {
		return lane, ""
	}
	return lane[:at], lane[at+1:]
}

// Event is one occurrence, as stored.
type Event struct {
	ID             uuid.UUID       `json:"id"`
	Tenant         string          `json:"tenant,omitempty"`
	Name           string          `json:"name"`
	ResourceType   string          `json:"resource_type,omitempty"`
	ResourceID     string          `json:"resource_id,omitempty"`
	Actor          string          `json:"actor,omitempty"`
	Data           json.RawMessage `json:"data"`
	IdempotencyKey string          `json:"idempotency_key,omitempty"`
	At             *time.Time      `json:"at,omitempty"`
	Trace          string          `json:"trace,omitempty"`
	CreatedAt      time.Time       `json:"created_at"`
}

// Receipt is one promise, as stored.
type Receipt struct {
	ID                uuid.UUID       `json:"id"`
	EventID           uuid.UUID       `json:"event_id"`
	RootID            *uuid.UUID      `json:"root_id,omitempty"`
	Channel           string          `json:"channel"`
	Transport         string          `json:"transport"`
	Audience          string          `json:"audience"`
	Recipient         string          `json:"recipient,omitempty"`
	RecipientData     json.RawMessage `json:"-"`
	Address           string          `json:"address,omitempty"`
	Tenant            string          `json:"tenant,omitempty"`
	Priority          Priority        `json:"priority"`
	State             State           `json:"state"`
	Reason            Reason          `json:"reason,omitempty"`
	Attempts          int             `json:"attempts"`
	DueAt             time.Time       `json:"due_at"`
	SendAt            *time.Time      `json:"send_at,omitempty"`
	ExpiresAt         *time.Time      `json:"expires_at,omitempty"`
	Provider          string          `json:"provider,omitempty"`
	ProviderMessageID string          `json:"provider_message_id,omitempty"`
	CreatedAt         time.Time       `json:"created_at"`
	FinishedAt        *time.Time      `json:"finished_at,omitempty"`
}

// Bound reports whether the receipt knows its recipient: a person, or a fixed address.
func (r Receipt) Bound() bool { return r.Recipient != "" || r.Address != "" }

// Outcome says how an attempt ended.
type Outcome string

// The outcomes of an attempt.
const (
	// AttemptAccepted means that the provider took the message.
	AttemptAccepted Outcome = "accepted"
	// AttemptRefused means that it surely did not.
	AttemptRefused Outcome = "refused"
	// AttemptUnknown means that nobody can tell.
	AttemptUnknown Outcome = "unknown"
)

// Attempt is one try.
type Attempt struct {
	N          int              `json:"n"`
	StartedAt  time.Time        `json:"started_at"`
	FinishedAt time.Time        `json:"finished_at"`
	Outcome    Outcome          `json:"outcome"`
	Class      transports.Class `json:"class"`
	Code       string           `json:"code,omitempty"`
	Detail     string           `json:"detail,omitempty"`
}

// Verdict is what one rule said about one receipt.
type Verdict struct {
	// Rule is the rule's name.
	Rule string `json:"rule"`
	// Verdict is "pass" or "skip" or "expire".
	Verdict string `json:"verdict"`
	// Reason is the receipt's reason if this rule decides.
	Reason Reason `json:"reason,omitempty"`
	// Row is the stored row that the rule read, if there was one.
	Row map[string]any `json:"row,omitempty"`
	// Detail says more, in words.
	Detail string `json:"detail,omitempty"`
}

// Decision is one run of all rules.
type Decision struct {
	DecidedAt time.Time `json:"decided_at"`
	Verdicts  []Verdict `json:"verdicts"`
}

// Body is what is frozen when a receipt is first rendered, and sent on every try.
type Body struct {
	Content   transports.Content   `json:"content"`
	Recipient transports.Recipient `json:"recipient"`
	// Options are the channel's options of the transport, rendered.
	Options json.RawMessage `json:"options,omitempty"`
	// Files go with it. Their contents are stored once for all receipts that have the same.
	Files []transports.File `json:"files,omitempty"`
	// Category and NotificationType are those of the declaration that rendered it.
	Category         string `json:"category,omitempty"`
	NotificationType string `json:"notification_type,omitempty"`
	// Payload is what the transport made of it, for those that send bytes of their own.
	Payload string `json:"payload,omitempty"`
	// RenderedAt is stored beside the body.
	RenderedAt time.Time `json:"-"`
}
