package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/receipts/audit"
)

// repairGrace is how long a due receipt may be without an alarm before a repair sets one, as in a worker.
const repairGrace = 10 * time.Second

// repairFlags are what carillon audit takes to mend.
type repairFlags struct {
	repair  bool
	why, by string
}

func (f *repairFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.repair, "repair", false, "mend what may be mended, then audit")
	flags.StringVar(&f.why, "reason", "", "why, for those who ask later; with --repair")
	flags.StringVar(&f.by, "by", "", "who does it; with --repair (default $USER)")
}

func (f *repairFlags) validate(cmd *cobra.Command) error {
	if !f.repair {
		for _, name := range []string{"reason", "by"} {
			if cmd.Flags().Changed(name) {
				return usagef("--%s is for --repair", name)
			}
		}
		return nil
	}
	f.by = cmp.Or(f.by, os.Getenv("USER"))
	switch {
	case strings.TrimSpace(f.why) == "":
		return usagef("--reason is missing (why, for those who ask later)")
	case strings.TrimSpace(f.by) == "":
		return usagef("--by is missing (who does it; there is no $USER)")
	}
	return nil
}

// repaired is what `carillon audit --repair --json` prints of each step.
type repaired struct {
	Repaired string `json:"repaired"`
	Meaning  string `json:"meaning"`
	IDs      any    `json:"ids"`
}

// repair audits, and mends if anything falls short.
func (a *app) repair(ctx context.Context, f repairFlags) error {
	short := map[string]int64{}
	matched := int64(0)
	err := a.withSnapshot(ctx, func(tx pgx.Tx) error {
		results, err := audit.Run(ctx, tx, nil)
		for _, r := range results {
			if !r.Holds() && r.Level == audit.Fail {
				short[r.Check] = r.Count
				matched += r.Count
			}
		}
		return err
	})
	if err != nil || matched == 0 {
		return err
	}
	return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
		filter, err := json.Marshal(map[string]any{"checks": short})
		if err != nil {
			return fmt.Errorf("encode what the audit found: %w", err)
		}
		store := receipts.New(nil)
		op, err := store.StartOperation(ctx, pool, receipts.Operation{
			Action: receipts.ActionRepair, Operator: f.by, Reason: f.why, Filter: filter, Matched: int(matched),
		})
		if err != nil {
			return err
		}
		done, err := store.Repair(ctx, pool, op, repairGrace)
		if printed := a.printRepaired(done); printed != nil {
			return printed
		}
		return err
	})
}

func (a *app) printRepaired(done []receipts.Repaired) error {
	for _, step := range done {
		if a.json {
			if err := a.printJSON(repaired{step.Check, step.Meaning, step.IDs}); err != nil {
				return err
			}
			continue
		}
		ids := make([]string, 0, audit.MaxIDs)
		for _, id := range step.IDs[:min(len(step.IDs), audit.MaxIDs)] {
			ids = append(ids, short(id))
		}
		more := ""
		if rest := len(step.IDs) - len(ids); rest > 0 {
			more = fmt.Sprintf(" and %d more", rest)
		}
		if err := a.print(fmt.Sprintf("mended %s, %s: %s%s\n", step.Check, step.Meaning, strings.Join(ids, " "), more)); err != nil {
			return err
		}
	}
	return nil
}
