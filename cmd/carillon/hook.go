package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/dispatch/hook"
	"github.com/carillon-notify/carillon/internal/cli"
)

// hookFlags are what `carillon hook` is told.
type hookFlags struct {
	cfg                 hook.Config
	on                  []string
	strict, drop, print bool
}

func newHookCommand(a *app) *cobra.Command {
	var f hookFlags
	cmd := &cobra.Command{
		Use:   "hook TABLE --emit EVENT",
		Short: "Let a table of the application emit a published event",
		Long: `Install a trigger on a table of the application, so that every row it inserts or updates emits a published
event, in the same transaction. The event's data are the columns named like the event's fields, or those of --columns.

An emit that fails leaves a row in carillon.emit_failures and spares the application's statement, unless --strict
wants it to fail. Running the command again replaces the trigger; --drop removes it, --print only shows the SQL.

JSON: {"trigger": …, "table": …, "event": …, "on": […], "columns": […], "id_column": …, "tenant_column": …,
"mode": "try" or "strict", "untold": [fields that no column gives], "sql": …}, or with --drop {"trigger": …,
"table": …, "event": …, "dropped": …, "sql": …}`,
		Example: `  carillon hook app.orders --on insert --emit orders.created
  carillon hook app.orders --emit orders.created --columns id,order_number,user_id
  carillon hook app.orders --emit orders.created --drop`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.cfg.Table = args[0]
			if err := f.validate(); err != nil {
				return err
			}
			ctx := cmd.Context()
			return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
				if f.drop {
					return a.dropHook(ctx, pool, f)
				}
				return a.installHook(ctx, pool, f)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.cfg.Event, "emit", "", "the published event, such as orders.created")
	flags.StringSliceVar(&f.on, "on", []string{"insert"}, "which statements emit: insert, update, or both")
	flags.StringSliceVar(&f.cfg.Columns, "columns", nil, "the columns that make the event's data (default the event's fields)")
	flags.StringVar(&f.cfg.IDColumn, "id-column", "", "the column with the resource's id (default the primary key)")
	flags.StringVar(&f.cfg.TenantColumn, "tenant-column", "", "the column with the tenant (default none)")
	flags.BoolVar(&f.strict, "strict", false, "let the application's statement fail when the emit does")
	flags.BoolVar(&f.drop, "drop", false, "remove the trigger")
	flags.BoolVar(&f.print, "print", false, "show the SQL and run nothing")
	return cmd
}

func (f *hookFlags) validate() error {
	if f.cfg.Event == "" {
		return usagef("--emit is missing (a published event, such as orders.created)")
	}
	for _, on := range f.on {
		switch op := hook.Operation(strings.TrimSpace(on)); op {
		case hook.Insert, hook.Update:
			f.cfg.On = append(f.cfg.On, op)
		default:
			return usagef("--on %q is unknown (insert, update, or insert,update)", on)
		}
	}
	if f.strict {
		f.cfg.Mode = hook.Strict
	}
	return nil
}

func (a *app) installHook(ctx context.Context, pool *pgxpool.Pool, f hookFlags) error {
	h, err := hook.New(ctx, pool, f.cfg)
	if err != nil {
		return err
	}
	if !f.print {
		if err := h.Install(ctx, pool); err != nil {
			return err
		}
	}
	if len(h.Untold) > 0 {
		a.say("no column gives the fields %s of %s: templates that read them will fail", strings.Join(h.Untold, ", "), h.Event)
	}
	done := fmt.Sprintf("trigger %s on %s emits %s on %s", h.Trigger, h.Table, h.Event, joined(h.On))
	return a.printHook(h, f.print, h.SQL, done)
}

func (a *app) dropHook(ctx context.Context, pool *pgxpool.Pool, f hookFlags) error {
	r, err := hook.NewRemoval(ctx, pool, f.cfg.Table, f.cfg.Event)
	if err != nil {
		return err
	}
	if !f.print {
		if err := r.Drop(ctx, pool); err != nil {
			return err
		}
	}
	done := fmt.Sprintf("trigger %s on %s is dropped", r.Trigger, r.Table)
	if !r.Dropped {
		done = fmt.Sprintf("there is no trigger %s on %s", r.Trigger, r.Table)
	}
	return a.printHook(r, f.print, r.SQL, done)
}

// printHook answers with JSON, the statement, or words.
func (a *app) printHook(v any, onlySQL bool, sql, done string) error {
	switch {
	case a.json:
		return a.printJSON(v)
	case onlySQL:
		return a.print(strings.Join(cli.Lines(sql), "\n") + ";\n")
	}
	a.say("%s", done)
	return nil
}

func joined(on []hook.Operation) string {
	words := make([]string, len(on))
	for i, op := range on {
		words[i] = string(op)
	}
	return strings.Join(words, " and ")
}
