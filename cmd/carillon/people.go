package main

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/dispatch/people"
)

func newPeopleCommand(a *app) *cobra.Command {
	return group("people", "See and set who can be reached and how, in carillon's own table",
		newPeopleShowCommand(a), newPeopleSetCommand(a))
}

func newPeopleShowCommand(a *app) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a person of carillon's own table",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
				found, err := people.Table{}.Find(ctx, pool, tenant, args)
				if err != nil {
					return err
				}
				person, known := found[args[0]]
				if !known {
					return fmt.Errorf("person %s is not in carillon's own table (an application's own is not looked at here)", args[0])
				}
				return a.printPerson(person)
			})
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "the person's tenant")
	return cmd
}

func newPeopleSetCommand(a *app) *cobra.Command {
	var tenant string
	var values [5]string
	var change people.Change
	fields := []struct {
		flag, help string
		into       **string
	}{
		{"name", "the name, for display", &change.Name},
		{"email", "the address, such as ada@example.com", &change.Email},
		{"phone", "the phone number, such as +4930123456", &change.Phone},
		{"locale", "the language, such as de-CH", &change.Locale},
		{"timezone", "the time zone, such as Europe/Zurich", &change.Timezone},
	}
	cmd := &cobra.Command{
		Use:   "set ID",
		Short: "Add or change a person of carillon's own table",
		Long: `Add or change a person of carillon's own table. Fields that are not given stay as they are; an empty one
(--phone "") is forgotten.`,
		Example: `  carillon people set 42 --name "Ada Lovelace" --email ada@example.com --locale en-GB`,
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for i, f := range fields {
				if cmd.Flags().Changed(f.flag) {
					*f.into = &values[i]
				}
			}
			ctx := cmd.Context()
			return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
				person, err := people.Update(ctx, pool, tenant, args[0], change)
				if invalid, ok := errors.AsType[*people.InvalidError](err); ok {
					return &usageError{invalid}
				}
				if err != nil {
					return err
				}
				return a.printPerson(*person)
			})
		},
	}
	for i, f := range fields {
		cmd.Flags().StringVar(&values[i], f.flag, "", f.help)
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "the person's tenant")
	return cmd
}

func (a *app) printPerson(p people.Person) error {
	if a.json {
		return a.printJSON(p)
	}
	return printRows(a, []people.Person{p}, listing[people.Person]{
		header: []string{"id", "name", "email", "phone", "locale", "timezone"},
		cells: func(p people.Person) []any {
			return []any{p.ID, orDash(p.Name), orDash(p.Email), orDash(p.Phone), orDash(p.Locale), orDash(p.Timezone)}
		},
	})
}
