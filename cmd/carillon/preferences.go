package main

import (
	"os/user"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/preferences"
)

func newPreferencesCommand(a *app) *cobra.Command {
	return group("preferences", "See and set what a person has switched on and off",
		newPreferencesShowCommand(a), newPreferencesSetCommand(a))
}

func newPreferencesShowCommand(a *app) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use:   "show PERSON",
		Short: "List a person's choices",
		Long: `List a person's choices; * stands for every category or every transport. The most specific one decides:
category and transport, then category, then transport, then the one for everything. What no choice touches is on.`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
				list, err := preferences.List(ctx, pool, tenant, args[0])
				if err != nil {
					return err
				}
				return a.printPreferences(list)
			})
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "the person's tenant")
	return cmd
}

func newPreferencesSetCommand(a *app) *cobra.Command {
	var p preferences.Preference
	var all bool
	cmd := &cobra.Command{
		Use:   "set PERSON on|off",
		Short: "Switch a category, a transport, or everything on or off for a person",
		Long: `Switch a category, a transport, one category of one transport, or with --all everything on or off for a
person. What is left out stands for every one. Mandatory categories do not heed it.`,
		Example: `  carillon preferences set 42 --category orders --transport email off
  carillon preferences set 42 --all off`,
		Args: exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.Person, p.Choice = args[0], preferences.Choice(args[1])
			switch {
			case p.Person == "":
				return usagef("PERSON is empty")
			case p.Choice != preferences.On && p.Choice != preferences.Off:
				return usagef("%q is neither on nor off", args[1])
			case p.Category == "" && p.Transport == "" && !all:
				return usagef("name a --category or a --transport, or say --all")
			}
			if p.UpdatedBy == "" {
				p.UpdatedBy = operator()
			}
			ctx := cmd.Context()
			return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
				if err := preferences.Set(ctx, pool, p); err != nil {
					return err
				}
				list, err := preferences.List(ctx, pool, p.Tenant, p.Person)
				if err != nil {
					return err
				}
				return a.printPreferences(list)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&p.Category, "category", "", "the category (default every one)")
	flags.StringVar(&p.Transport, "transport", "", "the transport (default every one)")
	flags.BoolVar(&all, "all", false, "every category and transport that is not named")
	flags.StringVar(&p.Tenant, "tenant", "", "the person's tenant")
	flags.StringVar(&p.UpdatedBy, "by", "", "who asked for it (default the account that runs this)")
	return cmd
}

// operator is who works the command line.
func operator() string {
	current, err := user.Current()
	if err != nil {
		return "operator"
	}
	return "operator:" + current.Username
}

func (a *app) printPreferences(list []preferences.Preference) error {
	return printRows(a, list, listing[preferences.Preference]{
		header: []string{"category", "transport", "choice", "updated", "by"},
		none:   "the person has switched nothing on or off",
		cells: func(p preferences.Preference) []any {
			return []any{p.Category, p.Transport, string(p.Choice), when(p.UpdatedAt), orDash(p.UpdatedBy)}
		},
	})
}
