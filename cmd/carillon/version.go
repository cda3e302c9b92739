package main

import (
	"cmp"
	"fmt"
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
}

func newVersionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  exactly(0),
		RunE: func(*cobra.Command, []string) error {
			v := readVersion()
			if a.json {
				return a.printJSON(v)
			}
			return a.print(fmt.Sprintf("carillon %s (%s, %s)\n", v.Version, orDash(v.Revision), v.Go))
		},
	}
}

func readVersion() version {
	v := version{Version: "devel", Go: runtime.Version(), Compatibility: migrations.Compatibility}
	info, ok := debug.ReadBuildInfo()
	if !ok {
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
