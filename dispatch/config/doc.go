// Package config reads a carillon.yaml: the same declarations as in Go, checked by the same [dispatch.New], for
// programs that bring no Go of their own.
//
//	file, err := config.Load("carillon.yaml", []config.Builder{
//		{Spec: transports.InAppSpec(), NoConfig: true, New: newInApp},
//		{Spec: transports.EmailSpec(), New: newEmail},
//	})
//
// It imports no transport. The caller gives one [Builder] for each that its program links, and the builder has the
// section transports.<name> decoded into the transport's own configuration.
//
// # Values
//
// ${NAME} in any value is replaced by the environment variable, which must be set; $${ stands for the characters ${.
// Inside { } and [ ] YAML itself gives braces a meaning, so that a value with ${NAME} needs quotes there. A value that
// came from the environment may also be a number, a boolean or a duration where the key asks for one; in a sample it
// is text. Durations are written as in Go ("90s", "1h30m"), or with days in front ("7d", "1d12h"). A key without a
// value is as good as absent. Anchors, aliases and merge keys work, tags do not.
//
// # Problems
//
// Everything that is wrong is reported together, as [Problems], each with its line and column, in the order of the
// file. Syntax errors stand alone, since nothing after them can be trusted. Keys of capabilities that are planned are
// refused by name. No problem contains a credential.
//
// # How it works
//
// Parse goes from text to a tree of nodes (source.go, convert.go, environment.go), from there by reflection into the
// structs of document.go (decode.go, scalar.go), builds the transports (transport.go) and the declarations
// (declare.go), and puts what dispatch.New found back to the place where it was written (place.go).
package config
