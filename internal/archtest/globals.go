package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

// checkInit forbids init functions: importing a package must do nothing.
func checkInit(t *Tree) []Finding {
	var found []Finding
	t.all(func(_ *pkg, f *file) {
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				found = append(found, t.finding(f, fn.Pos(), "importing the package runs code",
					"do it in a constructor that callers call"))
			}
		}
	})
	return found
}

// checkMutable forbids package variables that change. Whatever is set once in its declaration and never written to
// is fine: errors, patterns, tables, embedded files.
//
// Without types this sees a variable that has no value, that begins as something made to be filled, or that a
// function of its package writes to. It does not see writes through a pointer or from another package.
func checkMutable(t *Tree) []Finding {
	var found []Finding
	for _, p := range t.packages {
		written := map[string]bool{}
		for _, f := range p.files {
			if !f.test {
				collectWrites(f.ast, written)
			}
		}
		for _, f := range p.files {
			if f.test {
				continue
			}
			for _, name := range mutableVars(f, written) {
				found = append(found, t.finding(f, name.Pos(),
					fmt.Sprintf("package variable %s can change", name.Name),
					"make it a field of the type that uses it, or a constant"))
			}
		}
	}
	return found
}

func mutableVars(f *file, written map[string]bool) []*ast.Ident {
	var names []*ast.Ident
	for _, d := range f.ast.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.VAR {
			continue
		}
		for _, s := range decl.Specs {
			spec := s.(*ast.ValueSpec)
			if embedded(decl.Doc) || embedded(spec.Doc) {
				continue
			}
			for i, name := range spec.Names {
				if name.Name == "_" {
					continue
				}
				if written[name.Name] || len(spec.Values) == 0 || i < len(spec.Values) && f.madeToChange(spec.Values[i]) {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

func embedded(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	for _, c := range doc.List {
		if strings.HasPrefix(c.Text, "//go:embed ") {
			return true
		}
	}
	return false
}

// madeToChange recognises make(…), new(…), &T{…}, and locks and atomics.
func (f *file) madeToChange(value ast.Expr) bool {
	switch v := value.(type) {
	case *ast.CallExpr:
		id, ok := v.Fun.(*ast.Ident)
		return ok && (id.Name == "make" || id.Name == "new")
	case *ast.UnaryExpr:
		return v.Op == token.AND
	case *ast.CompositeLit:
		return f.isFrom(v.Type, "sync") || f.isFrom(v.Type, "sync/atomic")
	}
	return false
}

// collectWrites adds the names that functions of the file write to and do not declare themselves.
func collectWrites(f *ast.File, written map[string]bool) {
	for _, decl := range f.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		local := declaredIn(fn)
		for _, target := range writesIn(fn.Body) {
			if id := root(target); id != nil && !local[id.Name] {
				written[id.Name] = true
			}
		}
	}
}

// writesIn returns what is assigned to, counted up or down, emptied, or given away by its address.
func writesIn(body *ast.BlockStmt) []ast.Expr {
	var targets []ast.Expr
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				targets = append(targets, n.Lhs...)
			}
		case *ast.IncDecStmt:
			targets = append(targets, n.X)
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				targets = append(targets, n.Key, n.Value)
			}
		case *ast.UnaryExpr:
			if _, plain := n.X.(*ast.Ident); plain && n.Op == token.AND {
				targets = append(targets, n.X)
			}
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "delete" || id.Name == "clear") {
				targets = append(targets, n.Args[0])
			}
		}
		return true
	})
	return targets
}

// declaredIn returns every name that the function declares, wherever in it.
func declaredIn(fn *ast.FuncDecl) map[string]bool {
	local := map[string]bool{}
	add := func(e ast.Expr) {
		if id, ok := e.(*ast.Ident); ok {
			local[id.Name] = true
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, name := range n.Names {
				add(name)
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				add(name)
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					add(e)
				}
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				add(n.Key)
				add(n.Value)
			}
		}
		return true
	})
	return local
}

// root returns the variable that an expression such as x.f[i] is a part of.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}
