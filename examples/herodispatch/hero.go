package herodispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/dispatch"
)

// HeroDetails is what can be changed about a hero by writing it down. The status is not among it: that takes an action
// which has a name.
type HeroDetails struct {
	Name  string
	Alias string
	// Powers may be empty: they can be lost.
	Powers []string
	// Location may be unknown, which is empty.
	Location string
}

// Hero is one superhero.
type Hero struct {
	ID string
	HeroDetails
	Status    HeroStatus
	CreatedAt time.Time
	UpdatedAt time.Time
}

// RegisterHero adds a hero, who is available, and the person behind the mask, who gets mail at the given address.
func (a *App) RegisterHero(ctx context.Context, id, email string, details HeroDetails) (Hero, error) {
	if id == "" {
		return Hero{}, &InvalidError{"id", "is empty"}
	}
	return a.writeHero(ctx, Register, sqlInsertHero, id, details, func(tx pgx.Tx) error {
		return a.setPerson(ctx, tx, Person{ID: id, Name: details.Name, Email: email, Role: HeroRole})
	})
}

// UpdateHero replaces what is written down about a hero. Assignments keep the names that they were made with. It
// returns [ErrNotFound] for an unknown hero.
func (a *App) UpdateHero(ctx context.Context, id string, details HeroDetails) (Hero, error) {
	return a.writeHero(ctx, Update, sqlUpdateHero, id, details, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sqlRenamePerson, pgx.StrictNamedArgs{"city": a.city, "id": id, "name": details.Name})
		return err
	})
}

// MarkHeroDispatched sends out a hero who is available.
func (a *App) MarkHeroDispatched(ctx context.Context, id string) (Hero, error) {
	return a.changeHero(ctx, id, MarkDispatched)
}

// MarkHeroAvailable takes back a hero who is dispatched.
func (a *App) MarkHeroAvailable(ctx context.Context, id string) (Hero, error) {
	return a.changeHero(ctx, id, MarkAvailable)
}

// MarkHeroUnavailable takes a hero who is available off the roster.
func (a *App) MarkHeroUnavailable(ctx context.Context, id string) (Hero, error) {
	return a.changeHero(ctx, id, MarkUnavailable)
}

// ReturnHeroToDuty puts a hero who is unavailable back on the roster.
func (a *App) ReturnHeroToDuty(ctx context.Context, id string) (Hero, error) {
	return a.changeHero(ctx, id, ReturnToDuty)
}

// Hero returns one hero, or [ErrNotFound].
func (a *App) Hero(ctx context.Context, id string) (Hero, error) {
	hero, err := one[Hero](ctx, a.db, sqlGetHero, pgx.StrictNamedArgs{"city": a.city, "id": id})
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Hero{}, fmt.Errorf("hero %s: %w", id, err)
	}
	return hero, nil
}

// writeHero inserts or updates a hero, after what has to be written about the person.
func (a *App) writeHero(
	ctx context.Context, action dispatch.Action, sql, id string, details HeroDetails, personFunc func(pgx.Tx) error,
) (Hero, error) {
	if details.Name == "" || details.Alias == "" {
		return Hero{}, &InvalidError{"details", "need a name and an alias"}
	}
	var hero Hero
	_, err := a.heroes.Run(ctx, a.db, action, func(tx pgx.Tx) (HeroEvent, error) {
		err := personFunc(tx)
		if err != nil {
			return HeroEvent{}, err
		}
		hero, err = one[Hero](ctx, tx, sql, pgx.StrictNamedArgs{
			"city": a.city, "id": id, "name": details.Name, "alias": details.Alias,
			"powers": append([]string{}, details.Powers...), "location": details.Location,
		})
		if errors.Is(err, pgx.ErrNoRows) {
			err = ErrNotFound
		}
		return hero.event(), err
	}, a.opts())
	if err != nil {
		return Hero{}, fmt.Errorf("%s hero %s: %w", action, id, err)
	}
	return hero, nil
}

// changeHero is an action that only moves the status.
func (a *App) changeHero(ctx context.Context, id string, action dispatch.Action) (Hero, error) {
	var hero Hero
	_, err := a.heroes.Run(ctx, a.db, action, func(tx pgx.Tx) (HeroEvent, error) {
		var err error
		hero, err = a.moveHero(ctx, tx, id, action)
		return hero.event(), err
	}, a.opts())
	if err != nil {
		return Hero{}, err
	}
	return hero, nil
}

// moveHero changes the status if it allows that: the statement checks it again, so that of two dispatchers one loses.
func (a *App) moveHero(ctx context.Context, tx pgx.Tx, id string, action dispatch.Action) (Hero, error) {
	m := heroMoves[action]
	hero, err := one[Hero](ctx, tx, sqlMoveHero, pgx.StrictNamedArgs{
		"city": a.city, "id": id, "from": m.sources(), "to": string(m.to),
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Hero{}, a.refusal(ctx, tx, thing{"hero", sqlHeroStatus, id}, action, m.sources())
	case err != nil:
		return Hero{}, fmt.Errorf("%s hero %s: %w", action, id, err)
	}
	return hero, nil
}
