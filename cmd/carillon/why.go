package main

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/receipts"
)

func newWhyCommand(a *app) *cobra.Command {
	var recipient, tenant string
	cmd := &cobra.Command{
		Use:   "why EVENT_ID --recipient ID",
		Short: "Explain what a person got of an event, what not, and every reason",
		Long: `Explain what became of an event for one person, or for one fixed address: every receipt that names them, what
each rule decided and by which row, and every attempt. EVENT_ID is a whole id or its last eight hex digits.

A person whom no receipt names is an answer too, not a failure; channels whose recipients are not found yet, and
channels that ended before, are told then.

JSON: {"event": {…}, "recipient": …, "receipts": [{"receipt": {…}, "decisions": [{"decided_at": …, "implied": …,
"verdicts": [{"rule": …, "verdict": …, "reason": …, "row": {"table": …, …}, "detail": …}]}], "attempts": [{…}],
"rendered_at": …}], "unresolved": [receipts], "ended": [receipts]}

"implied" marks a run of the rules of which nothing was stored, because every rule passed and none had anything to
say. "verdict" is pass, skip or expire; the first that does not pass decided.`,
		Example: `  carillon why 4f0c2ab1 --recipient 42`,
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if recipient == "" {
				return usagef("--recipient is missing (a person's id, or a fixed address)")
			}
			params := receipts.WhyParams{Recipient: recipient, Rules: pipeline.Rules()}
			if cmd.Flags().Changed("tenant") {
				params.Tenant = &tenant
			}
			ctx := cmd.Context()
			return a.withSnapshot(ctx, func(tx pgx.Tx) error {
				explained, err := findWhy(ctx, tx, args[0], params)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(explained)
				}
				return a.print(a.narrateWhy(explained))
			})
		},
	}
	cmd.Flags().StringVar(&recipient, "recipient", "", "the person's id, or a fixed address")
	cmd.Flags().StringVar(&tenant, "tenant", "", "the event's tenant, to be sure of it")
	return cmd
}

func findWhy(ctx context.Context, db receipts.DB, text string, params receipts.WhyParams) (*receipts.Explanation, error) {
	store := receipts.New(nil)
	id, err := store.FindEvent(ctx, db, strings.ToLower(text))
	if err != nil {
		return nil, err
	}
	params.EventID = id
	return store.Why(ctx, db, params)
}

func (a *app) narrateWhy(e *receipts.Explanation) string {
	n := &narrator{app: a}
	n.event(&e.Event)
	for i := range e.Receipts {
		n.account(&e.Receipts[i])
	}
	if len(e.Receipts) == 0 {
		n.line(0, "no receipt of this event names %s", e.Recipient)
	}
	for _, r := range e.Unresolved {
		n.line(0, "channel %s is not resolved yet: %s%s, receipt %s", r.Channel, paintState(r.State), inBrackets(string(r.Reason)), short(r.ID))
	}
	for _, r := range e.Ended {
		n.line(0, "channel %s ended before anybody was found: %s%s, receipt %s", r.Channel, paintState(r.State), inBrackets(string(r.Reason)), short(r.ID))
	}
	return n.String()
}
