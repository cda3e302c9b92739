// Package archtest holds the rules of Carillon's source that no compiler and no ordinary linter checks: who imports
// whom, where SQL may stand, who writes receipts, what tests look like.
//
// [Load] parses the module without type-checking it, so the rules run in a second, and also while a package does not
// compile. [Rules] lists them; [Check] runs them and leaves out what the table in exceptions.go excuses, each line of
// it with a reason. A finding says where, what is wrong, and the way out.
//
// Every rule is proved by its own fixture: testdata/bad/RULE is a small module tree whose offending lines end in
// a want comment, and testdata/good is a tree in which no rule may find anything.
//
// To add a rule: write its fixture, see the test fail, add the rule to [Rules].
package archtest
