package archtest

import "go/ast"

// checkContext wants a context as the first parameter, after at most a test's own, and never in a struct.
func checkContext(t *Tree) []Finding {
	var found []Finding
	t.all(func(_ *pkg, f *file) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.StructType:
				for _, field := range n.Fields.List {
					if f.is(field.Type, "context", "Context") {
						found = append(found, t.finding(f, field.Pos(), "a struct stores a context",
							"pass it to the methods that need it"))
					}
				}
			case *ast.FuncType:
				if late := f.lateContext(n); late != nil {
					found = append(found, t.finding(f, late.Pos(), "a context is not the first parameter",
						"put it first"))
				}
			}
			return true
		})
	})
	return found
}

// lateContext returns the parameter that should be further in front.
func (f *file) lateContext(fn *ast.FuncType) *ast.Field {
	first := true
	for _, param := range fn.Params.List {
		if f.is(param.Type, "context", "Context") {
			if first {
				return nil
			}
			return param
		}
		first = first && f.isTesting(param.Type)
	}
	return nil
}

// isTesting says whether the type is *testing.T or one of its kin, which come before a context.
func (f *file) isTesting(e ast.Expr) bool {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	return f.isFrom(e, "testing") || f.isFrom(e, "pgregory.net/rapid")
}
