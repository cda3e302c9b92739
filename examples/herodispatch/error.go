package herodispatch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/carillon-notify/carillon/dispatch"
)

// ErrNotFound is returned by the methods of [App] for an incident, hero or assignment that the city does not have, and
// for a reporter whom it does not know.
var ErrNotFound = errors.New("not found")

// InvalidError is returned by [App.ReportIncident], [App.RegisterHero], [App.UpdateHero] and [App.AddPerson] when
// something is missing or unknown.
type InvalidError struct {
	// Field names the argument.
	Field string
	// Problem says what is wrong with it.
	Problem string
}

// Error names the field.
func (e *InvalidError) Error() string { return e.Field + " " + e.Problem }

// TransitionError is returned by the actions of [App] when the status does not allow them.
type TransitionError struct {
	// Resource is "incident", "hero" or "assignment", and ID which one.
	Resource string
	ID       string
	// Action is what was asked.
	Action dispatch.Action
	// Status is where it stands, and Allowed are the statuses that the action starts from.
	Status  string
	Allowed []string
}

// Error says what would have been allowed.
func (e *TransitionError) Error() string {
	return fmt.Sprintf("%s %s %s: it is %s (only from %s)",
		e.Action, e.Resource, e.ID, e.Status, strings.Join(e.Allowed, ", "))
}

// BookedError is returned by [App.AssignHero] when the hero has an assignment already, on whatever incident.
type BookedError struct {
	// Hero is the hero's id.
	Hero string
}

// Error names the hero.
func (e *BookedError) Error() string {
	return fmt.Sprintf("assign hero %s: already assigned (unassign the hero first)", e.Hero)
}
