package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// not parallel: with -update it writes the pages that the others read.
func TestGoIsThatOfTheExamples(t *testing.T) {
	for _, p := range pages(t) {
		for i := range p.blocks(t) {
			b := p.blocks(t)[i] // An update before may have moved it.
			if b.language != "go" {
				continue
			}
			source, ok := strings.CutPrefix(b.marker, "go: ")
			require.True(t, ok, "%s:%d: go without <!-- go: FILE NAMES --> before it", p.name, b.first)
			words := strings.Fields(source)
			want, err := excerpt(filepath.Join(root, words[0]), words[1:])
			require.NoError(t, err, "%s:%d", p.name, b.first)
			p.expect(t, b.first, b.last, want)
		}
	}
}

var packageClause = regexp.MustCompile(`(?m)^package \w+$`)

// excerpt returns the named declarations of a file, or all of it, as a file of a reader's package.
func excerpt(name string, names []string) (string, error) {
	source, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return packageClause.ReplaceAllString(string(source), "package shop"), nil
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, wanted := range names {
		i := slices.IndexFunc(file.Decls, func(d ast.Decl) bool { return declares(d, wanted) })
		if i < 0 {
			return "", fmt.Errorf("%s declares no %s", name, wanted)
		}
		d := file.Decls[i]
		parts = append(parts, string(source[fset.Position(d.Pos()).Offset:fset.Position(d.End()).Offset]))
	}
	return strings.Join(parts, "\n\n") + "\n", nil
}

func declares(d ast.Decl, name string) bool {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return d.Recv == nil && d.Name.Name == name
	case *ast.GenDecl:
		return slices.ContainsFunc(d.Specs, func(s ast.Spec) bool {
			switch s := s.(type) {
			case *ast.TypeSpec:
				return s.Name.Name == name
			case *ast.ValueSpec:
				return s.Names[0].Name == name
			}
			return false
		})
	}
	return false
}
