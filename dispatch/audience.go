package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/dispatch/internal/registry"
	"github.com/carillon-notify/carillon/dispatch/internal/sqltext"
	"github.com/carillon-notify/carillon/templates"
	"github.com/carillon-notify/carillon/transports"
)

// Audience is a named way to find recipients. Make one with [Person], [People], [Field], [Fixed], [SQL],
// [Endpoints] or [AudienceFunc]; the zero value is refused.
type Audience struct {
	payload reflect.Type
	resolve registry.Resolver
	fixed   map[string]string
	kind    transports.AddressKind
}

// Person is the one person whose id f returns; nobody if it returns "".
func Person[T any](f func(T) string) Audience {
	return People(func(payload T) []string { return []string{f(payload)} })
}

// People are the people whose ids f returns. Empty ids count as nobody, and each person counts once.
func People[T any](f func(T) []string) Audience {
	return AudienceFunc(func(_ context.Context, _ Querier, payload T) ([]Recipient, error) {
		return persons(f(payload)), nil
	})
}

// AudienceFunc finds recipients by a function, which may read through db. An error is retried; it never means nobody.
func AudienceFunc[T any](f func(ctx context.Context, db Querier, payload T) ([]Recipient, error)) Audience {
	return Audience{
		payload: reflect.TypeFor[T](),
		resolve: func(ctx context.Context, db Querier, s registry.Subject) ([]Recipient, error) {
			payload, err := decode[T](s)
			if err != nil {
				return nil, err
			}
			return f(ctx, db, payload)
		},
	}
}

// Field is the person, or the list of people, whose id stands in a field of the event's data. The path may lead into
// nested objects by dots. A missing or null field is an error, which is retried; an empty one is nobody.
func Field(path string) Audience {
	return Audience{resolve: func(_ context.Context, _ Querier, s registry.Subject) ([]Recipient, error) {
		data, err := templates.Decode(s.Data)
		if err != nil {
			return nil, err
		}
		var value any = data
		for name := range strings.SplitSeq(path, ".") {
			object, _ := value.(map[string]any)
			value = object[name]
		}
		switch v := value.(type) {
		case nil:
			return nil, fmt.Errorf("the event's data has no field %s", path)
		case []any:
			ids := make([]string, len(v))
			for i, id := range v {
				ids[i] = fmt.Sprint(id)
			}
			return persons(ids), nil
		default:
			return persons([]string{fmt.Sprint(v)}), nil
		}
	}}
}

// SQL are the people whose ids a query returns in its first column, as any type. $1 is the event's data as jsonb, $2,
// where used, the tenant.
func SQL(query string) Audience {
	return Audience{resolve: func(ctx context.Context, db Querier, s registry.Subject) ([]Recipient, error) {
		columns, rows, err := sqltext.Query(ctx, db, query,
			sqltext.Arg{Value: json.RawMessage(s.Data), Type: "jsonb"}, sqltext.Arg{Value: s.Tenant, Type: "text"})
		if err != nil {
			return nil, fmt.Errorf("find the audience: %w", err)
		}
		ids := make([]string, len(rows))
		for i, row := range rows {
			ids[i] = row[columns[0]]
		}
		return persons(ids), nil
	}}
}

// Endpoints are the stored endpoints of the event's tenant whose filter takes the event, each with a receipt of its own.
// Disabled ones are among them: their receipts end as skipped(switched_off), and can be sent once they are enabled.
func Endpoints() Audience {
	return Audience{kind: transports.AddressEndpoint, resolve: findEndpoints}
}

func findEndpoints(ctx context.Context, db Querier, s registry.Subject) ([]Recipient, error) {
	rows, err := db.Query(ctx, sqlEndpoints, pgx.StrictNamedArgs{"tenant": s.Tenant, "event": s.Event})
	if err != nil {
		return nil, fmt.Errorf("find endpoints: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("find endpoints: %w", err)
	}
	recipients := make([]Recipient, len(ids))
	for i, id := range ids {
		recipients[i] = Recipient{Address: "ep_" + id}
	}
	return recipients, nil
}

// Fixed is one address of a transport, such as a Slack channel. [Audience.And] adds addresses of other transports.
func Fixed(transport, address string) Audience {
	return Audience{fixed: map[string]string{transport: address}}
}

// And adds a fixed address of another transport.
func (a Audience) And(transport, address string) Audience {
	a.fixed = maps.Clone(a.fixed)
	if a.fixed == nil {
		a.fixed = map[string]string{}
	}
	a.fixed[transport] = address
	return a
}

func persons(ids []string) []Recipient {
	recipients := make([]Recipient, 0, len(ids))
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if id != "" && !seen[id] {
			seen[id] = true
			recipients = append(recipients, Recipient{ID: id})
		}
	}
	return recipients
}
