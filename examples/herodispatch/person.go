package herodispatch

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Role is what somebody is to the office.
type Role string

// The roles.
const (
	Citizen    Role = "citizen"
	HeroRole   Role = "hero"
	Dispatcher Role = "dispatcher"
)

// Person is somebody who can be told something.
type Person struct {
	// ID is unique in the city.
	ID    string
	Name  string
	Email string
	// Phone is in E.164 form, such as +4930123456.
	Phone string
	Role  Role
	// OnDuty is for dispatchers: only those on duty are told.
	OnDuty bool
}

// AddPerson stores a person, or what has changed about one. Heroes are people too; [App.RegisterHero] adds them.
func (a *App) AddPerson(ctx context.Context, p Person) error {
	switch {
	case p.ID == "":
		return &InvalidError{"id", "is empty"}
	case !slices.Contains([]Role{Citizen, HeroRole, Dispatcher}, p.Role):
		return &InvalidError{"role", fmt.Sprintf("is %q (one of citizen, hero, dispatcher)", p.Role)}
	}
	return pgx.BeginFunc(ctx, a.db, func(tx pgx.Tx) error { return a.setPerson(ctx, tx, p) })
}

func (a *App) setPerson(ctx context.Context, tx pgx.Tx, p Person) error {
	_, err := tx.Exec(ctx, sqlSetPerson, pgx.StrictNamedArgs{
		"city": a.city, "id": p.ID, "name": p.Name, "email": p.Email, "phone": p.Phone, "role": string(p.Role), "on_duty": p.OnDuty,
	})
	if err != nil {
		return fmt.Errorf("store person %s: %w", p.ID, err)
	}
	return nil
}
