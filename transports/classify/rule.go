package classify

import (
	"slices"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/transports"
)

// Rule is one row of a [Table]: what it applies to, and what that means. A condition that is left out is met by all.
type Rule struct {
	// Name tells the rule from the others of its table.
	Name string

	// Stages are where in the dialogue it applies.
	Stages []Stage
	// Faults are what went wrong without an answer. A rule without any is about answers.
	Faults []Fault
	// Status lists codes of three digits; a single digit stands for the whole hundred.
	Status []int
	// Codes are the provider's finer codes: enhanced status codes, names, numbers. One that ends in a dot stands for all
	// that begin so.
	Codes []string
	// Bare limits the rule to answers without a finer code, or with one that says nothing (X.0.0).
	Bare bool
	// Words are lower-case; one of them is in the answer's text.
	Words []string
	// Told limits the rule to answers that say how long to wait.
	Told bool
	// Unkeyed limits the rule to requests whose repetition the provider cannot recognise.
	Unkeyed bool

	// Class is what it means.
	Class transports.Class
	// Detail says so in words that may be shown to anybody.
	Detail string
	// Wait is how long to leave the provider alone at the least, beside what it asks for itself.
	Wait time.Duration

	// Tries, InARow and Failing are limits after which the class becomes Then; 0 is no limit. Tries counts the attempts of
	// the message, InARow the outcomes of this rule with no acceptance between them, and Failing is how long the
	// destination has had nothing but failures.
	Tries   int
	InARow  int
	Failing time.Duration
	// Then is the class past a limit.
	Then transports.Class
}

// fits tells whether the rule is about o.
func (r Rule) fits(o Outcome) bool {
	switch {
	case len(r.Faults) == 0 && o.Fault != FaultNone,
		len(r.Faults) > 0 && !slices.Contains(r.Faults, o.Fault),
		len(r.Stages) > 0 && !slices.Contains(r.Stages, o.Stage),
		len(r.Status) > 0 && !slices.Contains(r.Status, o.Status) && !slices.Contains(r.Status, o.Status/100),
		r.Bare && o.Code != "" && !strings.HasSuffix(o.Code, ".0.0"),
		r.Told && o.RetryAfter <= 0,
		r.Unkeyed && o.Keyed:
		return false
	}
	if len(r.Codes) > 0 && !slices.ContainsFunc(r.Codes, func(code string) bool {
		return code == o.Code || strings.HasSuffix(code, ".") && strings.HasPrefix(o.Code, code)
	}) {
		return false
	}
	return len(r.Words) == 0 || slices.ContainsFunc(r.Words, func(w string) bool { return strings.Contains(o.Text, w) })
}

// exceeded tells whether o has passed one of the rule's limits.
func (r Rule) exceeded(o Outcome) bool {
	return r.Tries > 0 && o.Attempt >= r.Tries ||
		r.InARow > 0 && o.InARow >= r.InARow ||
		r.Failing > 0 && o.Failing >= r.Failing
}
