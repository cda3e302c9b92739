package archtest

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	reminder = regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)
	issue    = regexp.MustCompile(`#[0-9]+\b`)
)

// checkTodo wants an issue for every reminder, on its line.
func checkTodo(t *Tree) []Finding {
	var found []Finding
	t.all(func(_ *pkg, f *file) {
		for _, group := range f.ast.Comments {
			for _, c := range group.List {
				first := t.fset.Position(c.Pos()).Line
				for i, line := range strings.Split(c.Text, "\n") {
					word := reminder.FindString(line)
					if word == "" || issue.MatchString(line) {
						continue
					}
					found = append(found, Finding{
						File: f.path, Line: first + i,
						Wrong: fmt.Sprintf("a %s that nobody will find again", word),
						Fix:   "do it now, or open an issue and write its number on the line",
					})
				}
			}
		}
	})
	return found
}
