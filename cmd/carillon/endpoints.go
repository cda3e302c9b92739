package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/internal/egress"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webhook"
	"github.com/carillon-notify/carillon/transports/webhook/endpoints"
)

func newEndpointsCommand(a *app) *cobra.Command {
	return group("endpoints", "See and change where webhooks go",
		newEndpointsAddCommand(a), newEndpointsListCommand(a), newEndpointsShowCommand(a), newEndpointsRotateCommand(a),
		newEndpointsEnableCommand(a), newEndpointsDisableCommand(a), newEndpointsDeleteCommand(a),
		newEndpointsTestCommand(a), newEndpointsReplayCommand(a))
}

// withWebhooks calls work with the transport of the configuration, whose guard judges URLs and whose keys seal secrets.
func (a *app) withWebhooks(ctx context.Context, work func(pool *pgxpool.Pool, t *webhook.Transport) error) error {
	return withTransport(ctx, a, "transports.webhook (add it; an empty one, webhook: {}, will do)", work)
}

// withTransport calls work with the transport of that type in the configuration; missing names it, and the way out.
func withTransport[T transports.Transport](
	ctx context.Context, a *app, missing string, work func(pool *pgxpool.Pool, t T) error,
) (err error) {
	file, err := a.loadConfig()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeTransports(ctx, file.Transports)) }()
	a.fallBackTo(file)
	for _, t := range file.Transports {
		if found, ok := t.(T); ok {
			return a.withDatabase(ctx, func(pool *pgxpool.Pool) error { return work(pool, found) })
		}
	}
	return usagef("the configuration has no %s", missing)
}

// withEndpoint calls work with the endpoint that people name by its id, or its last eight hex digits.
func (a *app) withEndpoint(ctx context.Context, name string, work func(pool *pgxpool.Pool, e *endpoints.Endpoint) error) error {
	return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
		e, err := findEndpoint(ctx, pool, name)
		if err != nil {
			return err
		}
		return work(pool, e)
	})
}

// plainEndpoints is a store for what needs neither guard nor encryption keys.
func plainEndpoints() *endpoints.Store {
	// Without a config nothing can be wrong with it.
	store, _ := endpoints.New(nil)
	return store
}

func findEndpoint(ctx context.Context, db transports.Querier, name string) (*endpoints.Endpoint, error) {
	opts := &endpoints.ListOpts{Suffix: strings.ToLower(name)}
	if id, err := endpoints.ParseAddress(name); err == nil {
		opts = &endpoints.ListOpts{IDs: []uuid.UUID{id}}
	} else if len(name) != 8 || strings.Trim(opts.Suffix, "0123456789abcdef") != "" {
		return nil, usagef("%q is no endpoint: %s, or the last eight hex digits", name, err)
	}
	found, err := plainEndpoints().List(ctx, db, opts)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fmt.Errorf("there is no endpoint %s", name)
	case len(found) > 1:
		return nil, usagef("%d endpoints end in %s (give the whole id)", len(found), name)
	}
	return &found[0], nil
}

func newEndpointsListCommand(a *app) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List endpoints and their states",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts := &endpoints.ListOpts{}
			if cmd.Flags().Changed("tenant") {
				opts.Tenant = &tenant
			}
			ctx := cmd.Context()
			return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
				found, err := plainEndpoints().List(ctx, pool, opts)
				if err != nil {
					return err
				}
				return printRows(a, found, listing[endpoints.Endpoint]{
					header: []string{"id", "tenant", "host", "events", "format", "state", "failing since"},
					none:   "there are no endpoints",
					cells: func(e endpoints.Endpoint) []any {
						return []any{
							short(e.ID), orDash(e.Tenant), egress.Scrub(e.URL), eventsOf(e), e.Format, endpointState(e), whenOrNever(e.FailingSince),
						}
					},
				})
			})
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", `only those of this tenant; "" is the one without a name`)
	return cmd
}

func eventsOf(e endpoints.Endpoint) string {
	if len(e.Events) == 0 {
		return "all"
	}
	return strings.Join(e.Events, " ")
}

func endpointState(e endpoints.Endpoint) string {
	return string(e.State) + inBrackets(string(e.Reason))
}

func newEndpointsShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show an endpoint and its keys, without their secrets",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEndpoint(cmd.Context(), args[0], func(_ *pgxpool.Pool, e *endpoints.Endpoint) error {
				if a.json {
					return a.printJSON(e)
				}
				n := &narrator{app: a}
				n.endpoint(e)
				return a.print(n.String())
			})
		},
	}
}

func (n *narrator) endpoint(e *endpoints.Endpoint) {
	n.line(0, "endpoint %s  %s", e.Address(), endpointState(*e))
	n.line(1, "url       %s", e.URL)
	for _, fact := range []struct{ name, value string }{
		{"tenant", e.Tenant},
		{"about", e.Description},
	} {
		if fact.value != "" {
			n.line(1, "%s %s", fmt.Sprintf("%-9s", fact.name), fact.value)
		}
	}
	n.line(1, "events    %s", eventsOf(*e))
	n.line(1, "format    %s", e.Format)
	n.line(1, "since     %s", when(e.StateSince))
	if e.FailingSince != nil {
		n.line(1, "failing   since %s", when(*e.FailingSince))
	}
	for _, k := range e.Keys {
		line := fmt.Sprintf("%s of %s", k.Scheme, when(k.CreatedAt))
		if k.ExpiresAt != nil {
			line += ", until " + when(*k.ExpiresAt)
		}
		if !k.Sealed {
			line += ", not sealed"
		}
		if k.Public != "" {
			line += "  " + k.Public
		}
		n.line(1, "key       %s", line)
	}
}
