package dispatch

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Publish stores the declarations, so that carillon.emit, triggers and other programs can emit the events by name.
// It returns the names of those that are new or changed. Events that are no longer declared stay published: their
// emitters may still run, and a worker that does not know them keeps their receipts waiting.
func (d *Dispatcher) Publish(ctx context.Context, db Beginner) ([]string, error) {
	var changed []string
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		for _, e := range d.registry.Events() {
			category := ""
			if e.Category != nil {
				category = e.Category.Name
			}
			rows, err := tx.Query(ctx, sqlPublish, pgx.StrictNamedArgs{
				"event": e.Name, "resource_type": e.ResourceType, "category": category,
				"fields": append([]string{}, e.Fields...), "channels": json.RawMessage(e.Wire),
			})
			if err != nil {
				return err
			}
			names, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return err
			}
			changed = append(changed, names...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("publish declarations: %w", err)
	}
	return changed, nil
}

// EmitPublishedTx emits a published event by its full name, for programs that have no declarations of their own. The
// data is a JSON object. Errors are those of [Handle.EmitTx], except that an event which is not published is an error of
// the database, with the code CN001.
func EmitPublishedTx(ctx context.Context, tx pgx.Tx, event string, data json.RawMessage, opts *EmitOpts) (Emitted, error) {
	if err := checkText("event", event); err != nil {
		return Emitted{}, err
	}
	if event == "" {
		return Emitted{}, &InvalidError{Field: "event", Problem: "is empty"}
	}
	var full EmitOpts
	if opts != nil {
		full = *opts
	}
	return pgxSession(tx).emitTraced(ctx, event, &full, func() (*call, error) {
		return newCall(sqlEmitPublished, event, data, &full)
	})
}
