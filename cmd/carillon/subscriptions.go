package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webpush"
	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

func newSubscriptionsCommand(a *app) *cobra.Command {
	return group("subscriptions", "See and change where web push reaches people",
		newSubscriptionsAddCommand(a), newSubscriptionsListCommand(a), newSubscriptionsShowCommand(a),
		newSubscriptionsActivateCommand(a), newSubscriptionsRemoveCommand(a))
}

// maxSubscription bounds what is read of a browser's subscription, in bytes.
const maxSubscription = 16 << 10

func newSubscriptionsAddCommand(a *app) *cobra.Command {
	var tenant, device string
	cmd := &cobra.Command{
		Use:   "add PERSON FILE",
		Short: "Add a browser's subscription for a person",
		Long: `Add a browser's subscription for a person: what JSON.stringify(subscription) gives in the page, from a file, or - for
standard input. The guard of transports.web_push in the configuration judges its endpoint. The same endpoint is one
subscription, of whoever it was added for last.

JSON: {"id": …, "tenant": …, "person": …, "host": …, "device": …, "state": …, "created_at": …, "last_ok_at": …}`,
		Example: `  carillon subscriptions add 42 subscription.json --device "Firefox on Linux"`,
		Args:    exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			raw, err := readSubscription(cmd.InOrStdin(), args[1])
			if err != nil {
				return err
			}
			p, err := subscriptions.Parse(raw)
			if err != nil {
				return &usageError{err}
			}
			p.Tenant, p.Person, p.Device = tenant, args[0], device
			ctx := cmd.Context()
			return a.withPush(ctx, func(pool *pgxpool.Pool, t *webpush.Transport) error {
				added, err := t.Subscriptions().Add(ctx, pool, p)
				if invalid, ok := errors.AsType[*subscriptions.InvalidError](err); ok {
					return &usageError{invalid}
				}
				if err != nil {
					return err
				}
				return a.printSubscription(added)
			})
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "the person's tenant")
	cmd.Flags().StringVar(&device, "device", "", "what the browser is, for people")
	return cmd
}

func readSubscription(in io.Reader, name string) ([]byte, error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, usagef("%s cannot be read (give a file, or - for standard input)", name)
		}
		defer func() { _ = file.Close() }() // It was only read.
		in = file
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxSubscription))
	if err != nil {
		return nil, usagef("%s cannot be read (give a file, or - for standard input)", name)
	}
	return raw, nil
}

// withPush calls work with the transport of the configuration, whose guard judges endpoints.
func (a *app) withPush(ctx context.Context, work func(pool *pgxpool.Pool, t *webpush.Transport) error) error {
	return withTransport(ctx, a, "transports.web_push (add it; carillon keys vapid makes its key)", work)
}

func newSubscriptionsListCommand(a *app) *cobra.Command {
	var tenant, person string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List subscriptions, by their push services and devices",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts := &subscriptions.ListOpts{Person: person}
			if cmd.Flags().Changed("tenant") {
				opts.Tenant = &tenant
			}
			ctx := cmd.Context()
			return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
				found, err := subscriptions.New(nil).List(ctx, pool, opts)
				if err != nil {
					return err
				}
				return printRows(a, found, listing[subscriptions.Subscription]{
					header: []string{"id", "tenant", "person", "device", "host", "state", "last ok"},
					none:   "there are no subscriptions",
					cells: func(s subscriptions.Subscription) []any {
						return []any{
							short(s.ID), orDash(s.Tenant), s.Person, orDash(s.Device), s.Host, string(s.State), whenOrNever(s.LastOKAt),
						}
					},
				})
			})
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", `only those of this tenant; "" is the one without a name`)
	cmd.Flags().StringVar(&person, "person", "", "only those of this person")
	return cmd
}

func newSubscriptionsShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show a subscription, without its endpoint and keys",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withSubscription(cmd.Context(), args[0], func(_ *pgxpool.Pool, s *subscriptions.Subscription) error {
				return a.printSubscription(s)
			})
		},
	}
}

func newSubscriptionsActivateCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "activate ID",
		Short: "Send again to a subscription for which our keys were refused",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.withSubscription(ctx, args[0], func(pool *pgxpool.Pool, s *subscriptions.Subscription) error {
				if err := subscriptions.New(nil).Activate(ctx, pool, s.Tenant, s.ID); err != nil {
					return err
				}
				s.State = subscriptions.Active
				return a.printSubscription(s)
			})
		},
	}
}

func newSubscriptionsRemoveCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "remove ID",
		Short: "Forget a subscription; the browser can subscribe again",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.withSubscription(ctx, args[0], func(pool *pgxpool.Pool, s *subscriptions.Subscription) error {
				if err := subscriptions.New(nil).Remove(ctx, pool, s.Tenant, s.ID); err != nil {
					return err
				}
				a.say("subscription %s is removed", short(s.ID))
				return nil
			})
		},
	}
}

// withSubscription calls work with the subscription that people name by its id, or its last eight hex digits.
func (a *app) withSubscription(
	ctx context.Context, name string, work func(pool *pgxpool.Pool, s *subscriptions.Subscription) error,
) error {
	return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
		s, err := findSubscription(ctx, pool, name)
		if err != nil {
			return err
		}
		return work(pool, s)
	})
}

func findSubscription(ctx context.Context, db transports.Querier, name string) (*subscriptions.Subscription, error) {
	opts := &subscriptions.ListOpts{Suffix: strings.ToLower(name)}
	if id, err := uuid.Parse(name); err == nil {
		opts = &subscriptions.ListOpts{IDs: []uuid.UUID{id}}
	} else if len(name) != 8 || strings.Trim(opts.Suffix, "0123456789abcdef") != "" {
		return nil, usagef("%q is no subscription (give the whole id, or its last eight hex digits)", name)
	}
	found, err := subscriptions.New(nil).List(ctx, db, opts)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fmt.Errorf("there is no subscription %s", name)
	case len(found) > 1:
		return nil, usagef("%d subscriptions end in %s (give the whole id)", len(found), name)
	}
	return &found[0], nil
}

func (a *app) printSubscription(s *subscriptions.Subscription) error {
	if a.json {
		return a.printJSON(s)
	}
	n := &narrator{app: a}
	n.line(0, "subscription %s  %s", s.ID.String(), string(s.State))
	n.line(1, "person    %s", s.Person)
	if s.Tenant != "" {
		n.line(1, "tenant    %s", s.Tenant)
	}
	n.line(1, "device    %s", orDash(s.Device))
	n.line(1, "host      %s", s.Host)
	n.line(1, "created   %s", when(s.CreatedAt))
	n.line(1, "last ok   %s", whenOrNever(s.LastOKAt))
	return a.print(n.String())
}
