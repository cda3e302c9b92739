package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run copies the tree, looks at the baseline, and tries each mutant.
func run(ctx context.Context, names []string) error {
	mutants, err := load("internal/mutants", names)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	tree := tree{folder}
	if err := tree.copy(ctx); err != nil {
		return err
	}
	if err := baseline(ctx, tree, mutants); err != nil {
		return err
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "mutant\tverdict\tseconds\tby")
	bad := 0
	for _, m := range mutants {
		started := time.Now()
		verdict := tree.try(ctx, m)
		if verdict != caught {
			bad++
		}
		fmt.Fprintf(out, "%s\t%s\t%.0f\t%s\n", m.name, verdict, time.Since(started).Seconds(), m.test)
		fmt.Fprintf(os.Stderr, "%s: %s\n", m.name, verdict)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d mutants are not caught", bad, len(mutants))
	}
	return ctx.Err()
}

// baseline wants every named test to pass without a mutant.
func baseline(ctx context.Context, tree tree, mutants []mutant) error {
	for _, m := range mutants {
		if verdict, output := tree.test(ctx, m); verdict != missed {
			return fmt.Errorf("the baseline is not green: %s in %s: %s\n%s", m.test, m.pkg, verdict, output)
		}
	}
	return nil
}
