package main

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/receipts"
)

func newEventsCommand(a *app) *cobra.Command {
	return group("events", "Look at what happened", newEventsListCommand(a), newEventsShowCommand(a))
}

// eventFlags choose events.
type eventFlags struct {
	filter                                 receipts.EventFilter
	tenant, resource, since, until, before string
}

func newEventsListCommand(a *app) *cobra.Command {
	var f eventFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List events, newest first",
		Long: `List events, newest first. All filters must fit. To go on after --limit events, give the last id to --before.
--json shows their data, too.`,
		Example: `  carillon events list --name orders.created --resource orders/A7`,
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(cmd); err != nil {
				return err
			}
			ctx := cmd.Context()
			return a.withSnapshot(ctx, func(tx pgx.Tx) error { return a.listEvents(ctx, tx, f) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.filter.Name, "name", "", "only those of this name, such as orders.created")
	flags.StringVar(&f.filter.Key, "key", "", "only those with this idempotency key")
	aboutFlags(flags, &f.tenant, &f.resource, &f.filter.Actor, &f.since, &f.until)
	flags.IntVar(&f.filter.Limit, "limit", 50, "how many, up to 1000")
	flags.StringVar(&f.before, "before", "", "only those older than this event")
	return cmd
}

func (f *eventFlags) validate(cmd *cobra.Command) error {
	if f.filter.Limit < 1 || f.filter.Limit > maxList {
		return usagef("--limit %d is out of range (1 to %d)", f.filter.Limit, maxList)
	}
	if cmd.Flags().Changed("tenant") {
		f.filter.Tenant = &f.tenant
	}
	f.filter.ResourceType, f.filter.ResourceID, _ = strings.Cut(f.resource, "/")
	var err error
	f.filter.Since, f.filter.Until, err = parsePeriod(f.since, f.until)
	return err
}

func (a *app) listEvents(ctx context.Context, db receipts.DB, f eventFlags) error {
	store := receipts.New(nil)
	if f.before != "" {
		before, err := store.FindEvent(ctx, db, strings.ToLower(f.before))
		if err != nil {
			return err
		}
		f.filter.Before = &before
	}
	list, err := store.ListEvents(ctx, db, f.filter)
	if err != nil {
		return err
	}
	err = printRows(a, list, listing[receipts.Event]{
		header: []string{"id", "name", "resource", "actor", "tenant", "key", "created"},
		none:   "no event matches",
		cells: func(e receipts.Event) []any {
			return []any{
				short(e.ID), e.Name, orDash(strings.Trim(e.ResourceType+"/"+e.ResourceID, "/")), orDash(e.Actor),
				orDash(e.Tenant), orDash(e.IdempotencyKey), when(e.CreatedAt),
			}
		},
	})
	if err != nil {
		return err
	}
	if len(list) == f.filter.Limit {
		last := list[len(list)-1].ID
		token := short(last)
		if a.json {
			token = last.String()
		}
		a.say("there may be more (go on with --before %s)", token)
	}
	return nil
}

// shownEvent is what `carillon events show --json` prints.
type shownEvent struct {
	Event    *receipts.Event    `json:"event"`
	Receipts []receipts.Receipt `json:"receipts"`
}

func newEventsShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show one event, its data and its receipts",
		Long: `Show one event, its data, and all its receipts, also those that became one receipt per recipient. ID is a whole
id or its last eight hex digits.

JSON: {"event": {…}, "receipts": [{…}]}`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.withSnapshot(ctx, func(tx pgx.Tx) error { return a.showEvent(ctx, tx, args[0]) })
		},
	}
}

func (a *app) showEvent(ctx context.Context, db receipts.DB, text string) error {
	store := receipts.New(nil)
	id, err := store.FindEvent(ctx, db, strings.ToLower(text))
	if err != nil {
		return err
	}
	event, err := store.GetEvent(ctx, db, id)
	if err != nil {
		return err
	}
	list, err := store.OfEvent(ctx, db, id)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(shownEvent{event, list})
	}
	n := &narrator{app: a}
	n.event(event)
	n.line(1, "data      %s", string(event.Data))
	if err := a.print(n.String() + "\n"); err != nil {
		return err
	}
	return a.printReceipts(list)
}
