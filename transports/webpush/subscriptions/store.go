package subscriptions

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/transports"
)

// DB is what the statements run on: a pool, a connection, or a transaction.
type DB interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Config is how subscriptions are stored.
type Config struct {
	// CheckURLFunc judges an endpoint before it is stored and returns its canonical spelling: the transport's own guard.
	// Required for [Store.Add].
	CheckURLFunc func(raw string) (*url.URL, error)
	// NowFunc replaces the database's clock in tests. Defaults to the database's own now().
	NowFunc func() time.Time
}

// Store keeps subscriptions. It is safe for concurrent use.
type Store struct {
	checkURLFunc func(raw string) (*url.URL, error)
	nowFunc      func() time.Time
}

// New returns a store. A nil config works for everything but adding.
func New(cfg *Config) *Store {
	if cfg == nil {
		cfg = &Config{}
	}
	return &Store{checkURLFunc: cfg.CheckURLFunc, nowFunc: cfg.NowFunc}
}

func (s *Store) now() *time.Time {
	if s.nowFunc == nil {
		return nil
	}
	t := s.nowFunc()
	return &t
}

// Add stores a browser's subscription for a person, or renews it: the same endpoint is one subscription, and belongs to
// whoever signed in last. An [*InvalidError] names the field that is wrong, also when the person has [MaxPerPerson].
func (s *Store) Add(ctx context.Context, db DB, p AddParams) (*Subscription, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	public, auth, err := p.keys()
	if err != nil {
		return nil, err
	}
	if s.checkURLFunc == nil {
		return nil, errors.New("add subscription: Config.CheckURLFunc is missing")
	}
	endpoint, err := s.checkURLFunc(p.Endpoint)
	if err != nil {
		return nil, &InvalidError{Field: "endpoint", Problem: "is refused: " + err.Error(), Err: err}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("add subscription: %w", err)
	}
	hash := sha256.Sum256([]byte(endpoint.String()))
	who := pgx.StrictNamedArgs{"tenant": p.Tenant, "person": p.Person}
	var added *Subscription
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockPerson, who); err != nil {
			return err
		}
		var others int
		who["hash"] = hash[:]
		if err := tx.QueryRow(ctx, sqlCountOthers, who).Scan(&others); err != nil {
			return err
		}
		if others >= MaxPerPerson {
			return &InvalidError{Field: "person", Problem: "has 20 subscriptions (remove one that is not used any more)"}
		}
		err := tx.QueryRow(ctx, sqlAdd, pgx.StrictNamedArgs{
			"id": id, "tenant": p.Tenant, "person": p.Person, "endpoint": endpoint.String(), "hash": hash[:],
			"p256dh": public, "auth": auth, "device": p.Device, "now": s.now(),
		}).Scan(&id)
		if err != nil {
			return err
		}
		added, err = s.Get(ctx, tx, p.Tenant, id)
		return err
	})
	if invalid, ok := errors.AsType[*InvalidError](err); ok {
		return nil, invalid
	}
	if err != nil {
		return nil, fmt.Errorf("add subscription: %w", err)
	}
	return added, nil
}

// Activate lets a refused subscription get messages again.
func (s *Store) Activate(ctx context.Context, db transports.Querier, tenant string, id uuid.UUID) error {
	err := change(ctx, db, sqlActivate, pgx.StrictNamedArgs{"id": id, "tenant": tenant})
	if err != nil {
		return fmt.Errorf("activate subscription %s: %w", id, err)
	}
	return nil
}

// Remove forgets a subscription. What was not sent to it is not sent any more.
func (s *Store) Remove(ctx context.Context, db transports.Querier, tenant string, id uuid.UUID) error {
	err := change(ctx, db, sqlRemove, pgx.StrictNamedArgs{"id": id, "tenant": tenant})
	if err != nil {
		return fmt.Errorf("remove subscription %s: %w", id, err)
	}
	return nil
}

// RemoveEndpoint forgets a person's subscription by its endpoint, which is what a browser knows when somebody signs out or
// unsubscribes.
func (s *Store) RemoveEndpoint(ctx context.Context, db transports.Querier, tenant, person, endpoint string) error {
	if s.checkURLFunc != nil {
		if clean, err := s.checkURLFunc(endpoint); err == nil {
			endpoint = clean.String()
		}
	}
	hash := sha256.Sum256([]byte(endpoint))
	err := change(ctx, db, sqlRemoveEndpoint, pgx.StrictNamedArgs{"hash": hash[:], "tenant": tenant, "person": person})
	if err != nil {
		return fmt.Errorf("remove subscription of person %q: %w", person, err)
	}
	return nil
}

// change runs a statement that returns a row for the subscription it found.
func change(ctx context.Context, db transports.Querier, sql string, args pgx.StrictNamedArgs) error {
	rows, err := db.Query(ctx, sql, args)
	if err != nil {
		return err
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return err
	}
	if rows.CommandTag().RowsAffected() == 0 {
		return ErrNotFound
	}
	return nil
}
