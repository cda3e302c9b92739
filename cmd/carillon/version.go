package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/migrations"
)

// version is what `carillon version --json` prints.
type version struct {
	Version string `json:"version"`
	// Revision and Time are the commit's; Modified means that the tree had changes beside it.
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	// Compatibility is the highest level of a schema that this program works with.
	Compatibility int `json:"compatibility"`
	// Migrations is how many of our own it brings.
	Migrations int `json:"migrations"`
}

func newVersionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Long: `Print the version of this program, the commit that it was built of, and what it brings for the database: the
highest compatibility level of a schema that it works with, and how many migrations of ours it knows.`,
		Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			v := readVersion()
			if a.json {
				return a.printJSON(v)
			}
			return a.print(v.String())
		},
	}
}

// String is what people see.
func (v version) String() string {
	commit := orDash(v.Revision)
	if v.Modified {
		commit += " modified"
	}
	if v.Time != "" {
		commit += ", " + v.Time
	}
	return fmt.Sprintf("carillon %s (%s, %s)\nschema   level %d, %s\n",
		v.Version, commit, v.Go, v.Compatibility, count(v.Migrations, "migration"))
}

func readVersion() version {
	files, _ := fs.Glob(migrations.FS, "sql/*.sql") // Only a malformed pattern is an error.
	info, _ := debug.ReadBuildInfo()
	return versionOf(info, len(files))
}

// versionOf reads what the build left in the program; that may be nothing.
func versionOf(info *debug.BuildInfo, migrated int) version {
	v := version{Version: "devel", Go: runtime.Version(), Compatibility: migrations.Compatibility, Migrations: migrated}
	if info == nil {
		return v
	}
	if info.Main.Version != "(devel)" {
		v.Version = cmp.Or(info.Main.Version, v.Version)
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			v.Revision = setting.Value
		case "vcs.time":
			v.Time = setting.Value
		case "vcs.modified":
			v.Modified = setting.Value == "true"
		}
	}
	return v
}
