package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the harness, or, when the first argument names a role, one of its processes.
func run(ctx context.Context, args []string, in io.Reader, out, words io.Writer) int {
	var err error
	switch {
	case len(args) > 0 && args[0] == roleSMTP, len(args) > 0 && args[0] == roleHTTP:
		err = serveSink(args, in, out)
	case len(args) > 0 && args[0] == roleEmit:
		err = emitProcess(ctx, args[1:])
	default:
		return runHarness(ctx, args, out, words)
	}
	if err != nil {
		fmt.Fprintf(words, "faulttest %s: %s\n", args[0], err)
		return exitFailure
	}
	return 0
}

// options are the harness's flags.
type options struct {
	full, keep, record bool
	rows               string
	seed               uint64
	seeds, parallel    int
}

func runHarness(ctx context.Context, args []string, out, words io.Writer) int {
	var o options
	flags := flag.NewFlagSet("faulttest", flag.ContinueOnError)
	flags.SetOutput(words)
	flags.BoolVar(&o.full, "full", false, "all rows in their full size")
	flags.BoolVar(&o.keep, "keep", false, "keep the directory of each run, with its logs")
	flags.BoolVar(&o.record, "record", false, "write the results to "+recordPath)
	flags.StringVar(&o.rows, "row", "", "run these `ROWS` only, as F-03,F-04")
	flags.Uint64Var(&o.seed, "seed", 0, "the first seed (default a fresh one)")
	flags.IntVar(&o.seeds, "seeds", 1, "how many seeds each row runs with")
	flags.IntVar(&o.parallel, "parallel", 4, "how many small rows run at once")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	case flags.NArg() > 0 || o.seeds < 1 || o.parallel < 1:
		fmt.Fprintf(words, "faulttest: %s cannot be used\n", strings.Join(args, " "))
		return exitUsage
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1_000_000) + 1
	}
	chosen, err := choose(&o)
	if err != nil {
		fmt.Fprintf(words, "faulttest: %s\n", err)
		return exitUsage
	}
	h, err := newHarness(ctx, o, words)
	if err == nil {
		err = errors.Join(h.runAll(ctx, chosen, out), h.close())
	}
	if err != nil {
		fmt.Fprintf(words, "faulttest: %s\n", err)
		return exitFailure
	}
	return 0
}
