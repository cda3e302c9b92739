package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/carillon-notify/carillon/internal/cli"
)

// demoPrinter shows a run on standard output: lines of JSON, or a story for people.
type demoPrinter struct {
	out  io.Writer
	json bool
	// began is when the first line of the story was told.
	began time.Time
}

// narrate tells one line of the story, to people only.
func (p *demoPrinter) narrate(format string, args ...any) {
	if p.json {
		return
	}
	if p.began.IsZero() {
		p.began = time.Now()
		fmt.Fprintf(p.out, "What happens:\n\n")
	}
	fmt.Fprintf(p.out, "  %5.2fs  %s\n", time.Since(p.began).Seconds(), fmt.Sprintf(format, args...))
}

// receipts shows what became of everything that was promised.
func (p *demoPrinter) receipts(f *demoFacts) error {
	if p.json {
		for _, r := range f.Receipts {
			if err := p.line(r); err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Fprintf(p.out, "\nWho is told of it:\n\n")
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  EVENT\tCHANNEL\tRECIPIENT\tSTATE\tATTEMPTS\tAFTER")
	for _, r := range f.Receipts {
		after := "-"
		if r.FinishedAt != nil {
			after = fmt.Sprintf("%d ms", r.FinishedAt.Sub(r.CreatedAt).Milliseconds())
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%d\t%s\n", r.Event, r.Channel, cli.Escape(r.Recipient), stateOf(r), r.Attempts, after)
	}
	return table.Flush()
}

// checks shows the outcome of the checks, to people only: what has failed is the command's error.
func (p *demoPrinter) checks(results []demoResult) {
	if p.json {
		return
	}
	fmt.Fprintf(p.out, "\nWhat was checked:\n\n")
	for _, r := range results {
		verdict := "ok"
		if r.Wrong != "" {
			verdict = "NO"
		}
		fmt.Fprintf(p.out, "  %s  %s\n", verdict, r.Name)
	}
	fmt.Fprintln(p.out)
}

// goOn shows what to try while the demo stays up.
func (p *demoPrinter) goOn(s *demoStage, f *demoFacts) error {
	if p.json {
		return p.line(map[string]string{"database_url": s.dsn, "tenant": s.city})
	}
	fmt.Fprintf(p.out, "The worker stays up until Ctrl-C. In another terminal:\n\n")
	if s.private {
		fmt.Fprintf(p.out, "  export DATABASE_URL='%s'\n", s.dsn)
	}
	tenant := ""
	if s.city != "" {
		tenant = " --tenant " + s.city
	}
	fmt.Fprintf(p.out, "  carillon receipts list\n")
	for _, r := range f.Receipts {
		if isOptedOut(r) {
			id := r.EventID.String()
			fmt.Fprintf(p.out, "  carillon why %s --recipient %s%s\n", id[len(id)-8:], r.Recipient, tenant)
			fmt.Fprintf(p.out, "  carillon preferences set %s --category news --transport email on%s\n", r.Recipient, tenant)
			break
		}
	}
	fmt.Fprintln(p.out)
	return nil
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
