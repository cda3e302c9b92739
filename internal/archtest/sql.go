package archtest

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// sqlStart recognises a statement by how it begins. Keywords are upper case in this house, which keeps prose out.
var sqlStart = regexp.MustCompile(`^\s*(?:--[^\n]*\n\s*)*(?:` + strings.Join([]string{
	`SELECT\s`,
	`INSERT\s+INTO\s`,
	`MERGE\s+INTO\s`,
	`UPDATE\s+(?:ONLY\s+)?\S+\s+(?:(?:AS\s+)?\S+\s+)?SET\s`,
	`DELETE\s+FROM\s`,
	`WITH\s+(?:RECURSIVE\s+)?\w+\s*(?:\([^)]*\)\s*)?AS\s`,
	`(?:CREATE|ALTER|DROP|TRUNCATE)\s+[A-Z]`,
}, "|") + `)`)

var (
	sqlEverything = regexp.MustCompile(`(?:SELECT|RETURNING)\s+(?:DISTINCT\s+)?(?:\w+\.)*\*`)
	// A function's columns are named in its AS clause or by its arguments, so taking them all takes no surprises.
	sqlFunction   = regexp.MustCompile(`^\s+FROM\s+[\w.]+\(`)
	sqlName       = regexp.MustCompile(`^sql[A-Z]`)
	receiptsWrite = regexp.MustCompile(
		`(?i)(?:UPDATE|INSERT\s+INTO|DELETE\s+FROM|MERGE\s+INTO)\s+(?:ONLY\s+)?carillon\.receipts\b`)
)

// sqlHome is where statements stand: one file, or one for each concern where they are many.
var sqlHome = regexp.MustCompile(`^queries(?:_[a-z]+)?\.go$`)

// checkSQL keeps statements in queries.go and its siblings, as constants whose names begin with sql, and in migrations.
// It wants the columns named.
func checkSQL(t *Tree) []Finding {
	var found []Finding
	t.all(func(p *pkg, f *file) {
		if f.test {
			return
		}
		home := sqlHome.MatchString(path.Base(f.path))
		named := sqlConstants(f)
		f.literals(func(lit *ast.BasicLit, text string) {
			isSQL := sqlStart.MatchString(text)
			switch {
			case (isSQL || home) && takesEverything(text):
				found = append(found, t.finding(f, lit.Pos(), "a query takes every column",
					"name the columns, so that a migration that adds one changes nothing here"))
			case !isSQL || p.path == "migrations":
			case !home:
				found = append(found, t.finding(f, lit.Pos(), "SQL outside queries.go",
					"move it to this package's queries.go or queries_CONCERN.go, as a constant sqlVerbNoun"))
			case !named[lit]:
				found = append(found, t.finding(f, lit.Pos(), "SQL that is not in a constant named sql…",
					"declare it as const sqlVerbNoun"))
			}
		})
	})
	return found
}

// checkReceipts keeps every write to the table of receipts in package receipts, which checks each change of state.
func checkReceipts(t *Tree) []Finding {
	var found []Finding
	t.all(func(p *pkg, f *file) {
		if f.test || p.path == "receipts" || p.path == "migrations" {
			return
		}
		f.literals(func(lit *ast.BasicLit, text string) {
			if receiptsWrite.MatchString(text) {
				found = append(found, t.finding(f, lit.Pos(), "carillon.receipts is written outside package receipts",
					"call package receipts, which re-checks the state that a receipt leaves"))
			}
		})
	})
	return found
}

// takesEverything looks for a star in place of a table's columns.
func takesEverything(text string) bool {
	for _, at := range sqlEverything.FindAllStringIndex(text, -1) {
		if !sqlFunction.MatchString(text[at[1]:]) {
			return true
		}
	}
	return false
}

// sqlConstants returns the literals that make up constants named sql….
func sqlConstants(f *file) map[*ast.BasicLit]bool {
	in := map[*ast.BasicLit]bool{}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		decl, ok := n.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			return true
		}
		for _, s := range decl.Specs {
			spec := s.(*ast.ValueSpec)
			for i, value := range spec.Values {
				if !sqlName.MatchString(spec.Names[i].Name) {
					continue
				}
				ast.Inspect(value, func(n ast.Node) bool {
					if lit, ok := n.(*ast.BasicLit); ok {
						in[lit] = true
					}
					return true
				})
			}
		}
		return true
	})
	return in
}

// literals visits the file's string literals, apart from import paths and struct tags.
func (f *file) literals(visit func(lit *ast.BasicLit, text string)) {
	tags := map[*ast.BasicLit]bool{}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			tags[n.Tag] = true
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && !tags[n] {
				visit(n, text)
			}
		}
		return true
	})
}
