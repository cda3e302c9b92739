package dispatch

import (
	"context"
	"testing"
)

type run struct {
	ctx context.Context // want
}

func late(name string, ctx context.Context) {} // want

type sender interface {
	Send(name string, ctx context.Context) error // want
}

var hook func(int, context.Context) // want

func first(ctx context.Context, other context.Context, name string) {}

func inTest(t *testing.T, ctx context.Context, name string) {}
