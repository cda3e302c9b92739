package cli_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/cli"
)

func TestSecretsOfMalformedConnectionStrings(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string][]string{
		"postgres://ada:s3cret@db:5432/app":        {"s3cret"},
		"postgres://ada:12/s3cret@db:5432/app":     {"12/s3cret", "s3cret"},
		"postgres://ada:s3 cret#x@db/app":          {"s3 cret#x", "cret"},
		"postgres://ada:p%2Fs3cret@db/app":         {"p%2Fs3cret", "p/s3cret"},
		"postgres:/ada:s3cret@db/app":              {"s3cret"},
		"postgres//ada:s3cret@db/app":              {"s3cret"},
		"ada:s3cret@db/app":                        {"s3cret"},
		"postgres://ada:s3@cret@db/app":            {"s3@cret", "cret"},
		"host=db password=s3cret user=ada":         {"s3cret"},
		"host=db password='s3cret user=ada":        {"s3cret"},
		"host=db password=s3 cret port=1":          {"s3 cret", "cret"},
		"postgres://db/app?password=s3cret&port=1": {"s3cret"},
		"host=db PASSWD = s3cret":                  {"s3cret"},
	} {
		require.Subset(t, cli.Secrets(dsn), want, dsn)
	}
	for _, dsn := range []string{"postgres://db:5432/app", "host=db port=5432", "", "postgres://ada@db/app", "postgres://[::1]:5432/app"} {
		require.Empty(t, cli.Secrets(dsn), dsn)
	}
}
