package herodispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Assignment is a hero on an incident. It keeps the names that the hero had then.
type Assignment struct {
	ID         uuid.UUID
	IncidentID uuid.UUID
	HeroID     string
	HeroName   string
	HeroAlias  string
	Status     AssignmentStatus
	AssignedAt time.Time
	ArchivedAt *time.Time
}

// oneAssignmentPerHero is the index that keeps a hero from being at two places.
const oneAssignmentPerHero = "assignments_one_per_hero"

// AssignHero puts a hero who is available on an incident that is neither resolved nor closed. It returns a
// [*BookedError] if the hero is on an incident already, and a [*TransitionError] if the hero is not available or the
// incident is over.
func (a *App) AssignHero(ctx context.Context, incidentID uuid.UUID, heroID string) (Assignment, error) {
	var assigned Assignment
	_, err := a.assignments.Run(ctx, a.db, Assign, func(tx pgx.Tx) (AssignmentEvent, error) {
		if err := a.lockIncident(ctx, tx, incidentID, Assign); err != nil {
			return AssignmentEvent{}, err
		}
		var err error
		if assigned, err = a.insertAssignment(ctx, tx, incidentID, heroID); err != nil {
			return AssignmentEvent{}, err
		}
		if _, err := a.moveHero(ctx, tx, heroID, MarkDispatched); err != nil {
			return AssignmentEvent{}, err
		}
		incident, err := a.recount(ctx, tx, incidentID)
		return assigned.event(incident), err
	}, a.opts())
	if err != nil {
		return Assignment{}, err
	}
	return assigned, nil
}

// UnassignHero archives an assignment as completed and frees its hero. It returns a [*TransitionError] if that has
// happened before.
func (a *App) UnassignHero(ctx context.Context, assignmentID uuid.UUID) (Assignment, error) {
	var ended Assignment
	_, err := a.assignments.Run(ctx, a.db, Unassign, func(tx pgx.Tx) (AssignmentEvent, error) {
		found, err := a.assignment(ctx, tx, assignmentID)
		if err != nil {
			return AssignmentEvent{}, err
		}
		if err := a.lockIncident(ctx, tx, found.IncidentID, Unassign); err != nil {
			return AssignmentEvent{}, err
		}
		if ended, err = a.archive(ctx, tx, assignmentID); err != nil {
			return AssignmentEvent{}, err
		}
		if err := a.free(ctx, tx, []string{ended.HeroID}); err != nil {
			return AssignmentEvent{}, err
		}
		incident, err := a.recount(ctx, tx, found.IncidentID)
		return ended.event(incident), err
	}, a.opts())
	if err != nil {
		return Assignment{}, err
	}
	return ended, nil
}

// Assignments lists those of an incident, archived ones included, first one first.
func (a *App) Assignments(ctx context.Context, incidentID uuid.UUID) ([]Assignment, error) {
	rows, err := a.db.Query(ctx, sqlListAssignments, pgx.StrictNamedArgs{"city": a.city, "incident_id": incidentID})
	if err != nil {
		return nil, fmt.Errorf("list assignments of incident %s: %w", incidentID, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Assignment])
	if err != nil {
		return nil, fmt.Errorf("list assignments of incident %s: %w", incidentID, err)
	}
	return list, nil
}

func (a *App) assignment(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Assignment, error) {
	found, err := one[Assignment](ctx, tx, sqlGetAssignment, pgx.StrictNamedArgs{"city": a.city, "id": id})
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Assignment{}, fmt.Errorf("assignment %s: %w", id, err)
	}
	return found, nil
}

// insertAssignment copies the hero's names of this moment. The unique index decides who comes first.
func (a *App) insertAssignment(ctx context.Context, tx pgx.Tx, incidentID uuid.UUID, heroID string) (Assignment, error) {
	hero, err := one[Hero](ctx, tx, sqlGetHero, pgx.StrictNamedArgs{"city": a.city, "id": heroID})
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Assignment{}, fmt.Errorf("assign hero %s: %w", heroID, err)
	}
	assigned, err := one[Assignment](ctx, tx, sqlInsertAssignment, pgx.StrictNamedArgs{
		"city": a.city, "incident_id": incidentID, "hero_id": hero.ID, "hero_name": hero.Name,
		"hero_alias": hero.Alias, "open": openStatuses,
	})
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && refused.ConstraintName == oneAssignmentPerHero:
		return Assignment{}, &BookedError{Hero: heroID}
	case errors.Is(err, pgx.ErrNoRows):
		return Assignment{}, a.refusal(ctx, tx, thing{"incident", sqlIncidentStatus, incidentID}, Assign, openStatuses)
	case err != nil:
		return Assignment{}, fmt.Errorf("assign hero %s to incident %s: %w", heroID, incidentID, err)
	}
	return assigned, nil
}

// archive ends one assignment that is not archived.
func (a *App) archive(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Assignment, error) {
	ended, err := one[Assignment](ctx, tx, sqlArchiveAssignment, pgx.StrictNamedArgs{"city": a.city, "id": id})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Assignment{}, a.refusal(ctx, tx, thing{"assignment", sqlAssignmentStatus, id}, Unassign,
			[]string{string(AssignmentAssigned)})
	case err != nil:
		return Assignment{}, fmt.Errorf("archive assignment %s: %w", id, err)
	}
	return ended, nil
}

// archiveAll ends every assignment of an incident, frees the heroes, and returns their ids.
func (a *App) archiveAll(ctx context.Context, tx pgx.Tx, incidentID uuid.UUID) ([]string, error) {
	rows, err := tx.Query(ctx, sqlArchiveAssignments, pgx.StrictNamedArgs{"city": a.city, "incident_id": incidentID})
	if err != nil {
		return nil, fmt.Errorf("archive the assignments of incident %s: %w", incidentID, err)
	}
	heroes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("archive the assignments of incident %s: %w", incidentID, err)
	}
	return heroes, a.free(ctx, tx, heroes)
}

// free makes heroes available who come back from an incident. Somebody may have done that by hand meanwhile, so a hero
// who is not dispatched is left alone.
func (a *App) free(ctx context.Context, tx pgx.Tx, heroes []string) error {
	if _, err := tx.Exec(ctx, sqlFreeHeroes, pgx.StrictNamedArgs{"city": a.city, "heroes": heroes}); err != nil {
		return fmt.Errorf("free heroes: %w", err)
	}
	return nil
}

// recount sets the incident's count of heroes to what the assignments say.
func (a *App) recount(ctx context.Context, tx pgx.Tx, incidentID uuid.UUID) (Incident, error) {
	incident, err := one[Incident](ctx, tx, sqlRecountHeroes, pgx.StrictNamedArgs{"city": a.city, "id": incidentID})
	if err != nil {
		return Incident{}, fmt.Errorf("recount the heroes of incident %s: %w", incidentID, err)
	}
	return incident, nil
}
