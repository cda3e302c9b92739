package herodispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/dispatch"
)

// Priority is how bad an incident is.
type Priority string

// The priorities.
const (
	Low      Priority = "low"
	Medium   Priority = "medium"
	High     Priority = "high"
	Critical Priority = "critical"
)

// Report is what a citizen says about an incident.
type Report struct {
	// Reporter is the id of the person who calls.
	Reporter    string
	Type        string
	Description string
	Location    string
	// Priority defaults to [Medium].
	Priority Priority
}

// Incident is one emergency.
type Incident struct {
	ID          uuid.UUID
	Reporter    string
	Type        string
	Description string
	Location    string
	Priority    Priority
	Status      IncidentStatus
	// HeroCount is how many heroes are on it, counted anew whenever that changes.
	HeroCount int

	ReportedAt   time.Time
	DispatchedAt *time.Time
	InProgressAt *time.Time
	ResolvedAt   *time.Time
	ClosedAt     *time.Time
	ReopenedAt   *time.Time
}

// ReportIncident takes a report. It returns an [*InvalidError] if something is missing, and [ErrNotFound] for a
// reporter whom the city does not know.
func (a *App) ReportIncident(ctx context.Context, r Report) (Incident, error) {
	r.Priority = cmp.Or(r.Priority, Medium)
	if err := r.validate(); err != nil {
		return Incident{}, err
	}
	return a.act(ctx, ReportAction, func(tx pgx.Tx) (Incident, []string, error) {
		incident, err := one[Incident](ctx, tx, sqlInsertIncident, pgx.StrictNamedArgs{
			"city": a.city, "reporter": r.Reporter, "type": r.Type, "description": r.Description,
			"location": r.Location, "priority": string(r.Priority),
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return Incident{}, nil, fmt.Errorf("report an incident: reporter %s: %w", r.Reporter, ErrNotFound)
		}
		if err != nil {
			return Incident{}, nil, fmt.Errorf("report an incident: %w", err)
		}
		return incident, nil, nil
	})
}

// MarkIncidentDispatched notes that help is under way to a reported incident.
func (a *App) MarkIncidentDispatched(ctx context.Context, id uuid.UUID) (Incident, error) {
	return a.changeIncident(ctx, id, MarkDispatched)
}

// MarkIncidentInProgress notes that help has come to a dispatched incident.
func (a *App) MarkIncidentInProgress(ctx context.Context, id uuid.UUID) (Incident, error) {
	return a.changeIncident(ctx, id, MarkInProgress)
}

// ResolveIncident ends an incident that is in progress. Its heroes stay on it until they are unassigned or it is closed.
func (a *App) ResolveIncident(ctx context.Context, id uuid.UUID) (Incident, error) {
	return a.changeIncident(ctx, id, MarkResolved)
}

// CloseIncident puts an incident away, whatever its status: its assignments are archived and their heroes are free.
func (a *App) CloseIncident(ctx context.Context, id uuid.UUID) (Incident, error) {
	return a.act(ctx, MarkClosed, func(tx pgx.Tx) (Incident, []string, error) {
		if err := a.lockIncident(ctx, tx, id, MarkClosed); err != nil {
			return Incident{}, nil, err
		}
		released, err := a.archiveAll(ctx, tx, id)
		if err != nil {
			return Incident{}, nil, err
		}
		incident, err := a.moveIncident(ctx, tx, id, MarkClosed)
		return incident, released, err
	})
}

// ReopenIncident starts an incident over as reported, whatever its status.
func (a *App) ReopenIncident(ctx context.Context, id uuid.UUID) (Incident, error) {
	return a.changeIncident(ctx, id, Reopen)
}

// Incident returns one incident, or [ErrNotFound].
func (a *App) Incident(ctx context.Context, id uuid.UUID) (Incident, error) {
	incident, err := one[Incident](ctx, a.db, sqlGetIncident, pgx.StrictNamedArgs{"city": a.city, "id": id})
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Incident{}, fmt.Errorf("incident %s: %w", id, err)
	}
	return incident, nil
}

func (r Report) validate() error {
	for _, f := range []struct{ name, value string }{
		{"reporter", r.Reporter}, {"type", r.Type}, {"description", r.Description}, {"location", r.Location},
	} {
		if f.value == "" {
			return &InvalidError{f.name, "is empty"}
		}
	}
	if !slices.Contains([]Priority{Low, Medium, High, Critical}, r.Priority) {
		return &InvalidError{"priority", fmt.Sprintf("is %q (one of low, medium, high, critical)", r.Priority)}
	}
	return nil
}

// changeIncident is an action that only moves the status.
func (a *App) changeIncident(ctx context.Context, id uuid.UUID, action dispatch.Action) (Incident, error) {
	return a.act(ctx, action, func(tx pgx.Tx) (Incident, []string, error) {
		incident, err := a.moveIncident(ctx, tx, id, action)
		return incident, nil, err
	})
}

// act is the action hook of incidents. The function returns the incident as it now is, and the heroes released by it.
func (a *App) act(
	ctx context.Context, action dispatch.Action, f func(tx pgx.Tx) (Incident, []string, error),
) (Incident, error) {
	var incident Incident
	_, err := a.incidents.Run(ctx, a.db, action, func(tx pgx.Tx) (IncidentEvent, error) {
		var released []string
		var err error
		incident, released, err = f(tx)
		return incident.event(released), err
	}, a.opts())
	if err != nil {
		return Incident{}, err
	}
	return incident, nil
}

// moveIncident changes the status if it allows that, with the transition's time and a fresh count of heroes.
func (a *App) moveIncident(ctx context.Context, tx pgx.Tx, id uuid.UUID, action dispatch.Action) (Incident, error) {
	if err := a.lockIncident(ctx, tx, id, action); err != nil {
		return Incident{}, err
	}
	m := incidentMoves[action]
	incident, err := one[Incident](ctx, tx, sqlMoveIncident, pgx.StrictNamedArgs{
		"city": a.city, "id": id, "action": string(action), "from": m.sources(), "to": string(m.to),
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Incident{}, a.refusal(ctx, tx, thing{"incident", sqlIncidentStatus, id}, action, m.sources())
	case err != nil:
		return Incident{}, fmt.Errorf("%s incident %s: %w", action, id, err)
	}
	return incident, nil
}

// lockIncident comes first wherever assignments change, so that such actions on one incident wait for each other and
// none of them counts heroes before another has written.
func (a *App) lockIncident(ctx context.Context, tx pgx.Tx, id uuid.UUID, action dispatch.Action) error {
	tag, err := tx.Exec(ctx, sqlLockIncident, pgx.StrictNamedArgs{"city": a.city, "id": id})
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s: incident %s: %w", action, id, err)
	}
	return nil
}
