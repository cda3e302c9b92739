package migrations

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river/rivermigrate"
)

func (s *session) down(ctx context.Context, opts *DownOpts) error {
	found, err := inspect(ctx, s.pool)
	if err != nil {
		return err
	}
	if err := s.set.accept(found); err != nil {
		return err
	}
	if !found.migrated {
		return nil
	}
	all, err := s.set.merge(found)
	if err != nil {
		return err
	}
	target, everything := opts.target(all)
	if err := refuseUnknown(all, target, everything); err != nil {
		return err
	}
	if err := s.downOurs(ctx, target); err != nil {
		return err
	}
	if !everything {
		return nil
	}
	if err := s.downRiver(ctx); err != nil {
		return err
	}
	return s.dropSchema(ctx)
}

// target returns the version of our last migration that is to stay, and whether nothing is to stay, River's neither.
func (o *DownOpts) target(all []Migration) (version int64, everything bool) {
	if o.To > 0 {
		return o.To, false
	}
	if o.Steps == 0 {
		return 0, true
	}
	var ours []int64
	for _, migration := range all {
		if migration.Source == SourceCarillon && !migration.Pending() {
			ours = append(ours, migration.Version)
		}
	}
	if o.Steps >= len(ours) {
		return 0, false
	}
	return ours[len(ours)-1-o.Steps], false
}

// refuseUnknown returns an [*UnknownError] if an unknown migration would have to be undone.
func refuseUnknown(all []Migration, target int64, everything bool) error {
	unknown := slices.DeleteFunc(slices.Clone(all), func(m Migration) bool {
		affected := everything || m.Source == SourceCarillon && m.Version > target
		return m.Known() || !affected
	})
	if len(unknown) > 0 {
		return &UnknownError{Unknown: unknown}
	}
	return nil
}

func (s *session) downOurs(ctx context.Context, target int64) error {
	// Should the first Up have ended before it, there is no version table yet, which goose would make in its own way.
	if err := s.prepare(ctx); err != nil {
		return err
	}
	provider, err := s.provider()
	if err != nil {
		return err
	}
	results, err := provider.DownTo(ctx, target)
	return s.goosed(ctx, "migration undone", results, err)
}

func (s *session) downRiver(ctx context.Context) error {
	for {
		result, err := s.river.Migrate(ctx, rivermigrate.DirectionDown, &rivermigrate.MigrateOpts{MaxSteps: 1})
		if err != nil {
			return fmt.Errorf("undo the migrations of river: %w", err)
		}
		if len(result.Versions) == 0 {
			return nil
		}
		s.rivered(ctx, "migration undone", result)
	}
}

// dropSchema removes the version table, and the schema unless somebody else has put something there, or has made it for
// a role that could not make it again.
func (s *session) dropSchema(ctx context.Context) error {
	if _, err := s.pool.Exec(ctx, sqlDropVersions); err != nil {
		return fmt.Errorf("drop the table carillon.migrations: %w", err)
	}
	var mayCreate bool
	if err := s.pool.QueryRow(ctx, sqlMayCreateSchema).Scan(&mayCreate); err != nil {
		return fmt.Errorf("ask for the privilege to create the schema carillon: %w", err)
	}
	if !mayCreate {
		return nil
	}
	_, err := s.pool.Exec(ctx, sqlDropSchema)
	if code := sqlState(err); code == stateDependentObjects || code == stateInsufficientPrivilege {
		return nil
	}
	if err != nil {
		return fmt.Errorf("drop the schema carillon: %w", err)
	}
	s.report.SchemaDropped = true
	return nil
}

// The codes of errors that Postgres has for what keeps a schema from being dropped.
const (
	stateDependentObjects      = "2BP01"
	stateInsufficientPrivilege = "42501"
)

// sqlState returns the code of an error of Postgres, or "".
func sqlState(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return ""
}
