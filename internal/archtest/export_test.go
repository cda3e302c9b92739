package archtest

// Exceptions shows the table to the tests.
func Exceptions() []Exception {
	var all []Exception
	for _, e := range exceptions {
		all = append(all, Exception{Rule: e.rule, Path: e.path, Reason: e.reason})
	}
	return all
}

// Exception is a line of the table.
type Exception struct {
	Rule, Path, Reason string
}

// Confined lists the libraries that are kept in their places.
func Confined() []string {
	names := make([]string, len(confinements))
	for i, c := range confinements {
		names[i] = c.library
	}
	return names
}
