package main

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/receipts"
)

func newReceiptsStatsCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "stats",
		Short: "Count receipts by transport, state and reason",
		Long: `Count all receipts by transport, state and reason; how many came to their end within the last hour; and for how
long the oldest of those that are due has been waiting for a worker. Receipts that became one receipt per recipient are
not counted. It reads the table whole.

JSON, one line per row: {"transport": …, "state": …, "reason": …, "count": …, "finished_last_hour": …,
"oldest_due_seconds": …}`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return a.withSnapshot(ctx, func(tx pgx.Tx) error {
				stats, err := receipts.New(nil).Stats(ctx, tx)
				if err != nil {
					return err
				}
				return printRows(a, stats, listing[receipts.Stat]{
					header: []string{"transport", "state", "reason", "receipts", "last hour", "oldest due"},
					none:   "there are no receipts",
					cells: func(s receipts.Stat) []any {
						return []any{
							s.Transport, paintState(s.State), orDash(string(s.Reason)), s.Count, s.FinishedLastHour,
							overdue(s.OldestDueSeconds),
						}
					},
				})
			})
		},
	}
}

// overdue is an age, red from the moment on at which reconcile would have set a new alarm.
func overdue(seconds *float64) painted {
	if seconds == nil {
		return painted{"-", text.Reset}
	}
	const alarming = time.Minute
	age := time.Duration(*seconds * float64(time.Second)).Round(time.Second)
	if age < alarming {
		return painted{age.String(), text.Reset}
	}
	return painted{age.String(), text.FgRed}
}
