//go:build unix

package pgdev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// EnvBin names the variable with the directory of the server programs to use, and no others.
const EnvBin = "CARILLON_PG_BIN"

// place is a directory that may hold server programs.
type place struct {
	bin, how string
}

// startFound uses programs that this machine has.
func startFound(ctx context.Context, config *Config) (*Server, error) {
	found, err := find(ctx, places(ctx))
	if err != nil {
		return nil, err
	}
	return startProcess(ctx, config, found)
}

// find returns the first installation that works. The directory that [EnvBin] names must work if it is set.
func find(ctx context.Context, places []place) (*installation, error) {
	if bin := os.Getenv(EnvBin); bin != "" {
		found, err := probe(ctx, bin, EnvBin, nil)
		if err != nil {
			return nil, fmt.Errorf("use the programs in %s: %w", EnvBin, err)
		}
		return found, nil
	}
	var reasons []string
	tried := map[string]bool{}
	for _, place := range places {
		if tried[place.bin] || !holdsPrograms(place.bin) {
			continue
		}
		tried[place.bin] = true
		found, err := probe(ctx, place.bin, place.how, nil)
		if err == nil {
			return found, nil
		}
		if errors.Is(err, errUnavailable) || ctx.Err() != nil {
			return nil, err
		}
		reasons = append(reasons, err.Error())
	}
	if len(reasons) == 0 {
		return nil, fmt.Errorf("%w (no initdb with a postgres beside it)", errUnavailable)
	}
	return nil, fmt.Errorf("%w (%s)", errUnavailable, strings.Join(reasons, "; "))
}

// places lists where server programs may be, best first.
func places(ctx context.Context) []place {
	var all []place
	if initdb, err := exec.LookPath("initdb"); err == nil {
		// It is often a link, or a wrapper with no postgres beside it, which find then passes over.
		if real, err := filepath.EvalSymlinks(initdb); err == nil {
			all = append(all, place{filepath.Dir(real), "initdb on PATH"})
		}
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		all = append(all, place{strings.TrimSpace(string(out)), "pg_config"})
	}
	for _, known := range []place{
		{"/usr/lib/postgresql/*/bin", "Debian's directory"},
		{"/usr/pgsql-*/bin", "PGDG's directory"},
		{"/opt/homebrew/opt/postgresql@*/bin", "Homebrew"},
		{"/usr/local/opt/postgresql@*/bin", "Homebrew"},
		{"/Applications/Postgres.app/Contents/Versions/*/bin", "Postgres.app"},
	} {
		for _, bin := range globNewest(known.bin) {
			all = append(all, place{bin, known.how})
		}
	}
	return all
}

func holdsPrograms(bin string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(bin, program)); err != nil {
			return false
		}
	}
	return true
}

var number = regexp.MustCompile(`\d+`)

// globNewest returns what a pattern matches, the highest version number first; 9 is less than 15.
func globNewest(pattern string) []string {
	paths, err := filepath.Glob(pattern)
	if err != nil { // The patterns are ours, except for the name of the cache directory.
		return nil
	}
	slices.SortStableFunc(paths, func(a, b string) int {
		return slices.Compare(numbers(b, pattern), numbers(a, pattern))
	})
	return paths
}

// numbers returns the numbers in what the first * of pattern, and all after it, stands for.
func numbers(path, pattern string) []int {
	fixed, _, _ := strings.Cut(pattern, "*")
	var all []int
	for _, digits := range number.FindAllString(strings.TrimPrefix(path, fixed), -1) {
		n, err := strconv.Atoi(digits)
		if err != nil {
			n = 0
		}
		all = append(all, n)
	}
	return all
}
