package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkPackageComment wants every package explained, commands too.
func checkPackageComment(t *Tree) []Finding {
	var found []Finding
	for _, p := range t.packages {
		var first *file
		documented := false
		for _, f := range p.files {
			if f.test {
				continue
			}
			if first == nil {
				first = f
			}
			start := "Package " + p.name + " "
			if p.name == "main" {
				start = ""
			}
			documented = documented || f.ast.Doc != nil && strings.HasPrefix(f.ast.Doc.Text(), start)
		}
		if first != nil && !documented {
			found = append(found, t.finding(first, first.ast.Name.Pos(),
				fmt.Sprintf("package %s has no comment that begins with its name", p.path),
				"say above the package clause what it is for and how to begin; over five lines belong in doc.go"))
		}
	}
	return found
}

// emptyNames say nothing about what is in a package.
var emptyNames = []string{"base", "common", "helper", "helpers", "misc", "types", "util", "utils"}

// checkPackageName refuses names that say nothing.
func checkPackageName(t *Tree) []Finding {
	var found []Finding
	for _, p := range t.packages {
		if slices.Contains(emptyNames, p.name) || slices.Contains(emptyNames, path.Base(p.path)) {
			f := p.files[0]
			found = append(found, t.finding(f, f.ast.Name.Pos(),
				fmt.Sprintf("the name of package %s says nothing", p.path),
				"name it after what it holds, or move its contents to where they are used"))
		}
	}
	return found
}

// plainMethods implement interfaces that everybody knows; their documentation is that of the type.
var plainMethods = []string{"Error", "String", "Unwrap", "Len", "Less", "Swap"}

// checkExportedDoc wants every exported name of an importable package explained.
func checkExportedDoc(t *Tree) []Finding {
	var found []Finding
	t.all(func(p *pkg, f *file) {
		if f.test || p.name == "main" || strings.Contains("/"+p.path+"/", "/internal/") {
			return
		}
		for _, name := range undocumented(f.ast) {
			found = append(found, t.finding(f, name.Pos(),
				fmt.Sprintf("%s has no comment that begins with its name", name.Name),
				"say what it does and how it fails"))
		}
	})
	return found
}

func undocumented(f *ast.File) []*ast.Ident {
	var names []*ast.Ident
	for _, decl := range f.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if wantsDoc(decl) && !begins(decl.Doc, decl.Name) {
				names = append(names, decl.Name)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if name := undocumentedSpec(decl, spec); name != nil {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

func wantsDoc(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return fn.Name.IsExported()
	}
	return fn.Name.IsExported() && ast.IsExported(receiver(fn)) && !slices.Contains(plainMethods, fn.Name.Name)
}

// undocumentedSpec returns the name that lacks a comment. Constants and variables may share that of their group.
func undocumentedSpec(decl *ast.GenDecl, spec ast.Spec) *ast.Ident {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() && !begins(spec.Doc, spec.Name) && (decl.Lparen.IsValid() || !begins(decl.Doc, spec.Name)) {
			return spec.Name
		}
	case *ast.ValueSpec:
		i := slices.IndexFunc(spec.Names, (*ast.Ident).IsExported)
		if i < 0 || begins(spec.Doc, spec.Names...) {
			return nil
		}
		grouped := decl.Lparen.IsValid() && (decl.Doc != nil || spec.Comment != nil)
		if !grouped && (decl.Lparen.IsValid() || !begins(decl.Doc, spec.Names...)) {
			return spec.Names[i]
		}
	}
	return nil
}

// begins says whether the comment's first word is one of the names.
func begins(doc *ast.CommentGroup, names ...*ast.Ident) bool {
	if doc == nil {
		return false
	}
	text := doc.Text()
	for _, name := range names {
		if rest, ok := strings.CutPrefix(text, name.Name); ok {
			next, _ := utf8.DecodeRuneInString(rest)
			return next != '_' && !unicode.IsLetter(next) && !unicode.IsDigit(next)
		}
	}
	return false
}

// receiver returns the name of the type that a method belongs to.
func receiver(fn *ast.FuncDecl) string {
	e := fn.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return token.ILLEGAL.String()
		}
	}
}
