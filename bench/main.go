package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	exitFailure = 1
	exitUsage   = 2

	// record is where the figures of a full run are kept.
	record = "bench/results.json"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// measure is one of the things that the command can do.
type measure struct {
	name string
	run  func(ctx context.Context, db *database, r *results) error
}

func measures() []measure {
	return []measure{
		{"trips", func(ctx context.Context, db *database, r *results) (err error) {
			r.Trips, err = measureTrips(ctx, db)
			return err
		}},
		{"wal", func(ctx context.Context, db *database, r *results) (err error) {
			r.WAL, err = measureWAL(ctx, db, r.Load.WAL)
			return err
		}},
		{"latency", func(ctx context.Context, db *database, r *results) (err error) {
			r.Latency, err = measureLatency(ctx, db, r.Load.Latency)
			return err
		}},
		{"emit", func(ctx context.Context, db *database, r *results) (err error) {
			r.Emit, err = measureEmit(ctx, db, r.Load.Emit)
			return err
		}},
	}
}

func run(ctx context.Context, args []string, out, words io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(words)
	short := flags.Bool("short", false, "few and short slices: does it work at all")
	only := flags.String("only", "", "run one measure: emit, trips, wal or latency")
	file := flags.String("out", "", "write the figures to `FILE`, also those of a short or partial run (default "+record+" for a full one)")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	case flags.NArg() > 0:
		fmt.Fprintf(words, "bench: unexpected argument %q\n", flags.Arg(0))
		return exitUsage
	}
	chosen := measures()
	if *only != "" {
		chosen = slices.DeleteFunc(chosen, func(m measure) bool { return m.name != *only })
	}
	if len(chosen) == 0 {
		fmt.Fprintf(words, "bench: unknown measure %q (one of emit, trips, wal, latency)\n", *only)
		return exitUsage
	}
	if *file == "" && *only == "" && !*short {
		*file = record
	}
	if err := report(ctx, chosen, *short, *file, out, words); err != nil {
		fmt.Fprintf(words, "bench: %s\n", strings.TrimSpace(err.Error()))
		return exitFailure
	}
	return 0
}

// report runs the measures, prints the table, and writes the file unless its name is empty.
func report(ctx context.Context, chosen []measure, short bool, file string, out, words io.Writer) (err error) {
	db, err := openDatabase(ctx)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		err = errors.Join(err, db.close(ctx))
	}()
	for _, warning := range db.server.warnings() {
		fmt.Fprintln(words, "bench:", warning)
	}
	r := newResults(ctx, db.server, short)
	for _, m := range chosen {
		fmt.Fprintf(words, "bench: measuring %s\n", m.name)
		if err := m.run(ctx, db, r); err != nil {
			return fmt.Errorf("measure %s: %w", m.name, err)
		}
	}
	if err := r.print(out); err != nil {
		return err
	}
	if file == "" {
		return nil
	}
	return r.write(file)
}
