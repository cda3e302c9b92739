package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// mutant is one patch.
type mutant struct {
	// name is the file's, without its ending; path is absolute.
	name, path string
	// pkg and test are what must go red.
	pkg, test string
}

var header = regexp.MustCompile(`(?m)\A\S.*\nTest: (\./\S+) (Test\S+)\n\ndiff --git `)

// load reads the patches of a folder, or those that are named.
func load(folder string, names []string) ([]mutant, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.patch"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", folder, err)
	}
	var mutants []mutant
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".patch")
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read mutant %s: %w", name, err)
		}
		found := header.FindSubmatch(raw)
		if found == nil {
			return nil, fmt.Errorf("mutant %s does not begin with what it does and the line Test: PACKAGE NAME", name)
		}
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("find mutant %s: %w", name, err)
		}
		mutants = append(mutants, mutant{name: name, path: absolute, pkg: string(found[1]), test: string(found[2])})
	}
	if len(mutants) == 0 || len(names) > 0 && len(mutants) != len(names) {
		return nil, fmt.Errorf("%s has no such mutants: %s (run from the root of the repository)", folder, strings.Join(names, " "))
	}
	return mutants, nil
}
