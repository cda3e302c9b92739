package archtest

import (
	"go/ast"
	"regexp"
	"strings"
)

var saysPanics = regexp.MustCompile(`(?i)\bpanics\b`)

// checkPanic allows panics where the caller is warned: by a name that begins with Must, or by the comment.
func checkPanic(t *Tree) []Finding {
	var found []Finding
	t.all(func(_ *pkg, f *file) {
		if f.test {
			return
		}
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && warnsOfPanic(fn) {
				continue
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "panic" {
					found = append(found, t.finding(f, call.Pos(), "an unannounced panic",
						"return an error; for a wiring mistake at start-up say in the comment when the function panics"))
				}
				return true
			})
		}
	})
	return found
}

func warnsOfPanic(fn *ast.FuncDecl) bool {
	return strings.HasPrefix(fn.Name.Name, "Must") || saysPanics.MatchString(fn.Doc.Text())
}
