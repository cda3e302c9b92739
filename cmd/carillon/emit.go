package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/receipts"
)

// maxDataInput bounds what is read; the emit itself allows a good deal less once white space is gone.
const maxDataInput = 4 * dispatch.MaxData

// emitted is what `carillon emit --json` prints.
type emitted struct {
	EventID   uuid.UUID `json:"event_id"`
	Name      string    `json:"name"`
	Duplicate bool      `json:"duplicate"`
}

func newEmitCommand(a *app) *cobra.Command {
	var data, at, priority string
	var opts dispatch.EmitOpts
	cmd := &cobra.Command{
		Use:   "emit EVENT",
		Short: "Emit a published event",
		Long: `Emit a published event. The data is a JSON object: given as it is, read from a file (@order.json), or from
standard input (-).

A repeated emit with the same --key and the same content returns the first event and says so; with other content it
fails and names the event that owns the key.

JSON: {"event_id": …, "name": …, "duplicate": …}`,
		Example: `  carillon emit orders.created --data '{"order_number": "A7", "user_id": "1"}'`,
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.At, opts.Priority, err = parseEmit(at, priority); err != nil {
				return err
			}
			payload, err := a.readData(data)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
				var done dispatch.Emitted
				err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
					done, err = dispatch.EmitPublishedTx(ctx, tx, args[0], payload, &opts)
					return err
				})
				if invalid, ok := errors.AsType[*dispatch.InvalidError](err); ok {
					return &usageError{invalid}
				}
				if err != nil {
					return err
				}
				return a.printEmitted(emitted{EventID: done.EventID, Name: done.Event, Duplicate: done.Duplicate})
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&data, "data", "{}", "the event's data: JSON, @file, or - for standard input")
	flags.StringVar(&opts.Tenant, "tenant", "", "the tenant")
	flags.StringVar(&opts.Actor, "actor", "", "who did it")
	flags.StringVar(&opts.IdempotencyKey, "key", "", "an idempotency key, unique in the tenant")
	flags.StringVar(&at, "at", "", "when, as 2026-01-31T08:00:00Z (default now)")
	flags.StringVar(&opts.ResourceType, "resource-type", "", "what the event is about (default the event's resource)")
	flags.StringVar(&opts.ResourceID, "resource-id", "", "which one it is about")
	flags.StringVar(&priority, "priority", "", "critical, default or bulk (default the event's own)")
	return cmd
}

func parseEmit(at, priority string) (due time.Time, p dispatch.Priority, err error) {
	if at != "" {
		if due, err = time.Parse(time.RFC3339, at); err != nil {
			return due, p, usagef("--at %q is not a time such as 2026-01-31T08:00:00Z", at)
		}
	}
	if priority == "" {
		return due, p, nil
	}
	for _, known := range receipts.Priorities() {
		if known.String() == priority {
			return due, known, nil
		}
	}
	return due, p, usagef("--priority %q is unknown (one of critical, default, bulk)", priority)
}

// readData returns the event's data from where the flag says.
func (a *app) readData(flag string) (json.RawMessage, error) {
	raw := []byte(flag)
	var err error
	switch {
	case flag == "-":
		raw, err = io.ReadAll(io.LimitReader(a.in, maxDataInput+1))
	case strings.HasPrefix(flag, "@"):
		raw, err = os.ReadFile(flag[1:])
	}
	if err != nil {
		return nil, fmt.Errorf("read the event's data: %w", err)
	}
	if len(raw) > maxDataInput {
		return nil, usagef("the event's data is larger than %d KiB", dispatch.MaxData>>10)
	}
	if !json.Valid(raw) {
		return nil, usagef("the event's data is not JSON (a file is given as --data @file)")
	}
	return raw, nil
}

func (a *app) printEmitted(e emitted) error {
	if a.json {
		return a.printJSON(e)
	}
	note := ""
	if e.Duplicate {
		note = " (duplicate: nothing was written, the key had this event already)"
	}
	return a.print(fmt.Sprintf("event %s%s\n", short(e.EventID), note))
}
