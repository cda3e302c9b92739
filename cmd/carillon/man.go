package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// defaultManDir is where manual pages go if nobody says.
const defaultManDir = "man"

func newManCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "man [DIR]",
		Short: "Write manual pages",
		Long: `Write a manual page for every command into DIR (default man), which is made if need be, and print where each
went. Read one with man -l man/carillon.1, or install all into a directory of MANPATH, below man1. The same program
writes the same bytes. With --json, one line per page.`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := defaultManDir
			if len(args) > 0 {
				dir = args[0]
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("make the directory of the manual: %w", err)
			}
			pages, err := writeManual(cmd.Root(), dir, nil)
			return errors.Join(err, printRows(a, pages, listing[manualPage]{
				header: []string{"command", "path"},
				cells:  func(p manualPage) []any { return []any{p.Command, p.Path} },
			}))
		},
	}
}

// manualPage is what `carillon man --json` prints for each.
type manualPage struct {
	Command string `json:"command"`
	Path    string `json:"path"`
}

// writeManual writes the page of cmd and those of the commands below it, and adds them to pages.
func writeManual(cmd *cobra.Command, dir string, pages []manualPage) ([]manualPage, error) {
	page := manualPage{Command: cmd.CommandPath(), Path: filepath.Join(dir, pageName(cmd)+".1")}
	if err := os.WriteFile(page.Path, []byte(manual(cmd)), 0o644); err != nil {
		return pages, fmt.Errorf("write a page of the manual: %w", err)
	}
	pages = append(pages, page)
	for _, child := range cmd.Commands() {
		if !child.IsAvailableCommand() {
			continue
		}
		var err error
		if pages, err = writeManual(child, dir, pages); err != nil {
			return pages, err
		}
	}
	return pages, nil
}

// pageName joins the words of a command with hyphens, as git does.
func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manual is the page of one command, in the macros of man(7).
func manual(cmd *cobra.Command) string {
	cmd.InitDefaultHelpFlag()
	var b strings.Builder
	name := pageName(cmd)
	// Without a date: it would be that of the writing, not of the text.
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"carillon %s\" \"Carillon\"\n", quoteRoff(strings.ToUpper(name)), roff(readVersion().Version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.nf\n%s\n", roffLines(cmd.UseLine()))
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "%s\n", roffLines(cmd.CommandPath()+" [command]"))
	}
	b.WriteString(".fi\n.SH DESCRIPTION\n" + roffParagraphs(strings.TrimSpace(longOf(cmd))) + "\n")
	if cmd.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roffLines(strings.TrimRight(cmd.Example, "\n")))
	}
	writeFlags(&b, "OPTIONS", cmd.NonInheritedFlags().FlagUsages())
	writeFlags(&b, "GLOBAL OPTIONS", cmd.InheritedFlags().FlagUsages())
	b.WriteString(".SH EXIT STATUS\n.TP\n.B 0\nSuccess.\n.TP\n.B 1\nFailure.\n.TP\n.B 2\nWrong usage.\n")
	writeRelated(&b, cmd)
	return b.String()
}

func longOf(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short + "."
}

// writeFlags shows flags as --help does.
func writeFlags(b *strings.Builder, heading, usages string) {
	if usages != "" {
		fmt.Fprintf(b, ".SH %s\n.nf\n%s\n.fi\n", heading, roffLines(strings.TrimRight(usages, "\n")))
	}
}

// writeRelated names the pages above and below.
func writeRelated(b *strings.Builder, cmd *cobra.Command) {
	var related []string
	if cmd.HasParent() {
		related = append(related, pageName(cmd.Parent()))
	}
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			related = append(related, pageName(child))
		}
	}
	for i, name := range related {
		related[i] = fmt.Sprintf("\\fB%s\\fR(1)", roff(name))
	}
	fmt.Fprintf(b, ".SH SEE ALSO\n%s\n", strings.Join(related, ",\n"))
}

// roff escapes what man would obey inside a line. A hyphen stays one that can be copied into a shell.
func roff(s string) string {
	return strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", "\\(ga", `^`, `\(ha`, `~`, `\(ti`).Replace(s)
}

func quoteRoff(s string) string { return `"` + strings.ReplaceAll(roff(s), `"`, `\(dq`) + `"` }

// roffLines escapes several lines, of which none may begin with a request.
func roffLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		line = roff(line)
		if strings.HasPrefix(line, ".") {
			line = `\&` + line
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

// roffParagraphs fills paragraphs, and leaves those whose lines are indented as they are.
func roffParagraphs(s string) string {
	paragraphs := strings.Split(s, "\n\n")
	for i, p := range paragraphs {
		text := roffLines(p)
		if strings.HasPrefix(p, " ") || strings.HasPrefix(p, "\t") {
			text = ".nf\n" + text + "\n.fi"
		}
		paragraphs[i] = text
	}
	return strings.Join(paragraphs, "\n.PP\n")
}

// atMost takes n arguments or fewer.
func atMost(n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > n {
			return usagef("unexpected argument %q", args[n])
		}
		return nil
	}
}

// addCompletion adds cobra's command for shells, whose wrong arguments are then wrong usage as everywhere else.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		return // It is switched off.
	}
	shells := completion.Commands()
	names := make([]string, len(shells))
	for i, shell := range shells {
		names[i] = shell.Name()
		shell.Args = exactly(0)
	}
	completion.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("unknown shell %q (one of %s)", args[0], strings.Join(names, ", "))
		}
		return usagef("%s needs a shell (one of %s)", cmd.CommandPath(), strings.Join(names, ", "))
	}
	completion.RunE = func(*cobra.Command, []string) error { return nil }
}
