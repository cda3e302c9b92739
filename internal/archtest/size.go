package archtest

import (
	"fmt"
	"go/ast"
)

// The limits past which a file or a function is two. Good ones are a good deal shorter.
const (
	maxFileLines = 500
	maxTestLines = 800
	maxBodyLines = 70
)

// checkFileSize limits files that are written by hand.
func checkFileSize(t *Tree) []Finding {
	var found []Finding
	t.all(func(_ *pkg, f *file) {
		limit := maxFileLines
		if f.test {
			limit = maxTestLines
		}
		source := t.fset.File(f.ast.FileStart)
		if lines := source.LineCount(); lines > limit && !ast.IsGenerated(f.ast) {
			found = append(found, t.finding(f, source.LineStart(limit+1),
				fmt.Sprintf("the file has %d lines, %d are allowed", lines, limit),
				"split it by concept, and name each file after its own"))
		}
	})
	return found
}

// checkFuncSize limits the bodies of functions. Tests are free: a table is long and still simple.
func checkFuncSize(t *Tree) []Finding {
	var found []Finding
	t.all(func(_ *pkg, f *file) {
		if f.test || ast.IsGenerated(f.ast) {
			return
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			lines := t.fset.Position(fn.Body.Rbrace).Line - t.fset.Position(fn.Body.Lbrace).Line - 1
			if lines > maxBodyLines {
				found = append(found, t.finding(f, fn.Pos(),
					fmt.Sprintf("the body of %s has %d lines, %d are allowed", fn.Name.Name, lines, maxBodyLines),
					"take out the steps that have a name of their own"))
			}
		}
	})
	return found
}
