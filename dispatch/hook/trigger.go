package hook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// maxName is the longest identifier of Postgres, in bytes. It would cut longer ones without a word.
const maxName = 63

// triggerName is carillon_orders_created for orders.created. Long names end in a hash instead of being cut to the same.
func triggerName(event string) string {
	name := "carillon_" + strings.ReplaceAll(event, ".", "_")
	if len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(event))
	suffix := "_" + hex.EncodeToString(sum[:4])
	return name[:maxName-len(suffix)] + suffix
}

// ownTrigger reports whether the event's trigger is on the table. Two events such as a.b_c and a_b.c share a name, and
// somebody may have a trigger of it: then it returns an [*InvalidError], because that is not ours to replace.
func ownTrigger(ctx context.Context, db DB, t *table, event string) (bool, error) {
	name := triggerName(event)
	var ours bool
	var args []byte
	err := db.QueryRow(ctx, sqlFindTrigger, pgx.StrictNamedArgs{"table": t.OID, "trigger": name}).Scan(&ours, &args)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for trigger %s on %s: %w", name, t.name(), err)
	}
	if !ours {
		return false, invalidf("table %s has a trigger %s that is not carillon's (rename it first)", t.name(), name)
	}
	// Postgres ends each argument with a NUL.
	other, _, _ := bytes.Cut(args, []byte{0})
	if string(other) != event {
		return false, invalidf("trigger %s on %s emits %s (drop that hook first)", name, t.name(), other)
	}
	return true, nil
}

// codeLockTimeout is Postgres' answer when a lock was not to be had in time.
const codeLockTimeout = "55P03"

// change runs a statement about the event's trigger, and reports whether there was one before.
func change(ctx context.Context, db DB, t *table, event, statement string) (existed bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var err error
		if existed, err = ownTrigger(ctx, tx, t, event); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlSetLockTimeout); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, statement)
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == codeLockTimeout {
			return ErrBusy
		}
		return err
	})
	return existed, err
}

// Removal is the way back from a [Hook].
type Removal struct {
	Trigger string `json:"trigger"`
	Table   string `json:"table"`
	Event   string `json:"event"`
	// Dropped means that [Removal.Drop] found a trigger and dropped it.
	Dropped bool `json:"dropped"`
	// SQL is the statement that drops it.
	SQL string `json:"sql"`

	target *table
}

// NewRemoval composes the statement that drops the hook of an event from a table. The event need not be published any
// more. Nothing is written. It returns an [*InvalidError] if there is no such table.
func NewRemoval(ctx context.Context, db DB, tableName, event string) (*Removal, error) {
	t, err := findTable(ctx, db, tableName)
	if err != nil {
		return nil, err
	}
	name := triggerName(event)
	return &Removal{
		Trigger: name, Table: t.name(), Event: event, target: t,
		SQL: fmt.Sprintf(sqlDropTrigger, pgx.Identifier{name}.Sanitize(), t.quoted()),
	}, nil
}

// Drop runs the statement. It is no error if there is no trigger. It returns an [*InvalidError] if the one of that name
// is not ours, and [ErrBusy] if writers of the table held it for longer than five seconds.
func (r *Removal) Drop(ctx context.Context, db DB) error {
	existed, err := change(ctx, db, r.target, r.Event, r.SQL)
	if err != nil {
		return fmt.Errorf("drop trigger %s on %s: %w", r.Trigger, r.Table, err)
	}
	r.Dropped = existed
	return nil
}
