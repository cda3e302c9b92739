// Package dispatch shows code that breaks no rule.
package dispatch

import (
	"context"
	"errors"
	"regexp"

	_ "embed"

	_ "example.com/plain"

	"github.com/carillon-notify/carillon/transports"
)

// ErrGone is returned by [Dispatcher.Emit].
var ErrGone = errors.New("gone")

var (
	namePattern = regexp.MustCompile(`^[a-z]+$`)
	ranks       = map[string]int{"low": 1, "high": 2}
)

//go:embed dispatch.go
var source string

var _ emitter = (*Dispatcher)(nil)

type emitter interface {
	Emit(ctx context.Context, name string) error
}

// Config has the parts of a [Dispatcher].
type Config struct {
	Transports []transports.Transport `json:"SELECT a FROM b"`
}

// Dispatcher emits.
type Dispatcher struct{ source string }

// New returns a dispatcher. It panics if the configuration is nil.
func New(c *Config) *Dispatcher {
	if c == nil {
		panic("no configuration")
	}
	return &Dispatcher{source: source}
}

// Emit fails with [ErrGone] if the name is unknown.
func (d *Dispatcher) Emit(ctx context.Context, name string) error {
	if !namePattern.MatchString(name) || ranks[name] == 0 {
		return ErrGone
	}
	d.source = name
	return ctx.Err()
}
