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
	return &cobra.Command{
		Use:   "audit",
		Short: "Prove that nothing is lost",
		Long: `Check what must hold in the database at every commit: that every event has its receipts, that every live
receipt has an alarm, a lease or a time to come, that what counts as sent was accepted, and more. All checks see the
same moment, only read, and take seconds per million receipts.

The exit status is 1 if anything falls short; warnings, whose names begin with W, leave it at 0. With --json, one line
per check, with the ids of at most 20 rows that fall short: events for I1, leases for I11, emit failures for W1, and
receipts for all others.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var results []audit.Result
			err := a.withSnapshot(cmd.Context(), func(tx pgx.Tx) (err error) {
				results, err = audit.Run(cmd.Context(), tx, nil)
				return err
			})
			if err != nil {
				return err
			}
			return a.reportAudit(results)
		},
	}
}

func (a *app) reportAudit(results []audit.Result) error {
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
