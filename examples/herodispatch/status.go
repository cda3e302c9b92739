package herodispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/dispatch"
)

// What happens in the office. Actions are what [dispatch.Handle.Run] is told; declarations.go says which of them cause
// events.
const (
	ReportAction   dispatch.Action = "report"
	MarkDispatched dispatch.Action = "mark_dispatched"
	MarkInProgress dispatch.Action = "mark_in_progress"
	MarkResolved   dispatch.Action = "mark_resolved"
	MarkClosed     dispatch.Action = "mark_closed"
	Reopen         dispatch.Action = "reopen"

	Register        dispatch.Action = "register"
	Update          dispatch.Action = "update"
	MarkAvailable   dispatch.Action = "mark_available"
	MarkUnavailable dispatch.Action = "mark_unavailable"
	ReturnToDuty    dispatch.Action = "return_to_duty"

	Assign   dispatch.Action = "assign"
	Unassign dispatch.Action = "unassign"
)

// HeroStatus is whether a hero can be sent out.
type HeroStatus string

// The statuses of a hero.
const (
	HeroAvailable   HeroStatus = "available"
	HeroDispatched  HeroStatus = "dispatched"
	HeroUnavailable HeroStatus = "unavailable"
)

// IncidentStatus is how far an incident has come.
type IncidentStatus string

// The statuses of an incident, in the order of its life.
const (
	IncidentReported   IncidentStatus = "reported"
	IncidentDispatched IncidentStatus = "dispatched"
	IncidentInProgress IncidentStatus = "in_progress"
	IncidentResolved   IncidentStatus = "resolved"
	IncidentClosed     IncidentStatus = "closed"
)

// AssignmentStatus is whether a hero is still on an incident.
type AssignmentStatus string

// The statuses of an assignment.
const (
	AssignmentAssigned  AssignmentStatus = "assigned"
	AssignmentCompleted AssignmentStatus = "completed"
)

// move is one transition: from any of some statuses to one.
type move[S ~string] struct {
	from []S
	to   S
}

func (m move[S]) sources() []string {
	names := make([]string, len(m.from))
	for i, s := range m.from {
		names[i] = string(s)
	}
	return names
}

// heroMoves is every way in which a hero's status changes.
var heroMoves = map[dispatch.Action]move[HeroStatus]{
	MarkDispatched:  {[]HeroStatus{HeroAvailable}, HeroDispatched},
	MarkAvailable:   {[]HeroStatus{HeroDispatched}, HeroAvailable},
	MarkUnavailable: {[]HeroStatus{HeroAvailable}, HeroUnavailable},
	ReturnToDuty:    {[]HeroStatus{HeroUnavailable}, HeroAvailable},
}

// anyStatus is what an incident can be closed and reopened from.
var anyStatus = []IncidentStatus{
	IncidentReported, IncidentDispatched, IncidentInProgress, IncidentResolved, IncidentClosed,
}

// incidentMoves is every way in which an incident's status changes.
var incidentMoves = map[dispatch.Action]move[IncidentStatus]{
	MarkDispatched: {[]IncidentStatus{IncidentReported}, IncidentDispatched},
	MarkInProgress: {[]IncidentStatus{IncidentDispatched}, IncidentInProgress},
	MarkResolved:   {[]IncidentStatus{IncidentInProgress}, IncidentResolved},
	MarkClosed:     {anyStatus, IncidentClosed},
	Reopen:         {anyStatus, IncidentReported},
}

// openStatuses are those of an incident that heroes can be assigned to.
var openStatuses = []string{string(IncidentReported), string(IncidentDispatched), string(IncidentInProgress)}

// thing is what a transition is about.
type thing struct {
	resource  string
	sqlStatus string
	id        any
}

// refusal explains why the transition of a thing met no row: it does not exist, or its status does not allow it.
func (a *App) refusal(ctx context.Context, tx pgx.Tx, t thing, action dispatch.Action, allowed []string) error {
	var status string
	err := tx.QueryRow(ctx, t.sqlStatus, pgx.StrictNamedArgs{"city": a.city, "id": t.id}).Scan(&status)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("%s %s %v: %w", action, t.resource, t.id, ErrNotFound)
	case err != nil:
		return fmt.Errorf("%s %s %v: %w", action, t.resource, t.id, err)
	}
	return &TransitionError{
		Resource: t.resource, ID: fmt.Sprint(t.id), Action: action, Status: status, Allowed: allowed,
	}
}
