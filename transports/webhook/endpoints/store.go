package endpoints

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webhook/signature"
)

// DB is what the statements run on: a pool, a connection, or a transaction.
type DB interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Config is how endpoints are stored.
type Config struct {
	// CheckURLFunc judges a URL before it is stored and returns its canonical spelling: the transport's own guard.
	// Required for [Store.Add].
	CheckURLFunc func(raw string) (*url.URL, error)
	// EncryptionKeys are 32 random bytes each, in base64. The first seals, all open. Defaults to none: secrets then stand
	// in the database as they are.
	EncryptionKeys []transports.Secret
	// NowFunc replaces the database's clock in tests. Defaults to the database's own now().
	NowFunc func() time.Time
}

// Store keeps endpoints. It is safe for concurrent use.
type Store struct {
	checkURLFunc func(raw string) (*url.URL, error)
	sealer       *sealer
	nowFunc      func() time.Time
}

// New returns a store. A nil config works for everything but adding.
func New(cfg *Config) (*Store, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	s, err := newSealer(cfg.EncryptionKeys)
	if err != nil {
		return nil, err
	}
	return &Store{checkURLFunc: cfg.CheckURLFunc, sealer: s, nowFunc: cfg.NowFunc}, nil
}

func (s *Store) now() *time.Time {
	if s.nowFunc == nil {
		return nil
	}
	t := s.nowFunc()
	return &t
}

// Add stores an endpoint with a key, and returns both. This, and [Store.Rotate], are the only times that the key is
// shown. An [*InvalidError] names the field that is wrong.
func (s *Store) Add(ctx context.Context, db DB, p AddParams) (*Endpoint, signature.Key, error) {
	p.Format = cmp.Or(p.Format, Native)
	p.Scheme = cmp.Or(p.Scheme, signature.HMAC)
	if err := p.validate(); err != nil {
		return nil, signature.Key{}, err
	}
	if s.checkURLFunc == nil {
		return nil, signature.Key{}, errors.New("add endpoint: Config.CheckURLFunc is missing")
	}
	target, err := s.checkURLFunc(p.URL)
	if err != nil {
		return nil, signature.Key{}, &InvalidError{Field: "url", Problem: "is refused: " + err.Error(), Err: err}
	}
	key, err := signature.NewKey(p.Scheme)
	if err != nil {
		return nil, signature.Key{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, signature.Key{}, fmt.Errorf("add endpoint: %w", err)
	}
	var added *Endpoint
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sqlAdd, pgx.StrictNamedArgs{
			"id": id, "tenant": p.Tenant, "url": target.String(), "description": p.Description,
			"events": append([]string{}, p.Events...), "format": string(p.Format), "now": s.now(),
		})
		if err != nil {
			return err
		}
		if _, err := s.addKey(ctx, tx, p.Tenant, id, key); err != nil {
			return err
		}
		added, err = s.Get(ctx, tx, p.Tenant, id)
		return err
	})
	if err != nil {
		return nil, signature.Key{}, fmt.Errorf("add endpoint: %w", err)
	}
	return added, key, nil
}

func (s *Store) addKey(ctx context.Context, tx pgx.Tx, tenant string, endpoint uuid.UUID, key signature.Key) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return id, err
	}
	stored, by, err := s.sealer.seal(tenant, endpoint, id, transports.Secret(key.Reveal()))
	if err != nil {
		return id, err
	}
	_, err = tx.Exec(ctx, sqlAddKey, pgx.StrictNamedArgs{
		"id": id, "endpoint": endpoint, "scheme": string(key.Scheme()), "secret": stored, "sealed_by": by,
		"public": key.Public(), "now": s.now(),
	})
	return id, err
}

// RotateOpts are the options of [Store.Rotate]. Nil means none.
type RotateOpts struct {
	// Overlap is how long the older keys sign along. Defaults to [Overlap]; negative ends them at once, for a key that
	// was stolen.
	Overlap time.Duration
	// Scheme is that of the new key. Defaults to [signature.HMAC].
	Scheme signature.Scheme
}

// Rotate gives an endpoint a new key and lets the older ones end. An endpoint has at most [MaxKeys] at a time: another
// rotation is refused with an [*InvalidError] until one has ended.
func (s *Store) Rotate(ctx context.Context, db DB, tenant string, id uuid.UUID, opts *RotateOpts) (*Endpoint, signature.Key, error) {
	if opts == nil {
		opts = &RotateOpts{}
	}
	key, err := signature.NewKey(cmp.Or(opts.Scheme, signature.HMAC))
	if err != nil {
		return nil, signature.Key{}, err
	}
	var rotated *Endpoint
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if err := s.change(ctx, tx, sqlLock, id, tenant, nil); err != nil {
			return err
		}
		keep, err := s.addKey(ctx, tx, tenant, id, key)
		if err != nil {
			return err
		}
		var older int
		err = tx.QueryRow(ctx, sqlExpireKeys, pgx.StrictNamedArgs{
			"endpoint": id, "keep": keep, "now": s.now(), "overlap": max(0, cmp.Or(opts.Overlap, Overlap)).Seconds(),
		}).Scan(&older)
		if err != nil {
			return err
		}
		if older >= MaxKeys {
			return &InvalidError{Field: "keys", Problem: "are too many (wait until an older one has ended, or rotate with --now)"}
		}
		rotated, err = s.Get(ctx, tx, tenant, id)
		return err
	})
	if err != nil {
		return nil, signature.Key{}, fmt.Errorf("rotate keys of endpoint %s: %w", id, err)
	}
	return rotated, key, nil
}

// Enable lets an endpoint get events again, and forgets its failures. What it missed can be reopened.
func (s *Store) Enable(ctx context.Context, db DB, tenant string, id uuid.UUID) error {
	return s.setState(ctx, db, tenant, id, Enabled, "")
}

// Disable ends the sends to an endpoint from the next try on. Its receipts end as skipped(switched_off).
func (s *Store) Disable(ctx context.Context, db DB, tenant string, id uuid.UUID) error {
	return s.setState(ctx, db, tenant, id, Disabled, ByOperator)
}

func (s *Store) setState(ctx context.Context, db DB, tenant string, id uuid.UUID, state State, reason Reason) error {
	err := s.change(ctx, db, sqlSetState, id, tenant, pgx.StrictNamedArgs{
		"state": string(state), "reason": string(reason), "now": s.now(),
	})
	if err != nil {
		return fmt.Errorf("set endpoint %s to %s: %w", id, state, err)
	}
	return nil
}

// Delete forgets an endpoint and its keys. Receipts that name it stay; what they had not sent is skipped.
func (s *Store) Delete(ctx context.Context, db DB, tenant string, id uuid.UUID) error {
	if err := s.change(ctx, db, sqlDelete, id, tenant, nil); err != nil {
		return fmt.Errorf("delete endpoint %s: %w", id, err)
	}
	return nil
}

// change runs a statement that returns a row for the endpoint it found.
func (s *Store) change(ctx context.Context, db querier, sql string, id uuid.UUID, tenant string, args pgx.StrictNamedArgs) error {
	all := pgx.StrictNamedArgs{"id": id, "tenant": tenant}
	for name, value := range args {
		all[name] = value
	}
	rows, err := db.Query(ctx, sql, all)
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
