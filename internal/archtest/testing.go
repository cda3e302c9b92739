package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"strings"
)

var (
	notParallel  = regexp.MustCompile(`^// not parallel: \S`)
	internalTest = regexp.MustCompile(`^// internal test: \S`)
)

// checkParallel wants t.Parallel() first in every test, except where goleak watches all goroutines, synctest brings
// its own time, or the test's comment gives a reason.
func checkParallel(t *Tree) []Finding {
	var found []Finding
	t.all(func(_ *pkg, f *file) {
		if !f.test || f.importsPath("go.uber.org/goleak") || f.importsPath("testing/synctest") {
			return
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || !f.isTest(fn) || says(fn.Doc, notParallel) || startsParallel(fn) {
				continue
			}
			found = append(found, t.finding(f, fn.Pos(),
				fmt.Sprintf("%s does not begin with t.Parallel()", fn.Name.Name),
				"begin with it, or give the reason in the comment line \"// not parallel: reason\""))
		}
	})
	return found
}

// checkExternalTest wants tests outside the package that they test. A command has nothing to be seen from outside.
func checkExternalTest(t *Tree) []Finding {
	var found []Finding
	t.all(func(p *pkg, f *file) {
		if !f.test || p.name == "main" || strings.HasSuffix(f.ast.Name.Name, "_test") ||
			path.Base(f.path) == "export_test.go" {
			return
		}
		for _, c := range f.ast.Comments {
			if c.Pos() < f.ast.Package && says(c, internalTest) {
				return
			}
		}
		found = append(found, t.finding(f, f.ast.Name.Pos(), "the test is inside its package",
			fmt.Sprintf("make it package %s_test, or begin the file with \"// internal test: reason\"", f.ast.Name.Name)))
	})
	return found
}

// isTest recognises func TestX(t *testing.T).
func (f *file) isTest(fn *ast.FuncDecl) bool {
	if fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") || len(fn.Type.Params.List) != 1 {
		return false
	}
	star, ok := fn.Type.Params.List[0].Type.(*ast.StarExpr)
	return ok && f.is(star.X, "testing", "T")
}

func startsParallel(fn *ast.FuncDecl) bool {
	if len(fn.Body.List) == 0 {
		return false
	}
	stmt, ok := fn.Body.List[0].(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := stmt.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Parallel"
}

// says looks for a line of the comment; a mark without a reason does not count.
func says(doc *ast.CommentGroup, mark *regexp.Regexp) bool {
	if doc == nil {
		return false
	}
	for _, c := range doc.List {
		if mark.MatchString(c.Text) {
			return true
		}
	}
	return false
}
