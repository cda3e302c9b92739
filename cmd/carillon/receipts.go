package main

import (
	"context"
	"fmt"
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
		newReceiptsListCommand(a), newReceiptsShowCommand(a), newReceiptsTailCommand(a), newReceiptsStatsCommand(a),
		newRetryCommand(a), newCancelCommand(a), newSendNowCommand(a), newReopenCommand(a))
}

// listFlags are what `receipts list` takes.
type listFlags struct {
	filterFlags
	before   string
	all, csv bool
}

func newReceiptsListCommand(a *app) *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List receipts, newest first",
		Long: `List receipts, newest first. All filters must fit. A receipt that became one receipt per recipient is hidden
unless --expanded asks for it. To go on after --limit receipts, give the last id to --before; --all lists them all, in
one moment's view and page by page, however many they are.

--csv and --json write whole ids and every column. In all forms control characters in data are shown, not obeyed.`,
		Example: `  carillon receipts list --state failed --reason exhausted --since 1h
  carillon receipts list --resource orders/A7 --csv --all > receipts.csv`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(cmd, a.json); err != nil {
				return err
			}
			ctx := cmd.Context()
			return a.withSnapshot(ctx, func(tx pgx.Tx) error { return a.listReceipts(ctx, tx, f) })
		},
	}
	f.register(cmd, "reason", "with-reason")
	flags := cmd.Flags()
	flags.Lookup("with-reason").Usage = "the same as --reason, as retry and the like call it"
	flags.IntVar(&f.filter.Limit, "limit", 50, "how many, up to 1000")
	flags.StringVar(&f.before, "before", "", "only those older than this receipt")
	flags.BoolVar(&f.filter.Expanded, "expanded", false, "show those, too, that became one receipt per recipient")
	flags.BoolVar(&f.all, "all", false, "list them all, without a limit")
	flags.BoolVar(&f.csv, "csv", false, "write CSV, with a line of column names")
	return cmd
}

func (f *listFlags) validate(cmd *cobra.Command, json bool) error {
	if f.filter.Limit < 1 || f.filter.Limit > maxList {
		return usagef("--limit %d is out of range (1 to %d)", f.filter.Limit, maxList)
	}
	if f.all && cmd.Flags().Changed("limit") {
		return usagef("--all and --limit exclude each other")
	}
	if f.csv && json {
		return usagef("--csv and --json exclude each other")
	}
	return f.filterFlags.validate(cmd)
}

// find makes whole ids of short ones.
func (f *listFlags) find(ctx context.Context, db receipts.DB, store *receipts.Store) error {
	if f.before != "" {
		before, err := store.FindReceipt(ctx, db, strings.ToLower(f.before))
		if err != nil {
			return err
		}
		f.filter.Before = &before
	}
	return f.filterFlags.find(ctx, db, store)
}

func (a *app) listReceipts(ctx context.Context, db receipts.DB, f listFlags) error {
	store := receipts.New(nil)
	if err := f.find(ctx, db, store); err != nil {
		return err
	}
	pages := 0
	printPage := func(page []receipts.Receipt) error {
		pages++
		if f.csv {
			return a.printReceiptsCSV(page, pages == 1)
		}
		return a.printReceiptPage(page, pages == 1)
	}
	if f.all {
		if err := store.EachPage(ctx, db, f.filter, printPage); err != nil || pages > 0 {
			return err
		}
		return printPage(nil)
	}
	list, err := store.List(ctx, db, f.filter)
	if err != nil {
		return err
	}
	if err := printPage(list); err != nil {
		return err
	}
	if len(list) == f.filter.Limit {
		last := list[len(list)-1].ID
		token := short(last)
		if f.csv || a.json {
			token = last.String()
		}
		a.say("there may be more (go on with --before %s)", token)
	}
	return nil
}

func (a *app) printReceipts(list []receipts.Receipt) error { return a.printReceiptPage(list, true) }

// printReceiptPage writes the names of the columns on the first page only.
func (a *app) printReceiptPage(list []receipts.Receipt, first bool) error {
	header := []string{"id", "state", "reason", "channel", "recipient", "attempts", "created", "next", "event"}
	if !first {
		header = nil
	}
	return printRows(a, list, listing[receipts.Receipt]{
		header: header,
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

// findReceipts makes whole ids of short ones.
func findReceipts(ctx context.Context, db receipts.DB, store *receipts.Store, texts []string) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, len(texts))
	for i, text := range texts {
		id, err := store.FindReceipt(ctx, db, strings.ToLower(text))
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}

// stateText is a state and its reason, as people see them.
func stateText(s receipts.State, r receipts.Reason) string {
	return fmt.Sprintf("%s%s", s, inBrackets(string(r)))
}
