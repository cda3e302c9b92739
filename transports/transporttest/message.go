package transporttest

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/transports"
)

// NewMessage returns a message that fits spec: an address of its kind, and every content field that it uses. Each call
// makes a new receipt; all else is the same. Every text in it has the word "canary".
func NewMessage(spec transports.Spec) transports.Message {
	m := transports.Message{
		ReceiptID:        uuid.Must(uuid.NewV7()),
		EventID:          uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"),
		Attempt:          1,
		Event:            "orders.created",
		Channel:          spec.Name + ".user",
		Category:         "orders",
		NotificationType: "info",
		ResourceType:     "orders",
		ResourceID:       "A7",
		Recipient: transports.Recipient{
			ID:       "canary-person",
			Name:     "Carla Canary",
			Locale:   "en",
			Timezone: "Europe/Berlin",
		},
		RenderedAt: time.Date(2026, 3, 29, 1, 2, 3, 0, time.UTC),
		OccurredAt: time.Date(2026, 3, 29, 1, 2, 2, 0, time.UTC),
		Data:       json.RawMessage(`{"id": "A7", "note": "canary data"}`),
	}
	switch spec.Address {
	case transports.AddressEmail:
		m.Recipient.Address = "carla.canary@example.com"
	case transports.AddressPhone:
		m.Recipient.Address = "+4915112345678"
	case transports.AddressEndpoint:
		m.Recipient.Address = "ep_01890a5d-ac96-774b-bcce-b302099a8058"
	}
	texts := transports.Content{
		Subject:     "Your canary subject",
		Title:       "Your canary title",
		Message:     "Your canary message is on its way.",
		Text:        "Dear canary,\n\nyour text is on its way.\n",
		HTML:        "<p>Dear canary, your <b>html</b> is on its way.</p>",
		From:        "Canary Shop <canary.shop@example.com>",
		ReplyTo:     "canary.help@example.com",
		ActionURL:   "https://canary.example.com/orders/A7",
		ActionLabel: "Show the canary order",
	}
	used := spec.Fields()
	to := m.Content.Fields()
	for i, f := range texts.Fields() {
		if slices.Contains(used, f.Name) {
			*to[i].Value = *f.Value
		}
	}
	return m
}
