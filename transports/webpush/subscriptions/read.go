package subscriptions

import (
	"context"
	"fmt"
	"net/url"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/transports"
)

// maxList bounds a list.
const maxList = 10_000

// ListOpts choose among subscriptions. Nil means all.
type ListOpts struct {
	// Tenant is whose; nil means everybody's.
	Tenant *string
	// Person is whose; empty means everybody's.
	Person string
	// IDs are the only ones looked at; nil means all.
	IDs []uuid.UUID
	// Suffix is the last eight hex digits of an id, which people see.
	Suffix string
}

// Get returns a subscription of a tenant. The error is [ErrNotFound] if the tenant has none of that id.
func (s *Store) Get(ctx context.Context, db transports.Querier, tenant string, id uuid.UUID) (*Subscription, error) {
	found, err := s.List(ctx, db, &ListOpts{Tenant: &tenant, IDs: []uuid.UUID{id}})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("get subscription %s: %w", id, ErrNotFound)
	}
	return &found[0], nil
}

// List returns subscriptions by tenant, person and age, at most 10,000.
func (s *Store) List(ctx context.Context, db transports.Querier, opts *ListOpts) ([]Subscription, error) {
	if opts == nil {
		opts = &ListOpts{}
	}
	rows, err := db.Query(ctx, sqlList, pgx.StrictNamedArgs{
		"tenant": opts.Tenant, "person": opts.Person, "ids": opts.IDs, "suffix": opts.Suffix, "most": maxList,
	})
	if err != nil {
		return nil, fmt.Errorf("list subscriptions: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[Subscription])
	if err != nil {
		return nil, fmt.Errorf("list subscriptions: %w", err)
	}
	for i := range found {
		found[i].Host = origin(found[i].Host)
	}
	return found, nil
}

// origin is what may be shown of an endpoint.
func origin(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
