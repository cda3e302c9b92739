// Package docs_test checks the documentation: what README.md and docs/ show is compiled, loaded or run, and what they
// take from elsewhere is the same there. After a change of the code run it with -update, and read the diff.
package docs_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite what the documentation takes from the code")

// root is the module's.
var root = filepath.Join("..", "..")

// page is one file of the documentation.
type page struct {
	name  string // relative to root
	lines []string
}

// block is fenced text.
type block struct {
	language string
	// marker is the comment on the line before the fence: "go: FILE NAMES" of <!-- go: FILE NAMES -->.
	marker string
	// first and last are the indices of the first line inside, and of the closing fence.
	first, last int
}

func (p *page) text(b block) string { return strings.Join(p.lines[b.first:b.last], "\n") + "\n" }

func pages(t *testing.T) []*page {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	var all []*page
	for _, name := range append(names, filepath.Join(root, "README.md")) {
		all = append(all, read(t, name))
	}
	return all
}

func read(t *testing.T, name string) *page {
	t.Helper()
	source, err := os.ReadFile(name)
	require.NoError(t, err)
	relative, err := filepath.Rel(root, name)
	require.NoError(t, err)
	return &page{name: filepath.ToSlash(relative), lines: strings.Split(string(source), "\n")}
}

func (p *page) blocks(t *testing.T) []block {
	t.Helper()
	var all []block
	for i := 0; i < len(p.lines); i++ {
		language, ok := strings.CutPrefix(p.lines[i], "```")
		if !ok {
			continue
		}
		b := block{language: language, first: i + 1, last: i + 1}
		if i > 0 {
			marker, opened := strings.CutPrefix(p.lines[i-1], "<!-- ")
			if marker, closed := strings.CutSuffix(marker, " -->"); opened && closed {
				b.marker = marker
			}
		}
		for b.last < len(p.lines) && p.lines[b.last] != "```" {
			b.last++
		}
		require.Less(t, b.last, len(p.lines), "%s:%d: the fence does not end", p.name, i+1)
		all = append(all, b)
		i = b.last
	}
	return all
}

// expect wants the lines from first to before last to be the given text, or makes them so.
func (p *page) expect(t *testing.T, first, last int, want string) {
	t.Helper()
	got := strings.Join(p.lines[first:last], "\n") + "\n"
	if got == want || !*update {
		require.Equal(t, want, got, "%s:%d: run go test ./internal/docs -update", p.name, first+1)
		return
	}
	lines := append([]string{}, p.lines[:first]...)
	lines = append(lines, strings.Split(strings.TrimSuffix(want, "\n"), "\n")...)
	p.lines = append(lines, p.lines[last:]...)
	require.NoError(t, os.WriteFile(filepath.Join(root, p.name), []byte(strings.Join(p.lines, "\n")), 0o600))
}

// generated finds what stands between <!-- name --> and <!-- /name -->.
func (p *page) generated(t *testing.T, name string) (first, last int) {
	t.Helper()
	for i, line := range p.lines {
		switch line {
		case "<!-- " + name + " -->":
			first = i + 1
		case "<!-- /" + name + " -->":
			last = i
		}
	}
	require.NotZero(t, first, "%s has no <!-- %s -->", p.name, name)
	require.GreaterOrEqual(t, last, first, "%s has no <!-- /%s -->", p.name, name)
	return first, last
}

func TestEveryBlockSaysWhatItIs(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		for _, b := range p.blocks(t) {
			require.Contains(t, []string{"go", "yaml", "sql", "sh", "text"}, b.language,
				"%s:%d: a fence names its language, so that it can be checked", p.name, b.first)
		}
	}
}

func TestTheReadmeIsShort(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, len(read(t, filepath.Join(root, "README.md")).lines), 155)
}
