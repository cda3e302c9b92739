package subscriptions

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/transports"
)

// Outcome is what became of a message at one device.
type Outcome string

// The outcomes.
const (
	// Accepted was taken by the device's push service; it is never sent there again.
	Accepted Outcome = "accepted"
	// Gone is a subscription that there is no more; it is deleted.
	Gone Outcome = "gone"
	// TurnedDown is a subscription that our keys do not fit; it is put out of use.
	TurnedDown Outcome = "refused"
	// Rejected is a message that the push service does not take.
	Rejected Outcome = "rejected"
	// Failed may go well another time.
	Failed Outcome = "failed"
	// Unknown may have been accepted: the answer was lost.
	Unknown Outcome = "unknown"
)

// Delivery is what became of a receipt at one device.
type Delivery struct {
	Subscription uuid.UUID `json:"subscription_id"`
	// Device is what it was called.
	Device string `json:"device,omitempty"`
	// Host is the push service: scheme and host.
	Host    string  `json:"host"`
	Outcome Outcome `json:"outcome"`
	// Code is the push service's status, or what kept it from answering.
	Code string `json:"code,omitempty"`
	// Tries is how often the message was sent there.
	Tries int `json:"tries"`
	// At is when this became of it.
	At time.Time `json:"at"`
}

// Of begins the delivery of a message to a device.
func (d Device) Of(outcome Outcome, code string) Delivery {
	return Delivery{Subscription: d.ID, Device: d.Name, Host: origin(d.Endpoint), Outcome: outcome, Code: code}
}

// Deliveries lists what became of a receipt at each device that it was sent to, in the order of the subscriptions.
func (s *Store) Deliveries(ctx context.Context, db transports.Querier, receipt uuid.UUID) ([]Delivery, error) {
	rows, err := db.Query(ctx, sqlDeliveries, pgx.StrictNamedArgs{"receipt": receipt})
	if err != nil {
		return nil, fmt.Errorf("read outcomes of devices: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Delivery, err error) {
		err = row.Scan(&d.Subscription, &d.Device, &d.Host, &d.Outcome, &d.Code, &d.Tries, &d.At)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("read outcomes of devices: %w", err)
	}
	return found, nil
}
