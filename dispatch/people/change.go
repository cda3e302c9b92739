package people

import (
	"context"
	"fmt"
	"net/mail"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
)

// Change is what to change of a person in the built-in table. A nil field stays as it is; an empty one is forgotten.
type Change struct {
	Name, Email, Phone, Locale, Timezone *string
}

// InvalidError is returned by [Update] for a field that nobody could be reached with.
type InvalidError struct {
	// Field is the field's name, Problem says what is wrong with it, without its value.
	Field, Problem string
}

// Error names the field.
func (e *InvalidError) Error() string { return fmt.Sprintf("person: %s %s", e.Field, e.Problem) }

var (
	phonePattern  = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)
	localePattern = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
)

// Update changes a person in the built-in table, or adds one, and returns what the table knows then. It returns an
// [*InvalidError] before the first statement.
func Update(ctx context.Context, db Querier, tenant, id string, c Change) (*Person, error) {
	if err := c.validate(id); err != nil {
		return nil, err
	}
	rows, err := db.Query(ctx, sqlUpdate, pgx.StrictNamedArgs{
		"tenant": tenant, "id": id, "name": c.Name, "email": c.Email, "phone": c.Phone,
		"locale": c.Locale, "timezone": c.Timezone,
	})
	if err != nil {
		return nil, fmt.Errorf("update person: %w", err)
	}
	person, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Person])
	if err != nil {
		return nil, fmt.Errorf("update person: %w", err)
	}
	return &person, nil
}

func (c Change) validate(id string) error {
	given := func(value *string) bool { return value != nil && *value != "" }
	switch {
	case id == "":
		return &InvalidError{"id", "is empty (give the application's own id)"}
	case given(c.Email) && !isAddress(*c.Email):
		return &InvalidError{"email", "is not an address such as ada@example.com"}
	case given(c.Phone) && !phonePattern.MatchString(*c.Phone):
		return &InvalidError{"phone", "is not in E.164 form, such as +4930123456"}
	case given(c.Locale) && !localePattern.MatchString(*c.Locale):
		return &InvalidError{"locale", "is not a BCP 47 tag such as en or de-CH"}
	case given(c.Timezone) && !isTimezone(*c.Timezone):
		return &InvalidError{"timezone", "is not an IANA name such as Europe/Zurich"}
	}
	return nil
}

// isAddress refuses display names.
func isAddress(email string) bool {
	parsed, err := mail.ParseAddress(email)
	return err == nil && parsed.Name == "" && parsed.Address == email
}

func isTimezone(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && name != "Local"
}
