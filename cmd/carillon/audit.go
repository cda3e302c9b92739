package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/receipts/audit"
)

func newAuditCommand(a *app) *cobra.Command {
	var f repairFlags
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Prove that nothing is lost",
		Long: `Check what must hold in the database at every commit: that every event has its receipts, that every live
receipt has an alarm, a lease or a time to come, that what counts as sent was accepted, and more. All checks see the
same moment, only read, and take seconds per million receipts.

The exit status is 1 if anything falls short; warnings, whose names begin with W, leave it at 0. With --json, one line
per check, with the ids of at most 20 rows that fall short: events for I1, leases for I11, emit failures for W1, and
receipts for all others.

With --repair what the rows themselves say how to mend is mended first: receipts get the alarm that they miss, leases
that are gone or over are taken back as from a lost worker, alarms of what is over are deleted, and root receipts that
are missing are written where the published declarations tell which. What was done is listed, and written down with who
(--by) and why (--reason) for every receipt; then the audit runs. What it still finds has a remedy in words: history is
not made up. With --json, the lines of what was done come first: {"repaired": …, "meaning": …, "ids": […]}.`,
		Example: `  carillon audit
  carillon audit --repair --reason "restored a backup" --by ann`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(cmd); err != nil {
				return err
			}
			if f.repair {
				if err := a.repair(cmd.Context(), f); err != nil {
					return err
				}
			}
			var results []audit.Result
			err := a.withSnapshot(cmd.Context(), func(tx pgx.Tx) (err error) {
				results, err = audit.Run(cmd.Context(), tx, nil)
				return err
			})
			if err != nil {
				return err
			}
			return a.reportAudit(results, f.repair)
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) reportAudit(results []audit.Result, repaired bool) error {
	err := printRows(a, results, listing[audit.Result]{
		header: []string{"check", "verdict", "short", "meaning"},
		cells: func(r audit.Result) []any {
			return []any{r.Check, paintVerdict(r), r.Count, r.Meaning}
		},
	})
	if err != nil {
		return err
	}
	failed := 0
	for _, r := range results {
		if r.Holds() {
			continue
		}
		if r.Level == audit.Fail {
			failed++
		}
		if err := a.printShort(r); err != nil {
			return err
		}
		if repaired && !a.json {
			if err := a.print("  " + audit.Remedy(r.Check) + "\n"); err != nil {
				return err
			}
		}
	}
	if failed > 0 {
		return errors.New("the audit found " + count(failed, "check") + " that " + plural(failed, "falls", "fall") + " short")
	}
	return nil
}

// printShort lists the ids for people; JSON has them already.
func (a *app) printShort(r audit.Result) error {
	if a.json {
		return nil
	}
	ids := slices.Clone(r.IDs)
	for i, id := range ids {
		if parsed, err := uuid.Parse(id); err == nil {
			ids[i] = short(parsed)
		}
	}
	more := ""
	if rest := r.Count - int64(len(ids)); rest > 0 {
		more = fmt.Sprintf(" and %d more", rest)
	}
	return a.print(fmt.Sprintf("%s: %s%s\n", r.Check, strings.Join(ids, " "), more))
}

func paintVerdict(r audit.Result) painted {
	switch {
	case r.Holds():
		return painted{"holds", text.FgGreen}
	case r.Level == audit.Warn:
		return painted{"warning", text.FgYellow}
	}
	return painted{"falls short", text.FgRed}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
