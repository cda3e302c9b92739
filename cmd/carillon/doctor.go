package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/cmd/carillon/doctor"
	"github.com/carillon-notify/carillon/dispatch/config"
)

func newDoctorCommand(a *app) *cobra.Command {
	var connect bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find what keeps this installation from working",
		Long: `Check the configuration, the database and its settings, the schema, and whether receipts move, and say the way
out of what is wrong. Everything is only read. With --connect also greet the servers of the configured transports,
without sending anything.

The exit status is 1 if a check fails; warnings leave it at 0. With --json, one line per check; status is ok, warn or
fail.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := a.examine(cmd.Context(), connect)
			return a.printFindings(findings)
		},
	}
	cmd.Flags().BoolVar(&connect, "connect", false, "also connect to the servers of the transports")
	return cmd
}

// examine makes every check that is possible.
func (a *app) examine(ctx context.Context, connect bool) []doctor.Finding {
	mail := &mailServer{}
	file, findings := a.examineConfig(mail.watch(builders()))
	if file != nil {
		a.fallBackTo(file)
		defer func() { _ = closeTransports(ctx, file.Transports) }() // Nothing was sent.
	}
	findings = append(findings, a.examineDatabase(ctx)...)
	if connect {
		findings = append(findings, mail.examine(ctx))
	}
	return findings
}

// examineConfig loads the file, if there is one.
func (a *app) examineConfig(known []config.Builder) (*config.File, []doctor.Finding) {
	const check = "configuration"
	file, err := config.Load(a.configName(), known)
	var problems config.Problems
	switch {
	case err == nil:
		return file, []doctor.Finding{{Check: check, Status: doctor.OK, Found: a.configName() + " is right"}}
	case errors.Is(err, fs.ErrNotExist) && a.configPath == "":
		return nil, []doctor.Finding{{
			Check: check, Status: doctor.OK, Found: "no " + defaultConfig + " here; declarations in Go need none",
		}}
	case errors.As(err, &problems):
		all := make([]doctor.Finding, len(problems))
		for i, p := range problems {
			all[i] = doctor.Finding{Check: check, Status: doctor.Fail, Found: p.String(), WayOut: "mend it, and run carillon config check"}
		}
		return nil, all
	}
	return nil, []doctor.Finding{{
		Check: check, Status: doctor.Fail, Found: err.Error(), WayOut: "name a file that can be read with --config",
	}}
}

func (a *app) examineDatabase(ctx context.Context) []doctor.Finding {
	const check = "database"
	// The file was read already, and what is wrong with it said.
	named := *a
	named.configPath = ""
	pool, err := named.connect(ctx, 0)
	if err != nil {
		return []doctor.Finding{{
			Check: check, Status: doctor.Fail, Found: a.err.Redact(explain(err)),
			WayOut: "start it, or name another with --database-url or DATABASE_URL",
		}}
	}
	defer pool.Close()
	cfg := pool.Config().ConnConfig
	reached := doctor.Finding{
		Check: check, Status: doctor.OK, Found: fmt.Sprintf("%q at %s as %q", cfg.Database, cfg.Host, cfg.User),
	}
	return append([]doctor.Finding{reached}, doctor.Examine(ctx, pool, nil)...)
}

func (a *app) printFindings(findings []doctor.Finding) error {
	err := printRows(a, findings, listing[doctor.Finding]{
		header: []string{"check", "status", "found", "way out"},
		cells: func(f doctor.Finding) []any {
			return []any{f.Check, paintStatus(f.Status), f.Found, orDash(f.WayOut)}
		},
	})
	failed := 0
	for _, f := range findings {
		if f.Status == doctor.Fail {
			failed++
		}
	}
	if err == nil && failed > 0 {
		err = errors.New(count(failed, "check") + " failed")
	}
	return err
}

func paintStatus(s doctor.Status) painted {
	colours := map[doctor.Status]text.Color{doctor.OK: text.FgGreen, doctor.Warn: text.FgYellow, doctor.Fail: text.FgRed}
	return painted{string(s), colours[s]}
}
