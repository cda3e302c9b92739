package receipts

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	defaultPage = 50
	// maxPage is the largest page of a list, and how many receipts one statement of an operation moves.
	maxPage = 1000
)

// Filter narrows a list. Empty fields do not narrow. Its JSON is what an [Operation] remembers of it.
type Filter struct {
	// IDs are the only receipts that are looked at.
	IDs       []uuid.UUID `json:"ids,omitempty"`
	State     State       `json:"state,omitempty"`
	Reason    Reason      `json:"reason,omitempty"`
	Transport string      `json:"transport,omitempty"`
	Channel   string      `json:"channel,omitempty"`
	// Recipient is a person's id, or a fixed address.
	Recipient string `json:"recipient,omitempty"`
	// Tenant, if it is not nil, is the receipt's own; the empty one is a tenant, too.
	Tenant *string `json:"tenant,omitempty"`
	// Event is an event's name, EventID one occurrence.
	Event   string     `json:"event,omitempty"`
	EventID *uuid.UUID `json:"event_id,omitempty"`
	// ResourceType, ResourceID and Actor are those of the event.
	ResourceType string `json:"resource_type,omitempty"`
	ResourceID   string `json:"resource_id,omitempty"`
	Actor        string `json:"actor,omitempty"`
	// ProviderID is the provider's id of the message.
	ProviderID string `json:"provider_id,omitempty"`
	// Error is a part of the last attempt's code or detail, whatever its case.
	Error string `json:"error,omitempty"`
	// Since and Until bound when the receipt was written down, the first inclusively. The primary key serves them.
	Since *time.Time `json:"since,omitempty"`
	Until *time.Time `json:"until,omitempty"`
	// Expanded includes roots that became one receipt per recipient.
	Expanded bool `json:"expanded,omitempty"`
	// Before continues a list after the receipt with this id.
	Before *uuid.UUID `json:"-"`
	// Limit defaults to 50; at most 1,000.
	Limit int `json:"-"`
}

// args is every parameter of the fragment receiptFilter.
func (f Filter) args() pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{
		"ids": f.IDs, "state": string(f.State), "reason": string(f.Reason), "transport": f.Transport,
		"channel": f.Channel, "recipient": f.Recipient, "tenant": f.Tenant, "event": f.Event, "event_id": f.EventID,
		"resource_type": f.ResourceType, "resource_id": f.ResourceID, "actor": f.Actor,
		"by_event":    f.Event != "" || f.ResourceType != "" || f.ResourceID != "" || f.Actor != "",
		"provider_id": f.ProviderID, "error": f.Error, "since": f.Since, "until": f.Until,
		"expanded": f.Expanded || f.State == Expanded, "before": f.Before,
	}
}

// List returns receipts, newest first.
func (s *Store) List(ctx context.Context, db DB, f Filter) ([]Receipt, error) {
	args := f.args()
	args["limit"] = page(f.Limit)
	rows, err := db.Query(ctx, sqlList, args)
	return collectReceipts(rows, err, "list receipts")
}

// EachPage calls visit with all receipts that match, newest first and at most 1,000 at a time, whatever the filter's
// Limit. It ends with the first error.
func (s *Store) EachPage(ctx context.Context, db DB, f Filter, visit func(page []Receipt) error) error {
	f.Limit = maxPage
	for {
		list, err := s.List(ctx, db, f)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			if err := visit(list); err != nil {
				return err
			}
		}
		if len(list) < maxPage {
			return nil
		}
		f.Before = &list[len(list)-1].ID
	}
}

// StateCount is how many receipts are in a state for a reason.
type StateCount struct {
	State  State  `json:"state"`
	Reason Reason `json:"reason,omitempty"`
	Count  int    `json:"count"`
}

// Count returns how many receipts match in all, by state and reason. Before and Limit are not looked at.
func (s *Store) Count(ctx context.Context, db DB, f Filter) ([]StateCount, error) {
	f.Before = nil
	rows, err := db.Query(ctx, sqlCount, f.args())
	if err != nil {
		return nil, fmt.Errorf("count receipts: %w", err)
	}
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByName[StateCount])
	if err != nil {
		return nil, fmt.Errorf("count receipts: %w", err)
	}
	return counts, nil
}

