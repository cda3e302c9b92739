package subscriptions

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/transports"
)

// Device is what a send needs of a subscription.
type Device struct {
	ID       uuid.UUID `json:"id"`
	Name     string    `json:"device"`
	Endpoint string    `json:"-"`
	P256dh   []byte    `json:"-"`
	Auth     []byte    `json:"-"`
	// Last is what became of the message there in an earlier try; empty if none was made.
	Last Outcome `json:"last,omitempty"`
}

// Target is where one message goes: the devices of a person that do not have it yet. It belongs to one try, which notes in
// it what became of the message at each of them. It is safe for concurrent use.
type Target struct {
	Devices []Device `json:"devices"`
	// Accepted is how many devices took the message in earlier tries, and Refused how many subscriptions are out of use.
	Accepted int `json:"accepted"`
	Refused  int `json:"refused"`

	mu    sync.Mutex
	tried []Delivery
}

// Note remembers what became of the message at a device.
func (t *Target) Note(d Delivery) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tried = append(t.tried, d)
}

// Tried lists what was noted.
func (t *Target) Tried() []Delivery {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Delivery(nil), t.tried...)
}

// Ask is a receipt and its person.
type Ask struct {
	Receipt        uuid.UUID
	Tenant, Person string
}

// Targets reads the devices of people for sending, in order. A person without any has an empty target.
func (s *Store) Targets(ctx context.Context, db transports.Querier, asks []Ask) ([]*Target, error) {
	receipts := make([]uuid.UUID, len(asks))
	tenants, people := make([]string, len(asks)), make([]string, len(asks))
	targets, byReceipt := make([]*Target, len(asks)), make(map[uuid.UUID]*Target, len(asks))
	for i, a := range asks {
		receipts[i], tenants[i], people[i] = a.Receipt, a.Tenant, a.Person
		targets[i] = &Target{}
		byReceipt[a.Receipt] = targets[i]
	}
	rows, err := db.Query(ctx, sqlTargets, pgx.StrictNamedArgs{"receipts": receipts, "tenants": tenants, "people": people})
	if err != nil {
		return nil, fmt.Errorf("read push subscriptions: %w", err)
	}
	var receipt uuid.UUID
	var d Device
	var state State
	_, err = pgx.ForEachRow(rows, []any{&receipt, &d.ID, &d.Endpoint, &d.P256dh, &d.Auth, &d.Name, &state, &d.Last}, func() error {
		t := byReceipt[receipt]
		switch {
		case d.Last == Accepted:
			t.Accepted++
		case state == Refused:
			t.Refused++
		case state == Active:
			t.Devices = append(t.Devices, d)
		}
		d.P256dh, d.Auth = nil, nil // The next row must not be read into the same bytes.
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read push subscriptions: %w", err)
	}
	return targets, nil
}

// Kept is what became of a receipt at the devices that a try went to.
type Kept struct {
	Receipt uuid.UUID
	Tried   []Delivery
}

// Keep writes what became of receipts at devices, in the transaction that records their results.
func (s *Store) Keep(ctx context.Context, db transports.Querier, now time.Time, all []Kept) error {
	var receipts, ids []uuid.UUID
	var devices, hosts, outcomes, codes []string
	for _, k := range all {
		for _, d := range k.Tried {
			receipts, ids = append(receipts, k.Receipt), append(ids, d.Subscription)
			devices, hosts = append(devices, d.Device), append(hosts, d.Host)
			outcomes, codes = append(outcomes, string(d.Outcome)), append(codes, d.Code)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	err := run(ctx, db, sqlKeep, pgx.StrictNamedArgs{
		"now": now, "receipts": receipts, "ids": ids, "devices": devices, "hosts": hosts, "outcomes": outcomes, "codes": codes,
	})
	if err != nil {
		return fmt.Errorf("keep outcomes of devices: %w", err)
	}
	return nil
}

// Record notes which subscriptions work, puts those out of use that our keys do not fit, and deletes those that are gone.
func (s *Store) Record(ctx context.Context, db transports.Querier, now time.Time, tried []Delivery) error {
	byOutcome := map[Outcome][]uuid.UUID{}
	for _, d := range tried {
		byOutcome[d.Outcome] = append(byOutcome[d.Outcome], d.Subscription)
	}
	for _, step := range []struct {
		outcome Outcome
		sql     string
		args    pgx.StrictNamedArgs
	}{
		{Accepted, sqlAccepted, pgx.StrictNamedArgs{"now": now}},
		{TurnedDown, sqlRefused, pgx.StrictNamedArgs{}},
		{Gone, sqlGone, pgx.StrictNamedArgs{}},
	} {
		if len(byOutcome[step.outcome]) == 0 {
			continue
		}
		step.args["ids"] = byOutcome[step.outcome]
		if err := run(ctx, db, step.sql, step.args); err != nil {
			return fmt.Errorf("record push subscriptions: %w", err)
		}
	}
	return nil
}

func run(ctx context.Context, db transports.Querier, sql string, args pgx.StrictNamedArgs) error {
	rows, err := db.Query(ctx, sql, args)
	if err != nil {
		return err
	}
	rows.Close()
	return rows.Err()
}
