package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/dispatch/config"
)

func newConfigCommand(a *app) *cobra.Command {
	return group("config", "Show or check the configuration in effect", newConfigShowCommand(a), newConfigCheckCommand(a))
}

func newConfigShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show every key, its value, and where that comes from",
		Long: `Show the configuration in effect: what the file of --config (default carillon.yaml) sets, with its line, what
comes from the environment, with the name of the variable, and the defaults of everything else. Keys that follow a
name of yours, such as those of an event, are shown if the file sets them. Secrets are never shown. With --json, one
line per key; origin is file, environment, flag or default.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := a.loadConfig()
			if err != nil {
				return err
			}
			err = printRows(a, a.effective(file), listing[effective]{
				header: []string{"key", "value", "from"},
				cells:  func(e effective) []any { return []any{e.Key, orDash(e.Value), e.from(a.configName())} },
			})
			return errors.Join(err, closeTransports(cmd.Context(), file.Transports))
		},
	}
}

func newConfigCheckCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Report everything that is wrong with the file",
		Long: `Read the file of --config (default carillon.yaml) as the worker would, connect to nothing, and report everything
that is wrong with it. The exit status is 1 if anything is. With --json, one line per problem.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := a.loadConfig()
			var problems config.Problems
			if errors.As(err, &problems) && a.json {
				return a.printProblems(problems)
			}
			if err != nil {
				return err
			}
			return closeTransports(cmd.Context(), file.Transports)
		},
	}
}

// problem is what `carillon config check --json` prints for each.
type problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

func (a *app) printProblems(problems config.Problems) error {
	for _, p := range problems {
		if err := a.printJSON(problem(p)); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s has %s", a.configName(), count(len(problems), "problem"))
}

// The origins of a value.
const (
	fromFile        = "file"
	fromEnvironment = "environment"
	fromFlag        = "flag"
	fromDefault     = "default"
)

// effective is one key in effect, and what `carillon config show --json` prints for it.
type effective struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	// Origin is one of the origins; Line is where the file sets the key, Variable the one of the environment.
	Origin   string `json:"origin"`
	Line     int    `json:"line,omitempty"`
	Variable string `json:"variable,omitempty"`
}

func (e effective) from(file string) string {
	switch e.Origin {
	case fromFile:
		return fmt.Sprintf("%s:%d", file, e.Line)
	case fromEnvironment:
		if e.Line == 0 {
			return "$" + e.Variable
		}
		return fmt.Sprintf("$%s, %s:%d", e.Variable, file, e.Line)
	case fromFlag:
		return "--database-url"
	}
	return e.Origin
}

// effective adds to the file's settings what overrides it, and the defaults.
func (a *app) effective(file *config.File) []effective {
	all := make([]effective, len(file.Settings))
	for i, s := range file.Settings {
		e := effective{Key: s.Key, Value: a.err.Redact(s.Value), Origin: fromFile, Line: s.Line, Variable: s.Variable}
		switch {
		case s.Key == "database_url" && a.databaseURL != "":
			e = effective{Key: s.Key, Value: config.Redacted, Origin: fromFlag}
		case s.Key == "database_url" && os.Getenv("DATABASE_URL") != "":
			e = effective{Key: s.Key, Value: config.Redacted, Origin: fromEnvironment, Variable: "DATABASE_URL"}
		case s.Line == 0:
			e.Value, e.Origin = defaults()[s.Key], fromDefault
		case s.Variable != "":
			e.Origin = fromEnvironment
		}
		all[i] = e
	}
	return all
}

// configName is the name of the file in effect.
func (a *app) configName() string { return cmp.Or(a.configPath, defaultConfig) }
