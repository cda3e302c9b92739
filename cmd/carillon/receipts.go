package main

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/receipts"
)

// maxList is the largest --limit.
const maxList = 1000

func newReceiptsCommand(a *app) *cobra.Command {
	return group("receipts", "Look at what is owed to whom, and what became of it",
		newReceiptsListCommand(a), newReceiptsShowCommand(a))
}

// listFlags are the filters of `receipts list`.
type listFlags struct {
	filter                 receipts.Filter
	state, eventID, before string
}

func newReceiptsListCommand(a *app) *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List receipts, newest first",
		Long: `List receipts, newest first. A receipt that became one receipt per recipient is hidden unless --expanded
asks for it. To go on after --limit receipts, give the last id to --before.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(); err != nil {
				return err
			}
			ctx := cmd.Context()
			return a.withSnapshot(ctx, func(tx pgx.Tx) error {
				store := receipts.New(nil)
				if err := f.find(ctx, tx, store); err != nil {
					return err
				}
				list, err := store.List(ctx, tx, f.filter)
				if err != nil {
					return err
				}
				if err := a.printReceipts(list); err != nil {
					return err
				}
				if len(list) == f.filter.Limit {
					a.say("there may be more (go on with --before %s)", short(list[len(list)-1].ID))
				}
				return nil
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.state, "state", "", "only those in this state, such as failed")
	flags.StringVar(&f.filter.Transport, "transport", "", "only those of this transport, such as email")
	flags.StringVar(&f.filter.Recipient, "recipient", "", "only those of this person")
	flags.StringVar(&f.filter.Event, "event", "", "only those of events of this name, such as orders.created")
	flags.StringVar(&f.eventID, "event-id", "", "only those of this occurrence")
	flags.IntVar(&f.filter.Limit, "limit", 50, "how many, up to 1000")
	flags.StringVar(&f.before, "before", "", "only those older than this receipt")
	flags.BoolVar(&f.filter.Expanded, "expanded", false, "show those, too, that became one receipt per recipient")
	// The flag exists, so that this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(stateNames(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func stateNames() []string {
	names := []string{}
	for _, s := range receipts.States() {
		names = append(names, string(s))
	}
	return names
}

func (f *listFlags) validate() error {
	if f.state != "" && !slices.Contains(stateNames(), f.state) {
		return usagef("--state %q is unknown (one of %s)", f.state, strings.Join(stateNames(), ", "))
	}
	if f.filter.Limit < 1 || f.filter.Limit > maxList {
		return usagef("--limit %d is out of range (1 to %d)", f.filter.Limit, maxList)
	}
	f.filter.State = receipts.State(f.state)
	return nil
}

// find makes whole ids of short ones.
func (f *listFlags) find(ctx context.Context, db receipts.DB, store *receipts.Store) error {
	for _, id := range []struct {
		text string
		find func(context.Context, receipts.DB, string) (uuid.UUID, error)
		into **uuid.UUID
	}{
		{f.eventID, store.FindEvent, &f.filter.EventID},
		{f.before, store.FindReceipt, &f.filter.Before},
	} {
		if id.text == "" {
			continue
		}
		found, err := id.find(ctx, db, strings.ToLower(id.text))
		if err != nil {
			return err
		}
		*id.into = &found
	}
	return nil
}

func (a *app) printReceipts(list []receipts.Receipt) error {
	return printRows(a, list, listing[receipts.Receipt]{
		header: []string{"id", "state", "reason", "channel", "recipient", "attempts", "created", "next", "event"},
		none:   "no receipt matches",
		cells: func(r receipts.Receipt) []any {
			return []any{
				short(r.ID), paintState(r.State), orDash(string(r.Reason)), r.Channel, recipientOf(r),
				r.Attempts, when(r.CreatedAt), whenOrNever(nextOf(r)), short(r.EventID),
			}
		},
	})
}

// recipientOf is the person, or the fixed address.
func recipientOf(r receipts.Receipt) string {
	if r.Recipient != "" {
		return r.Recipient
	}
	return orDash(r.Address)
}
