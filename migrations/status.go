package migrations

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// Querier is a connection, a pool or a transaction of pgx.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Fingerprint identifies the schema that [Up] makes: it is the hash of all migrations, River's included. Two programs
// with the same fingerprint may share a database that was made once, as a template for tests. It panics if the files
// that are part of the program cannot be read.
func Fingerprint() string {
	s := released()
	hash := sha256.New()
	for _, migration := range riverMigrations() {
		fmt.Fprintf(hash, "river %d %d\n%s", migration.Version, len(migration.SQLUp), migration.SQLUp)
	}
	paths, err := fs.Glob(s.files, "*.sql")
	for _, path := range paths {
		var content []byte
		if content, err = fs.ReadFile(s.files, path); err != nil {
			break
		}
		fmt.Fprintf(hash, "%s %d\n%s", path, len(content), content)
	}
	if err != nil { // The files are part of the program.
		panic(err)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// riverMigrations lists River's migrations in order. It panics if River has no line of migrations.
func riverMigrations() []rivermigrate.Migration {
	// The list needs no database; only a line of migrations that River does not have is an error, and that is a constant.
	migrator, err := rivermigrate.New(riverpgxv5.New(nil), nil)
	if err != nil {
		panic(err)
	}
	return migrator.AllVersions()
}

// known lists the migrations of this program as pending.
func (s set) known() ([]Migration, error) {
	var all []Migration
	for _, migration := range riverMigrations() {
		all = append(all, Migration{Version: int64(migration.Version), Name: snake(migration.Name), Source: SourceRiver})
	}
	paths, err := fs.Glob(s.files, "*.sql")
	if err != nil {
		return nil, err
	}
	for _, file := range paths {
		version, err := goose.NumericComponent(file)
		if err != nil {
			return nil, fmt.Errorf("read the name of migration %s: %w", file, err)
		}
		all = append(all, Migration{Version: version, Name: nameOf(file), Source: SourceCarillon})
	}
	slices.SortStableFunc(all, inOrder)
	return all, nil
}

// snake makes River's names, such as "initial schema", look like ours.
func snake(name string) string { return strings.ReplaceAll(name, " ", "_") }

// nameOf takes number and extension off the name of a file.
func nameOf(file string) string {
	_, name, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".sql"), "_")
	return name
}

// inOrder sorts migrations as they are applied.
func inOrder(a, b Migration) int {
	rank := func(m Migration) int {
		if m.Source == SourceRiver {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Version, b.Version))
}

func (s set) status(ctx context.Context, db Querier) ([]Migration, error) {
	found, err := inspect(ctx, db)
	if err != nil {
		return nil, err
	}
	return s.merge(found)
}

// merge adds what is applied to what is known.
func (s set) merge(found *state) ([]Migration, error) {
	all, err := s.known()
	if err != nil {
		return nil, err
	}
	for _, applied := range found.applied {
		at := slices.IndexFunc(all, func(m Migration) bool {
			return m.Source == applied.Source && m.Version == applied.Version
		})
		if at < 0 {
			all = append(all, applied)
		} else {
			all[at].AppliedAt = applied.AppliedAt
		}
	}
	slices.SortStableFunc(all, inOrder)
	return all, nil
}

func (s set) check(ctx context.Context, db Querier) error {
	found, err := inspect(ctx, db)
	if err != nil {
		return err
	}
	if !found.migrated {
		return ErrSchemaMissing
	}
	if err := s.accept(found); err != nil {
		return err
	}
	all, err := s.merge(found)
	if err != nil {
		return err
	}
	if pending := slices.DeleteFunc(all, func(m Migration) bool { return !m.Pending() }); len(pending) > 0 {
		return &PendingError{Pending: pending}
	}
	return nil
}

// accept refuses a schema above our level.
func (s set) accept(found *state) error {
	if found.compatibility > s.compatibility {
		return &TooNewError{Schema: found.compatibility, Binary: s.compatibility}
	}
	return nil
}

// state is what a database says about itself.
type state struct {
	applied       []Migration // without names
	compatibility int         // 0 if there is no level yet
	migrated      bool        // whether a migration of ours or River's was ever begun
}

// inspect only reads.
func inspect(ctx context.Context, db Querier) (*state, error) {
	var info, ours, rivers bool
	if err := db.QueryRow(ctx, sqlSelectTables).Scan(&info, &ours, &rivers); err != nil {
		return nil, fmt.Errorf("look for the schema carillon: %w", err)
	}
	found := &state{migrated: info || ours || rivers}
	if info {
		if err := db.QueryRow(ctx, sqlSelectCompatibility).Scan(&found.compatibility); err != nil {
			return nil, fmt.Errorf("read the compatibility level of the schema: %w", err)
		}
	}
	for _, table := range []struct {
		exists bool
		source Source
		query  string
	}{{rivers, SourceRiver, sqlSelectAppliedRiver}, {ours, SourceCarillon, sqlSelectApplied}} {
		if !table.exists {
			continue
		}
		var versions []int64
		var times []time.Time
		if err := db.QueryRow(ctx, table.query).Scan(&versions, &times); err != nil {
			return nil, fmt.Errorf("read the applied migrations of %s: %w", table.source, err)
		}
		for i, version := range versions {
			found.applied = append(found.applied, Migration{Version: version, Source: table.source, AppliedAt: times[i].UTC()})
		}
	}
	return found, nil
}
