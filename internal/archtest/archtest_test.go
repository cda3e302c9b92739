package archtest_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/archtest"
)

const module = "github.com/carillon-notify/carillon"

// TestArchitecture is the one that guards the module; the others guard the rules.
func TestArchitecture(t *testing.T) {
	t.Parallel()

	tree, err := archtest.Load(t.Context(), filepath.Join("..", ".."))
	require.NoError(t, err)
	for _, f := range archtest.Check(tree, archtest.Rules()) {
		t.Error(f)
	}
}

func TestEachRuleFindsItsFixture(t *testing.T) {
	t.Parallel()

	for _, rule := range archtest.Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			t.Parallel()

			dir := filepath.Join("testdata", "bad", rule.Name)
			want := wanted(t, dir)
			require.NotEmpty(t, want, "a rule needs a fixture with marked lines")

			var got []string
			for _, f := range archtest.Check(parse(t, dir), []archtest.Rule{rule}) {
				require.Equal(t, rule.Name, f.Rule)
				require.NotEmpty(t, f.Wrong)
				require.NotEmpty(t, f.Fix)
				got = append(got, fmt.Sprintf("%s:%d", f.File, f.Line))
			}
			require.ElementsMatch(t, want, got)
		})
	}
}

func TestEachFixtureBelongsToARule(t *testing.T) {
	t.Parallel()

	dirs, err := os.ReadDir(filepath.Join("testdata", "bad"))
	require.NoError(t, err)
	for _, dir := range dirs {
		require.True(t, slices.ContainsFunc(archtest.Rules(), func(r archtest.Rule) bool {
			return r.Name == dir.Name()
		}), "no rule is named %s", dir.Name())
	}
}

func TestNoRuleFindsAnythingInGoodCode(t *testing.T) {
	t.Parallel()

	require.Empty(t, archtest.Check(parse(t, filepath.Join("testdata", "good")), archtest.Rules()))
}

func TestEachExceptionHasAReason(t *testing.T) {
	t.Parallel()

	for _, e := range archtest.Exceptions() {
		require.True(t, slices.ContainsFunc(archtest.Rules(), func(r archtest.Rule) bool {
			return r.Name == e.Rule
		}), "an exception for the unknown rule %q", e.Rule)
		require.NotEmpty(t, e.Path)
		require.NotEmpty(t, e.Reason)
	}
}

func TestFindingIsOneLineThatEditorsUnderstand(t *testing.T) {
	t.Parallel()

	f := archtest.Finding{File: "a/b.go", Line: 7, Rule: "sleep", Wrong: "time.Sleep", Fix: "wait for a signal"}
	require.Equal(t, "a/b.go:7: sleep: time.Sleep (wait for a signal)", f.String())
}

func TestLoadReportsAFolderWithoutAModule(t *testing.T) {
	t.Parallel()

	_, err := archtest.Load(t.Context(), t.TempDir())
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// parse reads a fixture as if it were the module. One package outside the module imports cobra.
func parse(t *testing.T, dir string) *archtest.Tree {
	t.Helper()
	tree, err := archtest.Parse(dir, module, map[string][]string{
		"example.com/cli":      {"fmt", "example.com/cli/deep"},
		"example.com/cli/deep": {"github.com/spf13/cobra"},
		"example.com/plain":    {"fmt"},
	})
	require.NoError(t, err)
	return tree
}

// wanted returns the places of the lines that end in a want comment.
func wanted(t *testing.T, dir string) []string {
	t.Helper()
	var places []string
	require.NoError(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(src), "\n") {
			if strings.HasSuffix(line, "// want") {
				places = append(places, fmt.Sprintf("%s:%d", filepath.ToSlash(rel), i+1))
			}
		}
		return nil
	}))
	return places
}
