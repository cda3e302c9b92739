package archtest

import (
	"cmp"
	"fmt"
	"go/token"
	"slices"
)

// Rule is one thing that the source must or must not do.
type Rule struct {
	// Name is what findings, fixtures and exceptions call the rule.
	Name string

	check func(*Tree) []Finding
}

// Finding is one place where a rule is broken.
type Finding struct {
	// File is relative to the module's root, with slashes.
	File string
	// Line counts from one.
	Line int
	// Rule is the name of the broken rule.
	Rule string
	// Wrong says what is wrong, Fix the way out.
	Wrong, Fix string
}

// String formats the finding as compilers do, so that editors can jump to it.
func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s (%s)", f.File, f.Line, f.Rule, f.Wrong, f.Fix)
}

// Rules returns every rule, in the order in which they are explained in CONTRIBUTING.md.
func Rules() []Rule {
	return []Rule{
		{"imports", checkImports},
		{"confined", checkConfined},
		{"lean", checkLean},
		{"sql", checkSQL},
		{"receipts", checkReceipts},
		{"sleep", checkSleep},
		{"exit", checkExit},
		{"http", checkHTTP},
		{"file-size", checkFileSize},
		{"func-size", checkFuncSize},
		{"package-comment", checkPackageComment},
		{"package-name", checkPackageName},
		{"exported-doc", checkExportedDoc},
		{"context", checkContext},
		{"panic", checkPanic},
		{"init", checkInit},
		{"mutable", checkMutable},
		{"parallel", checkParallel},
		{"external-test", checkExternalTest},
		{"todo", checkTodo},
	}
}

// Check runs the rules and returns what they find and no exception excuses, sorted by place.
func Check(t *Tree, rules []Rule) []Finding {
	var found []Finding
	for _, r := range rules {
		for _, f := range r.check(t) {
			f.Rule = r.Name
			if !excused(f) {
				found = append(found, f)
			}
		}
	}
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule))
	})
	return found
}

// finding places what is wrong; [Check] adds the rule's name.
func (t *Tree) finding(f *file, pos token.Pos, wrong, fix string) Finding {
	return Finding{File: f.path, Line: t.fset.Position(pos).Line, Wrong: wrong, Fix: fix}
}
