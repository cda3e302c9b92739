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
var httpShortcuts = []string{"DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm", "ProxyFromEnvironment"}

// netShortcuts are the names of net, and of crypto/tls, that connect to an address that nobody judged.
var netShortcuts = []string{
	"Dial", "DialIP", "DialTCP", "DialTimeout", "DialUDP", "DialUnix", "DialWithDialer", "Dialer",
}

// checkHTTP keeps requests and connections inside internal/egress, the one way out.
func checkHTTP(t *Tree) []Finding {
	var found []Finding
	t.all(func(p *pkg, f *file) {
		if f.test || p.path == "internal/egress" {
			return
		}
		report := func(n ast.Node, wrong string) {
			found = append(found, t.finding(f, n.Pos(), wrong,
				"take a client from internal/egress, which bounds time, size and where requests may go"))
		}
		pointed := map[ast.Expr]bool{} // types behind a star: made elsewhere
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if star, ok := n.(*ast.StarExpr); ok {
				pointed[star.X] = true
			}
			sel, ok := n.(*ast.SelectorExpr)
			switch {
			case !ok:
			case f.isFrom(sel, "net/http") && slices.Contains(httpShortcuts, sel.Sel.Name),
				(f.is(sel, "net/http", "Client") || f.is(sel, "net/http", "Transport")) && !pointed[sel]:
				report(sel, "an HTTP client of its own")
			case (f.isFrom(sel, "net") || f.isFrom(sel, "crypto/tls")) && slices.Contains(netShortcuts, sel.Sel.Name) && !pointed[sel]:
				report(sel, "a connection of its own")
			}
			return true
		})
	})
	return found
}
