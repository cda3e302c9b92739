package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/transports/webhook"
	"github.com/carillon-notify/carillon/transports/webhook/endpoints"
	"github.com/carillon-notify/carillon/transports/webhook/signature"
)

func newEndpointsAddCommand(a *app) *cobra.Command {
	var p endpoints.AddParams
	var format, scheme string
	cmd := &cobra.Command{
		Use:   "add URL",
		Short: "Add an endpoint, and show its key once",
		Long: `Add an endpoint. The URL must pass the guard of transports.webhook in the configuration. What the receiver verifies
with is shown this once: the shared key, or with --scheme ed25519 the public one.

JSON: {"endpoint": {…}, "key": …}`,
		Example: `  carillon endpoints add https://hooks.example.com/in --tenant acme --events 'orders.*' --events users.created`,
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.URL, p.Format, p.Scheme = args[0], endpoints.Format(format), signature.Scheme(scheme)
			ctx := cmd.Context()
			return a.withWebhooks(ctx, func(pool *pgxpool.Pool, t *webhook.Transport) error {
				added, key, err := t.Endpoints().Add(ctx, pool, p)
				if err != nil {
					return misused(err)
				}
				return a.printKey(added, key)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&p.Tenant, "tenant", "", "whose events it gets")
	flags.StringVar(&p.Description, "description", "", "what it is, for people")
	flags.StringSliceVar(&p.Events, "events", nil, "the events it wants, such as orders.created or 'orders.*' (default all)")
	flags.StringVar(&format, "format", string(endpoints.Native), "native or cloudevents")
	flags.StringVar(&scheme, "scheme", string(signature.HMAC), "how its requests are signed: hmac or ed25519")
	return cmd
}

// misused tells a wrong argument from a failure.
func misused(err error) error {
	if invalid, ok := errors.AsType[*endpoints.InvalidError](err); ok {
		return &usageError{invalid}
	}
	return err
}

// withKey is what add and rotate print with --json.
type withKey struct {
	Endpoint *endpoints.Endpoint `json:"endpoint"`
	// Key is what the receiver verifies with.
	Key string `json:"key"`
}

func (a *app) printKey(e *endpoints.Endpoint, key signature.Key) error {
	shown := key.Public()
	if shown == "" {
		shown = key.Reveal()
	}
	if a.json {
		return a.printJSON(withKey{e, shown})
	}
	n := &narrator{app: a}
	n.endpoint(e)
	n.line(0, "the receiver verifies with %s", shown)
	if err := a.print(n.String()); err != nil {
		return err
	}
	a.say("keep the key: it is not shown again")
	return nil
}

func newEndpointsRotateCommand(a *app) *cobra.Command {
	var scheme string
	var now bool
	overlap := endpoints.Overlap
	cmd := &cobra.Command{
		Use:   "rotate ID",
		Short: "Give an endpoint a new key, and show it once",
		Long: `Give an endpoint a new key. The older ones sign along for --overlap, so that the receiver can change over; --now ends
them at once, for a key that was stolen.

JSON: {"endpoint": {…}, "key": …}`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if overlap <= 0 {
				return usagef("--overlap is not positive (give --now to end the older keys at once)")
			}
			opts := &endpoints.RotateOpts{Overlap: overlap, Scheme: signature.Scheme(scheme)}
			if now {
				opts.Overlap = -1
			}
			ctx := cmd.Context()
			return a.withWebhooks(ctx, func(pool *pgxpool.Pool, t *webhook.Transport) error {
				e, err := findEndpoint(ctx, pool, args[0])
				if err != nil {
					return err
				}
				rotated, key, err := t.Endpoints().Rotate(ctx, pool, e.Tenant, e.ID, opts)
				if errors.Is(err, signature.ErrKey) {
					return &usageError{err}
				}
				if err != nil {
					return misused(err)
				}
				return a.printKey(rotated, key)
			})
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&overlap, "overlap", overlap, "how long the older keys sign along")
	flags.BoolVar(&now, "now", false, "end the older keys at once")
	flags.StringVar(&scheme, "scheme", string(signature.HMAC), "of the new key: hmac or ed25519")
	return cmd
}

func newEndpointsEnableCommand(a *app) *cobra.Command {
	return newEndpointStateCommand(a, "enable ID", "Send to an endpoint again", plainEndpoints().Enable)
}

func newEndpointsDisableCommand(a *app) *cobra.Command {
	return newEndpointStateCommand(a, "disable ID", "Stop sending to an endpoint; what it misses can be replayed",
		plainEndpoints().Disable)
}

func newEndpointStateCommand(
	a *app, use, short string, setFunc func(ctx context.Context, db endpoints.DB, tenant string, id uuid.UUID) error,
) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.withEndpoint(ctx, args[0], func(pool *pgxpool.Pool, e *endpoints.Endpoint) error {
				if err := setFunc(ctx, pool, e.Tenant, e.ID); err != nil {
					return err
				}
				changed, err := plainEndpoints().Get(ctx, pool, e.Tenant, e.ID)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(changed)
				}
				return a.print(fmt.Sprintf("endpoint %s  %s\n", changed.Address(), endpointState(*changed)))
			})
		},
	}
}

func newEndpointsDeleteCommand(a *app) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "delete ID",
		Short: "Forget an endpoint and its keys",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return usagef("delete forgets the endpoint's keys, too (add --yes; disable stops it and keeps them)")
			}
			ctx := cmd.Context()
			return a.withEndpoint(ctx, args[0], func(pool *pgxpool.Pool, e *endpoints.Endpoint) error {
				if err := plainEndpoints().Delete(ctx, pool, e.Tenant, e.ID); err != nil {
					return err
				}
				a.say("endpoint %s is deleted", e.Address())
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "really delete it")
	return cmd
}

func newEndpointsTestCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "test ID",
		Short: "Send a marked test to an endpoint, and show the answer",
		Long: `Send an event of type carillon.test to an endpoint, now and from here, whatever its state and filter. It is marked
with "test": true, has an id of its own and no receipt, and counts neither for nor against the endpoint. The exit status
is 1 unless the answer was 2xx.

JSON: {"id": …, "ok": …, "status": …, "excerpt": …, "took_ns": …, "body": …}`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.withWebhooks(ctx, func(pool *pgxpool.Pool, t *webhook.Transport) error {
				e, err := findEndpoint(ctx, pool, args[0])
				if err != nil {
					return err
				}
				targets, err := t.Endpoints().Targets(ctx, pool, time.Now(), []uuid.UUID{e.ID})
				if err != nil {
					return err
				}
				if targets[e.ID] == nil {
					return endpoints.ErrNotFound
				}
				result, err := t.Test(ctx, targets[e.ID])
				if err != nil {
					return fmt.Errorf("no answer: %w", err)
				}
				return a.printTest(result)
			})
		},
	}
}

func (a *app) printTest(result *webhook.TestResult) error {
	if a.json {
		if err := a.printJSON(result); err != nil {
			return err
		}
	} else {
		n := &narrator{app: a}
		n.line(0, "answer %s in %s", fmt.Sprint(result.Status), result.Took.Round(time.Millisecond).String())
		n.line(1, "id        %s", result.ID)
		if result.Excerpt != "" {
			n.text(1, "answer", result.Excerpt)
		}
		if err := a.print(n.String()); err != nil {
			return err
		}
	}
	if !result.OK {
		return fmt.Errorf("the endpoint answered %d (only 2xx is success)", result.Status)
	}
	return nil
}
