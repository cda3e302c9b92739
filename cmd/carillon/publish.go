package main

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"
)

// published is what `carillon publish --json` prints, a line per event.
type published struct {
	Name string `json:"name"`
}

func newPublishCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "publish",
		Short: "Store the declarations, so that events can be emitted by name",
		Long: `Store the declarations of --config (default carillon.yaml), so that carillon emit, carillon.emit in SQL and the
triggers of carillon hook can emit the events by name. The events that are new or have changed are listed. Events that
are no longer declared stay published, because their emitters may still run.

JSON, a line per event: {"name": …}`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := a.loadConfig()
			if err != nil {
				return err
			}
			a.fallBackTo(file)
			ctx := cmd.Context()
			return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
				names, err := file.Dispatcher.Publish(ctx, pool)
				if err != nil {
					return err
				}
				rows := make([]published, len(names))
				for i, name := range names {
					rows[i].Name = name
				}
				return printRows(a, rows, listing[published]{
					header: []string{"new or changed"},
					none:   "nothing has changed",
					cells:  func(p published) []any { return []any{p.Name} },
				})
			})
		},
	}
}
