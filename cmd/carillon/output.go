package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/carillon-notify/carillon/internal/cli"
	"github.com/carillon-notify/carillon/receipts"
)

// printJSON writes one line.
func (a *app) printJSON(v any) error {
	line, err := cli.Line(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return a.print(string(line))
}

func (a *app) print(text string) error {
	if _, err := io.WriteString(a.out, text); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// listing is how rows of one kind are shown to people.
type listing[T any] struct {
	header []string
	// cells are strings, or painted.
	cells func(T) []any
	// none is said if there are no rows.
	none string
}

// printRows writes a table, or with --json a line per row.
func printRows[T any](a *app, rows []T, l listing[T]) error {
	if a.json {
		for _, row := range rows {
			if err := a.printJSON(row); err != nil {
				return err
			}
		}
		return nil
	}
	if len(rows) == 0 {
		a.say("%s", l.none)
		return nil
	}
	header := make(table.Row, len(l.header))
	for i, name := range l.header {
		header[i] = name
	}
	w := table.NewWriter()
	w.SetStyle(plain())
	w.AppendHeader(header)
	for _, row := range rows {
		cells := l.cells(row)
		for i, cell := range cells {
			cells[i] = a.show(cell)
		}
		w.AppendRow(cells)
	}
	var b strings.Builder
	for line := range strings.SplitSeq(w.Render(), "\n") {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return a.print(b.String())
}

// plain is a table without lines, which can be cut up with the usual tools.
func plain() table.Style {
	style := table.StyleDefault
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = "  "
	style.Format.Header = text.FormatDefault
	style.Options = table.OptionsNoBordersAndSeparators
	return style
}

// painted is data with a colour.
type painted struct {
	text   string
	colour text.Color
}

// String is the text without its colour.
func (p painted) String() string { return p.text }

func (a *app) show(cell any) string {
	if p, ok := cell.(painted); ok && a.colours {
		return p.colour.EscapeSeq() + cli.Escape(p.text) + text.Reset.EscapeSeq()
	}
	return cli.Escape(fmt.Sprint(cell))
}

func paintState(s receipts.State) painted {
	colours := map[receipts.State]text.Color{
		receipts.Sent: text.FgGreen, receipts.Merged: text.FgGreen,
		receipts.Failed: text.FgRed, receipts.Uncertain: text.FgRed, receipts.Expired: text.FgRed,
		receipts.Waiting: text.FgYellow, receipts.Resolving: text.FgYellow, receipts.Sending: text.FgYellow,
	}
	colour, known := colours[s]
	if !known {
		colour = text.Reset
	}
	return painted{string(s), colour}
}

// short is the part of an id that people see: the first digits stand still for a minute.
func short(id uuid.UUID) string {
	s := id.String()
	return s[len(s)-8:]
}

// when is a time for people.
func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func whenOrNever(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return when(*t)
}

// orDash keeps empty cells visible.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
