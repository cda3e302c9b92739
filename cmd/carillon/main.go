// Command carillon is everything that an operator runs: the worker, the schema, and the admin commands.
//
// Data goes to standard output, as tables for people or with --json as one object or one line per row; words go to
// standard error. The exit status is 0, 1 for a failure, or 2 for wrong usage.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // Time zones are checked on machines that have no list of them, too.
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(newApp(os.Stdin, os.Stdout, os.Stderr).run(ctx, os.Args[1:]))
}
