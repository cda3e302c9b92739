package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/carillon-notify/carillon/dispatch/internal/registry"
	"github.com/carillon-notify/carillon/templates"
)

// Enricher adds variables to an event's templates. Make one with [Enrich]; the zero value adds nothing.
type Enricher[T any] struct {
	run   registry.Enrich
	shape *templates.Shape
	errs  []error
}

// Enrich makes an [Enricher] of a function. The fields of X, each with a json tag, become variables beside the
// payload's own, known when the dispatcher is built. The function runs when a message is rendered; an error is
// retried.
func Enrich[T, X any](f func(ctx context.Context, db Querier, payload T) (X, error)) Enricher[T] {
	shape, errs := templates.ShapeOfType(reflect.TypeFor[X]())
	return Enricher[T]{
		shape: shape,
		errs:  errs,
		run: func(ctx context.Context, db Querier, s registry.Subject) (map[string]any, error) {
			payload, err := decode[T](s)
			if err != nil {
				return nil, err
			}
			extra, err := f(ctx, db, payload)
			if err != nil {
				return nil, err
			}
			raw, err := json.Marshal(extra)
			if err != nil {
				return nil, fmt.Errorf("encode what the enricher returned: %w", err)
			}
			return templates.Decode(raw)
		},
	}
}
