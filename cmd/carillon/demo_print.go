package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/carillon-notify/carillon/internal/cli"
	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/receipts"
)

// demoPrinter shows a run on standard output: lines of JSON, or a story for people.
type demoPrinter struct {
	out  io.Writer
	json bool
	// paint shows cells, in colour where that is wanted.
	paint *app
	// begun tells that the story has its heading.
	begun bool
}

// narrate tells one line of the story.
func (p *demoPrinter) narrate(at, line string) {
	if !p.begun {
		p.begun = true
		p.heading("A day at the office, and the receipts going by:")
	}
	fmt.Fprintf(p.out, "  %s  %s\n", at, line)
}

// passing shows one receipt going by.
func (p *demoPrinter) passing(r demoReceipt) {
	state := painted{fmt.Sprintf("%-21s", stateOf(r)), paintState(r.State).colour}
	how := ""
	switch {
	case r.FinishedAt != nil && r.Attempts > 1:
		how = fmt.Sprintf(", at try %d", r.Attempts)
	case r.State == receipts.Waiting && r.Reason == receipts.Retry:
		how = fmt.Sprintf(", try %d was refused", r.Attempts)
	}
	fmt.Fprintf(p.out, "           %s %-8s %-12s %s%s\n",
		p.paint.show(state), r.Transport, cli.Escape(cmp.Or(r.Recipient, "(not yet known)")), r.Event, how)
}

// rows writes the receipts as JSON.
func (p *demoPrinter) rows(f *demoFacts) error {
	for _, r := range f.Receipts {
		if err := p.line(r); err != nil {
			return err
		}
	}
	return nil
}

// skipped shows which receipt was not sent, and the reason that is on record.
func (p *demoPrinter) skipped(r demoReceipt, reason string) {
	p.heading("One was not sent, and the reason is kept:")
	fmt.Fprintf(p.out, "  %s by %s to %s: %s, because %s\n", r.Event, r.Transport, r.Recipient, stateOf(r), cli.Escape(reason))
}

// letter shows one mail as the server got it.
func (p *demoPrinter) letter(m smtpsink.Message) {
	p.heading("One mail, as it was received:")
	for _, name := range []string{"From", "To", "Subject", "Date", "Message-Id", "List-Unsubscribe"} {
		for _, value := range m.Header.Values(name) {
			fmt.Fprintf(p.out, "  %s: %s\n", name, cli.Escape(value))
		}
	}
	fmt.Fprintln(p.out)
	for _, line := range cli.Lines(strings.TrimSpace(m.Text)) {
		fmt.Fprintln(p.out, strings.TrimRight("  "+line, " "))
	}
}

// messages shows what the other receivers got, one after the other.
func (p *demoPrinter) messages(all []demoMessage) {
	p.heading("And what others received, from servers that speak their protocols:")
	for _, m := range all {
		fmt.Fprintf(p.out, "  %s to %s:\n", m.Transport, cli.Escape(m.To))
		for _, text := range m.Lines {
			for _, line := range cli.Lines(strings.TrimSpace(text)) {
				fmt.Fprintln(p.out, strings.TrimRight("    "+line, " "))
			}
		}
	}
}

// checks shows the outcome of the checks; what has failed is the command's error.
func (p *demoPrinter) checks(results []demoResult) {
	p.heading("What was checked:")
	for _, r := range results {
		verdict := "ok"
		if r.Wrong != "" {
			verdict = "NO"
		}
		fmt.Fprintf(p.out, "  %s  %s\n", verdict, r.Name)
	}
}

// goOn shows what to try while the demo stays up.
func (p *demoPrinter) goOn(s *demoStage, commands []string) {
	p.heading("The worker stays up until Ctrl-C. To go on, in another terminal:")
	if s.private {
		fmt.Fprintf(p.out, "  export DATABASE_URL='%s'\n", s.dsn)
	} else {
		fmt.Fprintf(p.out, "  (with DATABASE_URL set to the database that this runs on)\n")
	}
	for _, command := range commands {
		fmt.Fprintf(p.out, "  %s\n", command)
	}
	fmt.Fprintln(p.out)
}

func (p *demoPrinter) heading(text string) {
	fmt.Fprintf(p.out, "\n%s\n\n", text)
}

func (p *demoPrinter) line(v any) error {
	line, err := cli.Line(v)
	if err != nil {
		return fmt.Errorf("encode a line: %w", err)
	}
	if _, err := p.out.Write(line); err != nil {
		return fmt.Errorf("write a line: %w", err)
	}
	return nil
}