// IDs returns the ids of matching receipts that are in one of the given states, newest first.
func (s *Store) IDs(ctx context.Context, db DB, f Filter, in []State) ([]uuid.UUID, error) {
	args := f.args()
	args["limit"], args["in"] = page(f.Limit), stateWords(in)
	return collectIDs(ctx, db, "list receipts", sqlListIDs, args)
}

// TailParams says what to follow.
type TailParams struct {
	// Filter narrows; its Since, Until and Before are not looked at.
	Filter Filter
	// From is the moment from which receipts are new.
	From time.Time
	// Overlap is how long new ones are returned again, for those whose transaction commits late.
	Overlap time.Duration
	// Known are other receipts to look at.
	Known []uuid.UUID
	// After continues a page that was full, after the receipt with this id.
	After uuid.UUID
}

// Tail returns up to 1,000 receipts that are new, known, or were changed by an operator, in order of creation.
func (s *Store) Tail(ctx context.Context, db DB, p TailParams) ([]Receipt, error) {
	p.Filter.Since, p.Filter.Until, p.Filter.Before = nil, nil, nil
	args := p.Filter.args()
	args["from"], args["overlap"], args["known"] = p.From, seconds(p.Overlap), p.Known
	args["after"], args["limit"], args["now"] = p.After, maxPage, s.now()
	rows, err := db.Query(ctx, sqlTail, args)
	return collectReceipts(rows, err, "follow receipts")
}

// Stat counts the receipts of a transport in one state for one reason.
type Stat struct {
	Transport string `json:"transport"`
	State     State  `json:"state"`
	Reason    Reason `json:"reason,omitempty"`
	Count     int    `json:"count"`
	// FinishedLastHour is how many of them came to their end within the last hour.
	FinishedLastHour int `json:"finished_last_hour"`
	// OldestDueSeconds is for how long the one that has been due for longest is due; nil if none is.
	OldestDueSeconds *float64 `json:"oldest_due_seconds,omitempty"`
}

// Stats counts all receipts but expanded ones. It reads the table whole, some seconds per ten million.
func (s *Store) Stats(ctx context.Context, db DB) ([]Stat, error) {
	rows, err := db.Query(ctx, sqlStats, pgx.StrictNamedArgs{"now": s.now()})
	if err != nil {
		return nil, fmt.Errorf("count receipts: %w", err)
	}
	stats, err := pgx.CollectRows(rows, pgx.RowToStructByName[Stat])
	if err != nil {
		return nil, fmt.Errorf("count receipts: %w", err)
	}
	return stats, nil
}

// EventFilter narrows a list of events. Empty fields do not narrow.
type EventFilter struct {
	Name                     string
	Tenant                   *string
	ResourceType, ResourceID string
	Actor                    string
	// Key is the idempotency key.
	Key string
	// Since and Until bound when the event was written down, the first inclusively. The primary key serves them.
	Since, Until *time.Time
	// Before continues a list after the event with this id.
	Before *uuid.UUID
	// Limit defaults to 50; at most 1,000.
	Limit int
}

// ListEvents returns events, newest first.
func (s *Store) ListEvents(ctx context.Context, db DB, f EventFilter) ([]Event, error) {
	rows, err := db.Query(ctx, sqlListEvents, pgx.StrictNamedArgs{
		"name": f.Name, "tenant": f.Tenant, "resource_type": f.ResourceType, "resource_id": f.ResourceID,
		"actor": f.Actor, "key": f.Key, "since": f.Since, "until": f.Until, "before": f.Before, "limit": page(f.Limit),
	})
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	events, err := pgx.CollectRows(rows, pgx.RowToStructByName[Event])
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	return events, nil
}

func page(limit int) int {
	if limit <= 0 {
		return defaultPage
	}
	return min(limit, maxPage)
}

func stateWords(states []State) []string {
	words := make([]string, len(states))
	for i, s := range states {
		words[i] = string(s)
	}
	return words
}
