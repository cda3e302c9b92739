package endpoints

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/transports"
)

type querier = transports.Querier

// maxList bounds a list.
const maxList = 10_000

// ListOpts choose among endpoints. Nil means all.
type ListOpts struct {
	// Tenant is whose; nil means everybody's.
	Tenant *string
	// IDs are the only ones looked at; nil means all.
	IDs []uuid.UUID
	// Suffix is the last eight hex digits of an id, which people see.
	Suffix string
}

// Get returns an endpoint of a tenant. The error is [ErrNotFound] if the tenant has none of that id.
func (s *Store) Get(ctx context.Context, db querier, tenant string, id uuid.UUID) (*Endpoint, error) {
	found, err := s.list(ctx, db, &tenant, []uuid.UUID{id}, "")
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("get endpoint %s: %w", id, ErrNotFound)
	}
	return &found[0], nil
}

// List returns endpoints by tenant and age, at most 10,000.
func (s *Store) List(ctx context.Context, db querier, opts *ListOpts) ([]Endpoint, error) {
	if opts == nil {
		opts = &ListOpts{}
	}
	return s.list(ctx, db, opts.Tenant, opts.IDs, opts.Suffix)
}

func (s *Store) list(ctx context.Context, db querier, tenant *string, ids []uuid.UUID, suffix string) ([]Endpoint, error) {
	rows, err := db.Query(ctx, sqlList, pgx.StrictNamedArgs{"tenant": tenant, "ids": ids, "suffix": suffix, "most": maxList})
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByNameLax[Endpoint])
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	place := make(map[uuid.UUID]int, len(found))
	all := make([]uuid.UUID, len(found))
	for i := range found {
		place[found[i].ID], all[i] = i, found[i].ID
		found[i].Keys = []Key{}
	}
	rows, err = db.Query(ctx, sqlKeys, pgx.StrictNamedArgs{"ids": all, "now": s.now()})
	if err != nil {
		return nil, fmt.Errorf("list keys of endpoints: %w", err)
	}
	var of uuid.UUID
	var k Key
	_, err = pgx.ForEachRow(rows, []any{&of, &k.ID, &k.Scheme, &k.Public, &k.Sealed, &k.CreatedAt, &k.ExpiresAt}, func() error {
		e := &found[place[of]]
		e.Keys = append(e.Keys, k)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list keys of endpoints: %w", err)
	}
	return found, nil
}
