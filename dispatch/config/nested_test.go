package config_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/transports"
)

// TestAProblemBelowAKeyHasItsPlace lets a builder complain about a key of a section within its own.
func TestAProblemBelowAKeyHasItsPlace(t *testing.T) {
	t.Parallel()
	builder := config.Builder{
		Spec: transports.Spec{Name: "pager", Doc: "a pager", Required: []string{transports.FieldMessage}},
		New: func(decode func(any) error) (transports.Transport, error) {
			var c struct {
				Gateway *struct {
					Region string `yaml:"region"`
				} `yaml:"gateway"`
			}
			if err := decode(&c); err != nil {
				return nil, err
			}
			return nil, errors.New("pager: gateway.region is none")
		},
	}
	_, err := config.Parse("c.yaml", []byte("transports:\n  pager:\n    gateway:\n      region: mars\n"), []config.Builder{builder}, nil)
	require.ErrorContains(t, err, "c.yaml:4:15: transports.pager.gateway.region: is none")
}
