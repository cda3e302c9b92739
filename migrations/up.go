package migrations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/rivermigrate"
)

func (s *session) up(ctx context.Context) error {
	found, err := inspect(ctx, s.pool)
	if err != nil {
		return err
	}
	if err := s.set.accept(found); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if err := s.upRiver(ctx); err != nil {
		return err
	}
	provider, err := s.provider()
	if err != nil {
		return err
	}
	results, err := provider.Up(ctx)
	return s.goosed(ctx, "migration applied", results, err)
}

// prepare makes the schema and the version table.
func (s *session) prepare(ctx context.Context) error {
	var exists bool
	if err := s.pool.QueryRow(ctx, sqlSchemaExists).Scan(&exists); err != nil {
		return fmt.Errorf("look for the schema carillon: %w", err)
	}
	if !exists {
		if _, err := s.pool.Exec(ctx, sqlCreateSchema); err != nil {
			return fmt.Errorf("create the schema carillon: %w", err)
		}
	}
	if _, err := s.pool.Exec(ctx, sqlCreateVersions); err != nil {
		return fmt.Errorf("create the table carillon.migrations: %w", err)
	}
	return nil
}

// upRiver applies River's migrations one by one, because on an error River does not say which it has applied before.
func (s *session) upRiver(ctx context.Context) error {
	for {
		result, err := s.river.Migrate(ctx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{MaxSteps: 1})
		if err != nil {
			return fmt.Errorf("apply the migrations of river: %w", err)
		}
		if len(result.Versions) == 0 {
			return nil
		}
		s.rivered(ctx, "migration applied", result)
	}
}

// rivered records what River did.
func (s *session) rivered(ctx context.Context, message string, result *rivermigrate.MigrateResult) {
	for _, version := range result.Versions {
		migration := Migration{Version: int64(version.Version), Name: snake(version.Name), Source: SourceRiver}
		if result.Direction == rivermigrate.DirectionUp {
			migration.AppliedAt = time.Now().UTC()
		}
		s.did(ctx, message, migration, version.Duration)
	}
}

// goosed records what goose did, also before it failed.
func (s *session) goosed(ctx context.Context, message string, results []*goose.MigrationResult, err error) error {
	partial, failed := errors.AsType[*goose.PartialError](err)
	if failed {
		results = partial.Applied
	}
	for _, result := range results {
		migration := Migration{
			Version: result.Source.Version, Name: nameOf(result.Source.Path), Source: SourceCarillon,
		}
		if result.Direction == "up" {
			migration.AppliedAt = time.Now().UTC()
		}
		s.did(ctx, message, migration, result.Duration)
	}
	switch {
	case failed:
		return fmt.Errorf("run migration %s %s: %w", partial.Failed.Source.Path, partial.Failed.Direction, partial.Err)
	case err != nil:
		return fmt.Errorf("run the migrations of carillon: %w", err)
	}
	return nil
}
