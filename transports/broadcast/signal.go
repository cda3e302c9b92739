package broadcast

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/transports"
)

// Channel is the channel that Postgres notifies.
const Channel = "carillon_broadcast"

const (
	// maxSignal is the length of a payload that NOTIFY takes: "shorter than 8000 bytes" (PostgreSQL 15, NOTIFY).
	maxSignal = 7999
	// maxTopic bounds a topic, in bytes.
	maxTopic = 255
)

// Signal is what listeners get.
type Signal struct {
	// ID is the receipt's: the same if a signal comes twice.
	ID    uuid.UUID `json:"id"`
	Topic string    `json:"topic"`
	// Tenant is empty in applications with a single tenant. The same topic of two tenants is two topics.
	Tenant string `json:"tenant,omitempty"`
	// Event is the event's full name, such as "orders.created".
	Event   string    `json:"event"`
	EventID uuid.UUID `json:"event_id"`
	// ResourceType and ResourceID name what the event is about; both may be empty.
	ResourceType string `json:"resource_type,omitempty"`
	ResourceID   string `json:"resource_id,omitempty"`
	// Payload is what the channel's options gave along.
	Payload map[string]string `json:"payload,omitempty"`
}

// Of makes the signal of a message, and encodes it. Equal messages give equal bytes. The error is a [transports.Error]:
// permanent for a topic that cannot be, and for a signal of 8,000 bytes and more.
func Of(m transports.Message) (Signal, []byte, error) {
	options, err := transports.Options[transports.BroadcastOptions](m)
	if err != nil {
		return Signal{}, nil, err
	}
	address := m.Recipient.Address
	if address == transports.OnceAudience {
		address = ""
	}
	s := Signal{
		ID: m.ReceiptID, Topic: cmp.Or(options.Topic, address, m.Event), Tenant: m.Tenant, Event: m.Event, EventID: m.EventID,
		ResourceType: m.ResourceType, ResourceID: m.ResourceID, Payload: options.Payload,
	}
	if err := checkTopic(s.Topic); err != nil {
		return Signal{}, nil, transports.Errorf(transports.Permanent, "the topic %s", err)
	}
	encoded, err := json.Marshal(s)
	if err != nil {
		return Signal{}, nil, transports.Errorf(transports.Permanent, "the signal cannot be encoded")
	}
	if len(encoded) > maxSignal {
		return Signal{}, nil, transports.Errorf(transports.Permanent,
			"the signal has %d bytes (at most %d: send ids, and let listeners read the rest)", len(encoded), maxSignal)
	}
	return s, encoded, nil
}

// Parse reads the payload of a notification on [Channel].
func Parse(payload string) (Signal, error) {
	var s Signal
	if err := json.Unmarshal([]byte(payload), &s); err != nil {
		return Signal{}, fmt.Errorf("parse signal: %w", err)
	}
	return s, nil
}

// checkTopic says what is wrong with a topic, without repeating it.
func checkTopic(topic string) error {
	switch {
	case topic == "":
		return errors.New("is empty")
	case len(topic) > maxTopic:
		return fmt.Errorf("has %d bytes (at most %d)", len(topic), maxTopic)
	case !utf8.ValidString(topic):
		return errors.New("is not UTF-8")
	}
	for _, r := range topic {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return errors.New("has a blank or a control character")
		}
	}
	return nil
}
