// Command mutants proves that the tests can fail: it applies each patch of this folder, a bug that somebody could write,
// to a copy of the tree, and wants the test that the patch names to go red.
//
//	go run ./internal/mutants            all of them
//	go run ./internal/mutants never_renew drop_the_fence
//
// All named tests must pass first. A patch that no longer applies is an error, and so is one that does not compile: only a
// behaviour that is missed counts as a catch. A patch begins with what the bug does, and the line
//
//	Test: PACKAGE NAME[/SUBTEST]
package main
