package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// attributes are slog's functions whose first argument is a key.
var attributes = []string{"Any", "Bool", "Duration", "Float64", "Group", "Int", "Int64", "String", "Time", "Uint64"}

// logKeys collects the keys of all log lines of the project, but for the tools in internal, with a place of each.
func logKeys(t *testing.T) map[string]string {
	t.Helper()
	keys := map[string]string{}
	files := token.NewFileSet()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "testdata" || name == "internal" && filepath.Dir(path) == filepath.Clean(root) || strings.HasPrefix(name, ".") && path != root):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, isCall := n.(*ast.CallExpr)
			if !isCall || len(call.Args) == 0 {
				return true
			}
			function, isSelector := call.Fun.(*ast.SelectorExpr)
			if !isSelector || !slices.Contains(attributes, function.Sel.Name) {
				return true
			}
			if pkg, isName := function.X.(*ast.Ident); !isName || pkg.Name != "slog" {
				return true
			}
			place := files.Position(call.Pos()).String()
			literal, isLiteral := call.Args[0].(*ast.BasicLit)
			require.True(t, isLiteral, "%s: the key is written out, so that it can be found", place)
			key, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			keys[key] = place
			return true
		})
		return nil
	}))
	return keys
}

var keyRow = regexp.MustCompile("^\\| `([^`]+)` \\| ")

// The page lists the keys of all log lines, and no others, so that one thing has one name.
func TestTheKeysOfLogLinesAreListed(t *testing.T) {
	t.Parallel()
	page := read(t, filepath.Join(root, "docs", "observability.md"))
	first := slices.Index(page.lines, "| key | value |")
	require.Positive(t, first)
	var listed []string
	for _, line := range page.lines[first+2:] {
		m := keyRow.FindStringSubmatch(line)
		if m == nil {
			break
		}
		listed = append(listed, m[1])
	}
	require.True(t, slices.IsSorted(listed), "the keys are in order")
	used := logKeys(t)
	for _, key := range listed {
		require.Regexp(t, `^[a-z][a-z0-9]*(_[a-z0-9]+)*$`, key)
		require.Contains(t, used, key, "no line has it")
		delete(used, key)
	}
	require.Empty(t, slices.Sorted(maps.Keys(used)), "keys that the page does not have: %v", used)
}
