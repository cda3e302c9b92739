package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/internal/pgdev"
)

// demoDeadline is how long the demo waits for its receipts to end.
const demoDeadline = 45 * time.Second

const demoLong = `demo plays a day at a dispatch office for superheroes (examples/herodispatch): somebody reports an
incident, heroes are sent out, everybody concerned is told by mail, in the app, in Slack and Discord, by text message,
webhook and web push. Nothing leaves the machine: mail goes to an SMTP server inside this command, which refuses one
message at first, and all else to servers beside it that speak the protocols of the real ones, refuse what those refuse,
verify signatures and decrypt.

Without a database it raises a private Postgres that goes when the command ends. A database that --database-url or
DATABASE_URL names is migrated, gets the example's own schema herodispatch, and keeps what this run adds under a tenant
of its own. No other worker should run on it meanwhile: workers share what is due, and that one would take some of ours.

At the end the demo checks what it has seen: every receipt ended, the mails, messages, texts, webhooks and notifications
that the servers got are exactly those that receipts call sent, the inboxes hold what receipts say, one person opted out and was skipped, one mail was delayed
and not early, one was refused for the moment and sent by the second try. It exits with 1 if any of that is not so.

With --json standard output has one object per receipt. Without --once there follows one with the database_url.`

// newDemoCommand makes the command. The flags --json and --database-url are the root's.
func newDemoCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a first notification, with nothing installed and nothing leaving the machine",
		Long:  demoLong,
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			flag := func(name string) string {
				if f := cmd.Flags().Lookup(name); f != nil {
					return f.Value.String()
				}
				return ""
			}
			d := &demo{
				out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), once: once, json: flag("json") == "true",
				databaseURL: cmp.Or(flag("database-url"), os.Getenv(pgdev.EnvURL)),
				deadline:    demoDeadline,
				name:        demoCommandName(),
				colours:     wantsColours(cmd.OutOrStdout()),
			}
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the story instead of staying up")
	return cmd
}

// demo is one run.
type demo struct {
	out, err io.Writer
	// once ends the run after the story; else it stays up until the context ends.
	once bool
	json bool
	// databaseURL names a database that exists; empty raises a private one.
	databaseURL string
	deadline    time.Duration
	// name is how people call this program. Defaults to carillon.
	name string
	// colours are wanted on out.
	colours bool
}

// wantsColours is what [newApp] finds for a terminal.
func wantsColours(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && isTerminal(f) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// run raises everything, plays, and takes everything down again. An interrupted run returns the context's error,
// except where it only stays up and waits for that.
func (d *demo) run(ctx context.Context) (err error) {
	s, err := d.raise(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()

	group, playing := errgroup.WithContext(ctx)
	working, stop := context.WithCancel(playing)
	defer stop()
	group.Go(func() error { return s.worker.Run(working) })
	group.Go(func() error {
		defer stop()
		return d.play(playing, s)
	})
	return group.Wait()
}

// play tells the story, waits for what comes of it, shows it and checks it.
func (d *demo) play(ctx context.Context, s *demoStage) error {
	p := &demoPrinter{out: d.out, json: d.json, paint: &app{colours: d.colours}}
	seen, err := d.watch(ctx, s, p)
	if err != nil {
		return err
	}
	results := verifyDemo(seen)
	if err := d.show(ctx, s, p, seen, results); err != nil {
		return err
	}
	if err := demoFailure(results); err != nil {
		return s.explain(err)
	}
	if d.once {
		return nil
	}
	if d.json {
		err = p.line(map[string]string{"database_url": s.dsn, "tenant": s.city})
	} else {
		p.goOn(s, seen.commands(cmp.Or(d.name, "carillon"), s.city))
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	d.say("stopping")
	return nil
}

// watch plays the day and looks at what comes of it; people see it as it goes, scene by scene.
func (d *demo) watch(ctx context.Context, s *demoStage, p *demoPrinter) (*demoFacts, error) {
	w := newDemoWatch(s, func(demoReceipt) {})
	var audience demoAudience
	if !d.json {
		w.show = p.passing
		audience.narrate = p.narrate
		audience.pause = func(ctx context.Context, t *demoTale) error {
			_, err := s.follow(ctx, t, w, min(demoPause, d.deadline), isSettled)
			return err
		}
	}
	tale, err := s.tell(ctx, audience)
	if err != nil {
		return nil, err
	}
	if !d.json {
		p.narrate("18:00", "the day is over; what was put off is still to come")
	}
	return s.await(ctx, tale, w, d.deadline)
}

// show tells what was seen, in one form or the other.
func (d *demo) show(ctx context.Context, s *demoStage, p *demoPrinter, seen *demoFacts, results []demoResult) error {
	if d.json {
		return p.rows(seen)
	}
	if r := seen.pick(isOptedOut); r != nil {
		reason, err := s.reasonOf(ctx, *r)
		if err != nil {
			return err
		}
		p.skipped(*r, reason)
	}
	if m, ok := seen.letter(); ok {
		p.letter(m)
	}
	p.messages(seen.Arrived)
	p.checks(results)
	return nil
}

// say writes words for people.
func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.err, "carillon: demo: %s\n", fmt.Sprintf(format, args...))
}
