package pgdev

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNoPostgres is returned by [Start] and [URL] when no way to raise a server worked. The error that wraps it says why
// each way did not, and what to do.
var ErrNoPostgres = errors.New("no Postgres can be started")

// errUnavailable marks a way that this machine does not offer, as opposed to one that broke. Either lets [Start] go on
// to the next way.
var errUnavailable = errors.New("not available")

// errPortTaken says that somebody else got the port between our choosing it and Postgres binding it.
var errPortTaken = errors.New("the port was taken meanwhile")

const remedies = `do one of these:
  apt-get install postgresql
  brew install postgresql@18
  export DATABASE_URL=postgres://user:password@host:5432/database`

// noPostgres joins what each way had to say.
func noPostgres(reasons []string) error {
	return fmt.Errorf("%w:\n  %s\n%s", ErrNoPostgres, strings.Join(reasons, "\n  "), remedies)
}
