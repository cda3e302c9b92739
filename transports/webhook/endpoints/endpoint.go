package endpoints

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/transports/webhook/signature"
)

// Format is how an endpoint gets its events.
type Format string

// The formats.
const (
	// Native is {"type", "timestamp", "data", …}, as Standard Webhooks recommends.
	Native Format = "native"
	// CloudEvents is CloudEvents 1.0, structured JSON.
	CloudEvents Format = "cloudevents"
)

// State says whether an endpoint is sent to.
type State string

// The states.
const (
	Enabled  State = "enabled"
	Disabled State = "disabled"
)

// Reason says why an endpoint is disabled.
type Reason string

// The reasons.
const (
	// ByOperator was disabled by hand.
	ByOperator Reason = "operator"
	// Gone answered 410.
	Gone Reason = "gone"
	// Failing did nothing but fail for [DisableAfter].
	Failing Reason = "failing"
)

// How long an endpoint may do nothing but fail. The warning leaves the tenant four days to mend it; five days are more
// than the whole schedule of a webhook's tries.
const (
	WarnAfter    = 24 * time.Hour
	DisableAfter = 120 * time.Hour
)

// Overlap is how long an older key signs along after a rotation, unless it is said otherwise.
const Overlap = 24 * time.Hour

// Limits of an endpoint.
const (
	MaxEvents      = 100
	MaxDescription = 500 // runes
	MaxKeys        = 5
)

// prefix tells an endpoint's id from others, in addresses of receipts above all.
const prefix = "ep_"

// Endpoint is one stored target.
type Endpoint struct {
	ID          uuid.UUID `json:"id"`
	Tenant      string    `json:"tenant,omitempty"`
	URL         string    `json:"url"`
	Description string    `json:"description,omitempty"`
	// Events are the names of events that it wants; an asterisk stands for anything. None means every event.
	Events []string `json:"events"`
	Format Format   `json:"format"`
	State  State    `json:"state"`
	// Reason is why it is disabled; empty if it is not.
	Reason     Reason    `json:"reason,omitempty"`
	StateSince time.Time `json:"state_since"`
	// FailingSince is when it began to do nothing but fail; nil if its last send went well.
	FailingSince *time.Time `json:"failing_since,omitempty"`
	CreatedAt    time.Time  `json:"created_at"`
	// Keys are those that have not expired, newest first, without their secrets.
	Keys []Key `json:"keys"`
}

// Key is one signing key, as may be shown.
type Key struct {
	ID     uuid.UUID        `json:"id"`
	Scheme signature.Scheme `json:"scheme"`
	// Public is what a receiver verifies with; empty for a shared secret.
	Public string `json:"public,omitempty"`
	// Sealed says that the secret is encrypted at rest.
	Sealed    bool       `json:"sealed"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// Address is the endpoint as receipts name it: ep_ and the id.
func (e *Endpoint) Address() string { return prefix + e.ID.String() }

// ParseAddress reads what [Endpoint.Address] wrote, or a bare id.
func ParseAddress(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(strings.TrimPrefix(text, prefix))
	if err != nil || len(strings.TrimPrefix(text, prefix)) != 36 {
		return uuid.Nil, errors.New("not the id of an endpoint (it is like ep_01890a5d-ac96-774b-bcce-b302099a8057)")
	}
	return id, nil
}

// MarshalJSON adds the address.
func (e Endpoint) MarshalJSON() ([]byte, error) {
	type plain Endpoint
	return json.Marshal(struct {
		Address string `json:"address"`
		plain
	}{e.Address(), plain(e)})
}

// pattern is a name of an event with asterisks. Nothing in it is special to a regular expression but the dot and the
// asterisk, which the query translates.
var pattern = regexp.MustCompile(`^[a-z0-9_.*]{1,128}$`)

// AddParams is what a new endpoint is made of.
type AddParams struct {
	// Tenant is whose events it gets. Defaults to "".
	Tenant string
	// URL is where to; it must pass the guard.
	URL string
	// Description is for people; at most [MaxDescription] runes.
	Description string
	// Events are the names of events that it wants, such as "orders.*". Defaults to every event; at most [MaxEvents].
	Events []string
	// Format defaults to [Native].
	Format Format
	// Scheme is that of the key that is made. Defaults to [signature.HMAC].
	Scheme signature.Scheme
}

func (p *AddParams) validate() error {
	switch {
	case len(p.Tenant) > 255 || !storable(p.Tenant):
		return &InvalidError{Field: "tenant", Problem: "is longer than 255 bytes, or no text"}
	case utf8.RuneCountInString(p.Description) > MaxDescription || !storable(p.Description):
		return &InvalidError{Field: "description", Problem: "is longer than 500 characters, or no text"}
	case len(p.Events) > MaxEvents:
		return &InvalidError{Field: "events", Problem: "are more than 100 (use an asterisk)"}
	case slices.ContainsFunc(p.Events, func(e string) bool { return !pattern.MatchString(e) }):
		return &InvalidError{Field: "events", Problem: "are names such as orders.created or orders.*"}
	case p.Format != Native && p.Format != CloudEvents:
		return &InvalidError{Field: "format", Problem: "is one of native, cloudevents"}
	case p.Scheme != signature.HMAC && p.Scheme != signature.Ed25519:
		return &InvalidError{Field: "scheme", Problem: "is one of hmac, ed25519"}
	}
	return nil
}

func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }
