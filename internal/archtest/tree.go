package archtest

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Tree is the Go source of one module, parsed but not type-checked.
type Tree struct {
	module   string
	fset     *token.FileSet
	packages []*pkg
	// external has the imports of packages outside the module, as far as package dispatch reaches them.
	external map[string][]string
}

// pkg is a folder with Go files: the package itself and its external tests.
type pkg struct {
	path  string // relative to the module's root, with slashes; "." for the root
	name  string // of the files that are no tests; empty if there are only tests
	files []*file
}

type file struct {
	path    string // relative to the module's root, with slashes
	ast     *ast.File
	test    bool
	imports map[string]string // local name to import path
}

var modulePattern = regexp.MustCompile(`(?m)^module\s+(\S+)`)

// Load parses the module whose go.mod is in root, and asks the go command what package dispatch compiles.
func Load(ctx context.Context, root string) (*Tree, error) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil, fmt.Errorf("read go.mod: %w", err)
	}
	name := modulePattern.FindSubmatch(mod)
	if name == nil {
		return nil, fmt.Errorf("read go.mod in %s: no module line", root)
	}
	external, err := listImports(ctx, root, leanRoot)
	if err != nil {
		return nil, err
	}
	return Parse(root, string(name[1]), external)
}

// Parse parses the Go files below root as those of the given module. The map has the imports of packages that are not
// in the module; without it, rules that follow imports stop at the module's border.
func Parse(root, module string, external map[string][]string) (*Tree, error) {
	t := &Tree{module: module, fset: token.NewFileSet(), external: external}
	byPath := map[string]*pkg{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && skipped(name, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		f, err := t.parseFile(root, name)
		if err != nil {
			return err
		}
		dir := path.Dir(f.path)
		p := byPath[dir]
		if p == nil {
			p = &pkg{path: dir}
			byPath[dir] = p
			t.packages = append(t.packages, p)
		}
		p.files = append(p.files, f)
		if !f.test {
			p.name = f.ast.Name.Name
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("parse the module in %s: %w", root, err)
	}
	return t, nil
}

// skipped says which folders the go command does not look into either.
func skipped(dir, base string) bool {
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	if slices.Contains([]string{"testdata", "vendor", "node_modules"}, base) {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func (t *Tree) parseFile(root, name string) (*file, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return nil, err
	}
	rel = filepath.ToSlash(rel)
	parsed, err := parser.ParseFile(t.fset, rel, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := &file{path: rel, ast: parsed, test: strings.HasSuffix(rel, "_test.go"), imports: map[string]string{}}
	for _, spec := range parsed.Imports {
		f.imports[localName(spec)] = importPath(spec)
	}
	return f, nil
}

// all visits every file with its package.
func (t *Tree) all(visit func(*pkg, *file)) {
	for _, p := range t.packages {
		for _, f := range p.files {
			visit(p, f)
		}
	}
}

// uses visits every mention of a name that the file imports from the package, such as time.Sleep.
func (f *file) uses(importPath string, visit func(*ast.SelectorExpr)) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && f.isFrom(sel, importPath) {
			visit(sel)
		}
		return true
	})
}

func (f *file) isFrom(e ast.Expr, importPath string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && f.imports[id.Name] == importPath
}

// is says whether the expression is the imported name, such as context.Context.
func (f *file) is(e ast.Expr, importPath, name string) bool {
	return f.isFrom(e, importPath) && e.(*ast.SelectorExpr).Sel.Name == name
}

func (f *file) importsPath(importPath string) bool {
	for _, p := range f.imports {
		if p == importPath {
			return true
		}
	}
	return false
}

var versionElement = regexp.MustCompile(`^v[0-9]+$`)

func localName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	p := importPath(spec)
	if base := path.Base(p); !versionElement.MatchString(base) {
		return base
	}
	return path.Base(path.Dir(p))
}

// importPath cannot fail: the parser has accepted the literal.
func importPath(spec *ast.ImportSpec) string {
	p, _ := strconv.Unquote(spec.Path.Value)
	return p
}

// matches says whether the path is the pattern, or in the folder that the pattern names with "/...".
func matches(pattern, name string) bool {
	folder, all := strings.CutSuffix(pattern, "...")
	if !all {
		return pattern == name
	}
	return strings.HasPrefix(name+"/", folder)
}
