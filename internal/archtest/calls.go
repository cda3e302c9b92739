package archtest

import (
	"go/ast"
	"path"
	"slices"
	"strings"
)

// checkSleep forbids time.Sleep, in tests too.
func checkSleep(t *Tree) []Finding {
	var found []Finding
	t.all(func(_ *pkg, f *file) {
		f.uses("time", func(sel *ast.SelectorExpr) {
			if sel.Sel.Name == "Sleep" {
				found = append(found, t.finding(f, sel.Pos(), "time.Sleep",
					"select on a timer and ctx.Done(); a test waits for a signal with a timeout"))
			}
		})
	})
	return found
}

// checkExit lets only main.go of a command, and TestMain, end the process.
func checkExit(t *Tree) []Finding {
	var found []Finding
	t.all(func(p *pkg, f *file) {
		if p.name == "main" && path.Base(f.path) == "main.go" {
			return
		}
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && f.test && fn.Name.Name == "TestMain" {
				continue
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				fatal := f.isFrom(sel, "log") && strings.HasPrefix(sel.Sel.Name, "Fatal")
				if fatal || f.is(sel, "os", "Exit") {
					found = append(found, t.finding(f, sel.Pos(), "the process is ended outside main.go",
						"return the error; deferred calls would not run"))
				}
				return true
			})
		}
	})
	return found
}

// httpShortcuts are the names of net/http that send a request, or let one be sent, without the guards of egress.
var httpShortcuts = []string{"DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm"}

// checkHTTP keeps requests inside internal/egress, the one way out.
func checkHTTP(t *Tree) []Finding {
	var found []Finding
	t.all(func(p *pkg, f *file) {
		if f.test || p.path == "internal/egress" {
			return
		}
		report := func(n ast.Node) {
			found = append(found, t.finding(f, n.Pos(), "an HTTP client of its own",
				"take an *http.Client from internal/egress, which bounds time, size and where requests may go"))
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if f.isFrom(n, "net/http") && slices.Contains(httpShortcuts, n.Sel.Name) {
					report(n)
				}
			case *ast.CompositeLit:
				if f.is(n.Type, "net/http", "Client") {
					report(n)
				}
			case *ast.CallExpr:
				if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "new" && f.is(n.Args[0], "net/http", "Client") {
					report(n)
				}
			}
			return true
		})
	})
	return found
}
