package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/migrations"
)

func newMigrateCommand(a *app) *cobra.Command {
	return group("migrate", "Make, unmake or inspect the schema carillon",
		newMigrateUpCommand(a), newMigrateDownCommand(a), newMigrateStatusCommand(a))
}

func newMigrateUpCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Apply what is missing",
		Long: `Apply what is missing, River's migrations included, and make the schema if need be. Programs that migrate
at the same time wait for each other. With --json, one line per migration applied.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.migrate(cmd.Context(), "the schema is up to date",
				func(ctx context.Context, pool *pgxpool.Pool) (*migrations.Report, error) {
					return migrations.Up(ctx, pool, &migrations.UpOpts{Logger: slog.New(slog.DiscardHandler)})
				})
		},
	}
}

func newMigrateDownCommand(a *app) *cobra.Command {
	var opts migrations.DownOpts
	var yes bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Undo migrations, and drop their tables with all data",
		Long: `Undo migrations, the latest first, and drop their tables with all data. Without --steps or --to everything
goes, River's tables and the schema too. With --json, one line per migration undone.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case opts.Steps < 0 || opts.To < 0:
				return usagef("--steps and --to are not negative")
			case opts.Steps > 0 && opts.To > 0:
				return usagef("--steps and --to exclude each other")
			case !yes:
				return usagef("migrate down drops tables with all their data (add --yes)")
			}
			return a.migrate(cmd.Context(), "there is nothing to undo",
				func(ctx context.Context, pool *pgxpool.Pool) (*migrations.Report, error) {
					opts.Logger = slog.New(slog.DiscardHandler)
					return migrations.Down(ctx, pool, &opts)
				})
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&yes, "yes", false, "really drop the data")
	flags.IntVar(&opts.Steps, "steps", 0, "how many migrations to undo (default all)")
	flags.Int64Var(&opts.To, "to", 0, "the version of the last migration to keep (default none)")
	return cmd
}

func newMigrateStatusCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "List the migrations and whether they are applied",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			pool, err := a.connect(ctx, 0)
			if err != nil {
				return err
			}
			defer pool.Close()
			all, err := migrations.Status(ctx, pool)
			if err != nil {
				return err
			}
			if err := a.printMigrations(all, ""); err != nil {
				return err
			}
			var tooNew *migrations.TooNewError
			if err := migrations.Check(ctx, pool); errors.As(err, &tooNew) {
				a.say("%s", err)
			}
			return nil
		},
	}
}

// migrate prints what was done, also before an error.
func (a *app) migrate(
	ctx context.Context, nothing string, run func(context.Context, *pgxpool.Pool) (*migrations.Report, error),
) error {
	pool, err := a.connect(ctx, 0)
	if err != nil {
		return err
	}
	defer pool.Close()
	report, err := run(ctx, pool)
	if report == nil || err != nil && len(report.Migrations) == 0 {
		return err
	}
	return errors.Join(a.printMigrations(report.Migrations, nothing), err)
}

func (a *app) printMigrations(all []migrations.Migration, none string) error {
	return printRows(a, all, listing[migrations.Migration]{
		header: []string{"source", "version", "name", "applied"},
		none:   none,
		cells: func(m migrations.Migration) []any {
			applied := "-"
			if !m.Pending() {
				applied = when(m.AppliedAt)
			}
			return []any{string(m.Source), fmt.Sprintf("%05d", m.Version), orDash(m.Name), applied}
		},
	})
}
