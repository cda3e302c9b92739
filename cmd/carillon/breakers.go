package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/dispatch/flow"
)

func newBreakersCommand(a *app) *cobra.Command {
	cmd := group("breakers", "See what keeps messages from being sent",
		newBreakersListCommand(a), newBreakersShowCommand(a), newBreakersResetCommand(a))
	cmd.Long = `A breaker opens when a destination, an account at a host, fails; nothing is sent there until a probe succeeds.
A budget is what a transport's rate, or a provider that asked for patience, allows. Receipts wait for both, and it costs
them no attempt: receipts list --state waiting --with-reason breaker, or rate_limited.`
	return cmd
}

func newBreakersListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List breakers that are not closed",
		Long: `List the breakers that are not closed. An open one lets nothing through until the time shown; a half-open one waits
for the answer to its probe, or for a receipt to probe with.

JSON, one line per row: {"transport": …, "account": …, "host": …, "state": …, "probing": …, "level": …, "opened_at": …,
"until": …, "class": …, "code": …, "detail": …}`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDatabase(cmd.Context(), func(pool *pgxpool.Pool) error {
				list, err := flow.Breakers(cmd.Context(), pool, "")
				if err != nil {
					return err
				}
				return printRows(a, list, listing[flow.Breaker]{
					header: []string{"transport", "account", "host", "state", "opened", "until", "because"},
					none:   "all breakers are closed",
					cells: func(b flow.Breaker) []any {
						colour := text.FgRed
						if b.State == flow.HalfOpen {
							colour = text.FgYellow
						}
						because := strings.TrimSpace(b.Class + " " + b.Code)
						if b.Detail != "" {
							because += ": " + b.Detail
						}
						return []any{
							b.Transport, orDash(b.Account), orDash(b.Host.Host),
							painted{b.State, colour},
							when(b.OpenedAt),
							when(b.Until), because,
						}
					},
				})
			})
		},
	}
}

func newBreakersShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show [TRANSPORT]",
		Short: "Show the budgets, of one transport or all",
		Long: `Show what every budget allows per second and at once, how many sends it paid for, how often a receipt was told to
wait, for how long the provider asked us to wait, and when the last of those that wait has its turn.

JSON, one line per row: {"transport": …, "account": …, "key": …, "per_second": …, "burst": …, "taken": …, "waits": …,
"held_until": …, "queue_until": …}`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withDatabase(cmd.Context(), func(pool *pgxpool.Pool) error {
				list, err := flow.Budgets(cmd.Context(), pool, strings.Join(args, ""))
				if err != nil {
					return err
				}
				return printRows(a, list, listing[flow.Budget]{
					header: []string{"transport", "account", "key", "per second", "burst", "taken", "waits", "held until", "queue until"},
					none:   "no budget was asked of yet",
					cells: func(b flow.Budget) []any {
						return []any{
							b.Transport, orDash(b.Account), orDash(b.Key.Key), b.PerSecond, b.Burst, b.Taken, b.Waits,
							whenOrNever(b.HeldUntil), whenOrNever(b.QueueUntil),
						}
					},
				})
			})
		},
	}
}

func newBreakersResetCommand(a *app) *cobra.Command {
	var p flow.ResetParams
	cmd := &cobra.Command{
		Use:   "reset TRANSPORT",
		Short: "Close breakers, and end what providers asked for",
		Long: `Close the breakers of a transport and end the holds on its budgets, when you know that the destination is well.
Who (--by) and why (--reason) are written down. Receipts that wait keep their due times: carillon receipts send-now
--state waiting --with-reason breaker makes them due.

JSON: {"operation": …, "changed": …}`,
		Example: `  carillon breakers reset email --reason "new password" --by ann`,
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.Transport, p.Operator = args[0], cmp.Or(p.Operator, os.Getenv("USER"))
			switch {
			case strings.TrimSpace(p.Reason) == "":
				return usagef("--reason is missing (why, for those who ask later)")
			case strings.TrimSpace(p.Operator) == "":
				return usagef("--by is missing (who does it; there is no $USER)")
			}
			return a.withDatabase(cmd.Context(), func(pool *pgxpool.Pool) error {
				id, changed, err := flow.Reset(cmd.Context(), pool, p)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(map[string]any{"operation": id, "changed": changed})
				}
				return a.print(fmt.Sprintf("%d breakers or budgets reset\n", changed))
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&p.Host, "host", "", "only this host, or this key of a budget")
	flags.StringVar(&p.Account, "account", "", "only this account")
	flags.StringVar(&p.Reason, "reason", "", "why, for those who ask later")
	flags.StringVar(&p.Operator, "by", "", "who does it (default $USER)")
	return cmd
}
