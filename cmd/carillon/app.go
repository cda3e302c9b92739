package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/internal/cli"
)

// The exit statuses.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// app is what the subcommands share: the streams and the global flags.
type app struct {
	in io.Reader
	// out takes data.
	out io.Writer
	// err takes words and logs, and hides what is secret.
	err *cli.Redactor
	// colours are wanted on out.
	colours bool
	// watched tells that err is a terminal.
	watched bool

	databaseURL string
	configPath  string
	json        bool
	// fallbackURL is the configuration's own database.
	fallbackURL string
}

func newApp(in, out, err *os.File) *app {
	return &app{
		in: in, out: out, err: cli.NewRedactor(err),
		colours: isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		watched: isTerminal(err),
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// run does what args ask for and returns the exit status.
func (a *app) run(ctx context.Context, args []string) int {
	root := newRoot(a)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		a.say("%s (see %s --help)", usage, command.CommandPath())
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		a.say("interrupted")
	default:
		a.say("%s", explain(err))
	}
	return exitFailure
}

// say writes words for people. Lines after the first are indented, so that one message can be told from the next.
func (a *app) say(format string, args ...any) {
	lines := cli.Lines(fmt.Sprintf(format, args...))
	fmt.Fprintf(a.err, "carillon: %s\n", strings.Join(lines, "\n  "))
}

// logger writes text for people who watch, JSON otherwise; times are in UTC.
func (a *app) logger() *slog.Logger {
	options := &slog.HandlerOptions{ReplaceAttr: func(groups []string, attr slog.Attr) slog.Attr {
		if len(groups) == 0 && attr.Key == slog.TimeKey {
			attr.Value = slog.TimeValue(attr.Value.Time().UTC())
		}
		return attr
	}}
	if a.watched {
		return slog.New(slog.NewTextHandler(a.err, options))
	}
	return slog.New(slog.NewJSONHandler(a.err, options))
}

// explain puts the database's own hint behind an error, which pgx leaves out.
func explain(err error) string {
	text := err.Error()
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		hint := cmp.Or(pg.Hint, pg.Detail)
		if strings.HasPrefix(pg.Code, "CN") { // Our own functions speak for themselves.
			text = strings.ReplaceAll(text, pg.Error(), pg.Message)
		}
		if hint != "" {
			text += " (" + hint + ")"
		}
	}
	return text
}

// usageError is a mistake in the arguments.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// exactly takes n arguments, which the usage line names.
func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < n:
			return usagef("%s takes %s, not %d: %s", cmd.CommandPath(), count(n, "argument"), len(args), cmd.Use)
		case len(args) > n:
			return usagef("unexpected argument %q", args[n])
		}
		return nil
	}
}

func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	names := make([]string, len(children))
	for i, child := range children {
		names[i] = child.Name()
	}
	cmd := &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q of %s (one of %s)", args[0], cmd.CommandPath(), strings.Join(names, ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("%s needs a command (one of %s)", cmd.CommandPath(), strings.Join(names, ", "))
		},
	}
	cmd.AddCommand(children...)
	return cmd
}
