package main

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webhook/endpoints"
)

func newEndpointsReplayCommand(a *app) *cobra.Command {
	var f operateFlags
	cmd := &cobra.Command{
		Use:   "replay ID [RECEIPT…]",
		Short: "Send again what an endpoint did not get",
		Long: `Reopen an endpoint's receipts that were skipped, failed, expired, cancelled or are uncertain: those of a period, or those
that are named. They go out under their first webhook-id, so that a receiver which got one after all drops it; what was
sent is left alone. Enable the endpoint first: receipts of a disabled one are skipped again.

What fits is counted first, by state; then you are asked, or give --yes. --dry-run stops after the count. Who (--by) and
why (--reason) are written down. JSON is that of receipts reopen.`,
		Example: `  carillon endpoints replay 37c13c6e --since 2026-01-31T08:00:00Z --until 2026-01-31T12:00:00Z --reason "ticket 12"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usagef("%s needs an endpoint", cmd.CommandPath())
			case len(args) == 1 && f.since == "":
				return usagef("%s needs a period or receipts (give --since)", cmd.CommandPath())
			case len(args) > 1 && (f.since != "" || f.until != ""):
				return usagef("receipts and a period exclude each other")
			}
			if err := f.validateDeed(); err != nil {
				return err
			}
			var err error
			if f.filter.Since, f.filter.Until, err = parsePeriod(f.since, f.until); err != nil {
				return err
			}
			ctx := cmd.Context()
			return a.withEndpoint(ctx, args[0], func(pool *pgxpool.Pool, e *endpoints.Endpoint) error {
				f.filter.Transport, f.filter.Recipient, f.filter.Tenant = transports.Webhook, e.Address(), &e.Tenant
				o := &operate{app: a, pool: pool, store: receipts.New(nil), action: receipts.ActionReopen, flags: &f}
				if len(args) > 1 {
					// With the filter: a receipt that is not this endpoint's is left alone.
					if f.filter.IDs, err = findReceipts(ctx, pool, o.store, args[1:]); err != nil {
						return err
					}
				}
				if err := o.choose(ctx, nil); err != nil {
					return err
				}
				return o.run(ctx)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.since, "since", "", "receipts from this time on, or not older than this: 2026-01-31, 2026-01-31T08:00:00Z, 90m, 7d")
	flags.StringVar(&f.until, "until", "", "receipts from before this time, or older than this")
	f.registerDeed(cmd)
	return cmd
}
