package migrations

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Schema is the name of the schema of all our tables. It is fixed: functions in it are called on connections of the
// application, whatever their search_path.
const Schema = "carillon"

// Compatibility is the level of this program: it works with schemas that ask for this level or a lower one.
const Compatibility = 1

// FS holds our migrations, in the format of goose, in its directory sql.
//
//go:embed sql/*.sql
var FS embed.FS

// Source says whose migration it is.
type Source string

// The sources of migrations, in the order in which they are applied.
const (
	SourceRiver    Source = "river"
	SourceCarillon Source = "carillon"
)

// Migration is one step of the schema.
type Migration struct {
	// Version is the number of the migration among those of its source.
	Version int64 `json:"version"`
	// Name says what it does. It is empty if this program does not know the migration, which then comes from a newer one.
	Name string `json:"name"`
	// Source says whose it is.
	Source Source `json:"source"`
	// AppliedAt is when it was applied; it is zero if it was not.
	AppliedAt time.Time `json:"applied_at,omitzero"`
}

// Pending says whether the migration is still to be applied.
func (m Migration) Pending() bool { return m.AppliedAt.IsZero() }

// Known says whether this program has the migration.
func (m Migration) Known() bool { return m.Name != "" }

// String is short, such as "carillon 00003_create_emit".
func (m Migration) String() string {
	if !m.Known() {
		return fmt.Sprintf("%s %05d", m.Source, m.Version)
	}
	return fmt.Sprintf("%s %05d_%s", m.Source, m.Version, m.Name)
}

// Report tells what [Up] or [Down] did.
type Report struct {
	// Migrations are those applied or undone, in that order. It is empty if there was nothing to do.
	Migrations []Migration `json:"migrations"`
	// SchemaDropped says that Down has removed the schema, since it was empty.
	SchemaDropped bool `json:"schema_dropped,omitempty"`
	// Took is how long all took, the wait for other processes included.
	Took time.Duration `json:"took"`
}

// UpOpts are options of [Up].
type UpOpts struct {
	// Logger gets a line at Info for each migration. Defaults to [slog.Default].
	Logger *slog.Logger
}

// DownOpts are options of [Down].
type DownOpts struct {
	// Logger gets a line at Info for each migration. Defaults to [slog.Default].
	Logger *slog.Logger

	// Steps is how many of our migrations to undo, the latest first; River's stay. Defaults to all, River's too.
	Steps int

	// To is the version of our last migration that is to stay; River's stay too. Defaults to undoing all, River's too. It
	// excludes Steps.
	To int64
}

// Up applies what is missing, and makes the schema if need be. Every migration is a transaction of its own, so when one
// fails, those before it stay, and the report that comes with the error lists them. Processes that call Up at the same
// time wait for each other.
//
// It connects by itself, with the configuration of the pool but without its AfterConnect. It returns a [*TooNewError],
// and does nothing, if the schema works only with newer programs; migrations that it does not know are none of its
// business otherwise.
func Up(ctx context.Context, pool *pgxpool.Pool, opts *UpOpts) (*Report, error) {
	if opts == nil {
		opts = &UpOpts{}
	}
	return released().run(ctx, pool, opts.Logger, func(ctx context.Context, s *session) error { return s.up(ctx) })
}

// Down undoes migrations, and with them drops all data in their tables. By default it removes all that is ours and
// River's, and the schema too unless somebody else has put something there, or the role could not create it again. A
// database without our schema is left as it is.
//
// It connects like [Up], and fails like it, too. It returns an [*UnknownError], and does nothing, if a newer program has
// applied migrations that it would have to undo.
func Down(ctx context.Context, pool *pgxpool.Pool, opts *DownOpts) (*Report, error) {
	if opts == nil {
		opts = &DownOpts{}
	}
	if err := opts.validate(); err != nil {
		return nil, err
	}
	return released().run(ctx, pool, opts.Logger, func(ctx context.Context, s *session) error { return s.down(ctx, opts) })
}

func (o *DownOpts) validate() error {
	switch {
	case o.Steps < 0:
		return fmt.Errorf("options: Steps must not be negative, as is %d", o.Steps)
	case o.To < 0:
		return fmt.Errorf("options: To must not be negative, as is %d", o.To)
	case o.Steps > 0 && o.To > 0:
		return fmt.Errorf("options: Steps and To exclude each other")
	}
	return nil
}

// Status lists all migrations that this program or the database knows, in the order in which they are applied: River's,
// then ours. It only reads, and also works when there is no schema.
func Status(ctx context.Context, pool *pgxpool.Pool) ([]Migration, error) {
	return released().status(ctx, pool)
}

// Check says whether this program may work with the database that db is connected to: nil, [ErrSchemaMissing],
// a [*TooNewError], or a [*PendingError]. The role needs USAGE on the schema, and SELECT on schema_info, migrations and
// river_migration there.
func Check(ctx context.Context, db Querier) error {
	return released().check(ctx, db)
}

// set is all that this program brings. There is one; the tests make others.
type set struct {
	files         fs.FS // our migrations, at its root
	compatibility int
}

// released is what this program brings. It panics if the embedded folder has another name, which no test would survive.
func released() set {
	files, err := fs.Sub(FS, "sql")
	if err != nil { // Only a name that is no path does that.
		panic(err)
	}
	return set{files: files, compatibility: Compatibility}
}

// run does work under the lock that all who migrate take, and reports.
func (s set) run(
	ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger, workFunc func(context.Context, *session) error,
) (*Report, error) {
	begin := time.Now()
	session, err := s.connect(ctx, pool, cmp.Or(logger, slog.Default()))
	if err != nil {
		return nil, err
	}
	defer session.close()
	err = session.locked(ctx, workFunc)
	session.report.Took = time.Since(begin)
	return session.report, err
}
