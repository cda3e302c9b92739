package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
)

const rootLong = `carillon dispatches notifications from Postgres: applications emit events inside their own
transactions, workers deliver them, and every delivery, or its absence, can be explained.

The database is named by --database-url, else by DATABASE_URL, else by database_url of the file that
--config names. People see the last eight hex digits of ids, which commands take in place of whole ones;
--json shows whole ids.`

// newRoot builds the whole tree of commands.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "carillon",
		Short:         "One event, every bell",
		Long:          rootLong,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return usagef("unknown command %q (did you mean %s?)", args[0], near[0])
			}
			return usagef("unknown command %q", args[0])
		},
		PersistentPreRun: func(*cobra.Command, []string) {
			for _, url := range []string{a.databaseURL, os.Getenv("DATABASE_URL")} {
				a.hide(url)
			}
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetHelpCommand(newHelpCommand())
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	flags := root.PersistentFlags()
	flags.StringVar(&a.databaseURL, "database-url", "", "the database (default $DATABASE_URL)")
	flags.StringVar(&a.configPath, "config", "", "the declarations, a carillon.yaml")
	flags.BoolVar(&a.json, "json", false, "write JSON: one object, or one line per row")
	root.AddCommand(
		newAuditCommand(a),
		newBreakersCommand(a),
		newConfigCommand(a),
		newDemoCommand(),
		newDoctorCommand(a),
		newEmitCommand(a),
		newEndpointsCommand(a),
		newSubscriptionsCommand(a),
		newKeysCommand(a),
		newEventsCommand(a),
		newHookCommand(a),
		newInitCommand(a),
		newManCommand(a),
		newMigrateCommand(a),
		newPeopleCommand(a),
		newPlanCommand(a),
		newPreferencesCommand(a),
		newPublishCommand(a),
		newReceiptsCommand(a),
		newTransportsCommand(a),
		newVersionCommand(a),
		newWhyCommand(a),
		newWorkerCommand(a),
	)
	addCompletion(root)
	return root
}

// newHelpCommand replaces cobra's, which answers a wrong name with success.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil {
				return &usageError{err}
			}
			if len(rest) > 0 {
				return usagef("there is no command %q to explain", strings.Join(args, " "))
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}
