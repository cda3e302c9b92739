package migrations_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/migrations"
)

func TestUpDownUpIsTheSame(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	var log bytes.Buffer
	report, err := migrations.Up(t.Context(), pool, &migrations.UpOpts{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	require.Equal(t, len(report.Migrations), strings.Count(log.String(), "migration applied"))
	first := catalogue(t, pool)
	require.Contains(t, strings.Join(first, "\n"), "relation river_job r")
	require.Contains(t, strings.Join(first, "\n"), "column migrations.tstamp timestamp with time zone")
	require.NoError(t, migrations.Check(t.Context(), pool))

	again, err := migrations.Up(t.Context(), pool, nil)
	require.NoError(t, err)
	require.Empty(t, again.Migrations)
	require.Equal(t, first, catalogue(t, pool))

	down, err := migrations.Down(t.Context(), pool, nil)
	require.NoError(t, err)
	require.Len(t, down.Migrations, len(report.Migrations))
	require.True(t, down.SchemaDropped)
	require.False(t, schemaExists(t, pool))
	again, err = migrations.Down(t.Context(), pool, nil)
	require.NoError(t, err)
	require.Empty(t, again.Migrations)
	require.False(t, schemaExists(t, pool), "nothing is made just to be removed")

	_, err = migrations.Up(t.Context(), pool, nil)
	require.NoError(t, err)
	require.Equal(t, first, catalogue(t, pool))
}

// Each of our migrations by itself leaves what it found when it is undone.
func TestEachDownUndoesItsUp(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	_, err := migrations.Up(t.Context(), pool, nil)
	require.NoError(t, err)
	full := catalogue(t, pool)
	ours := 0
	for range 100 {
		report, err := migrations.Down(t.Context(), pool, &migrations.DownOpts{Steps: 1})
		require.NoError(t, err)
		if len(report.Migrations) == 0 {
			break
		}
		ours++
		require.Len(t, report.Migrations, 1)
		require.Equal(t, migrations.SourceCarillon, report.Migrations[0].Source)
		lower := catalogue(t, pool)

		_, err = migrations.Up(t.Context(), pool, nil)
		require.NoError(t, err)
		require.Equal(t, full, catalogue(t, pool))
		_, err = migrations.Down(t.Context(), pool, &migrations.DownOpts{Steps: ours})
		require.NoError(t, err)
		require.Equal(t, lower, catalogue(t, pool))
	}
	require.NotZero(t, ours)
	require.True(t, schemaExists(t, pool), "River's tables stay")
}

func TestDownTo(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	program := with(2, expand, contract)
	_, err := program.Up(t.Context(), pool)
	require.NoError(t, err)
	report, err := program.Down(t.Context(), pool, &migrations.DownOpts{To: 1})
	require.NoError(t, err)
	require.Len(t, report.Migrations, 2)
	require.Equal(t, "carillon 00003_contract", report.Migrations[0].String())
	require.True(t, report.Migrations[0].Pending())
	require.NoError(t, with(1).Check(t.Context(), pool))
}

func TestDownOptsAreChecked(t *testing.T) {
	t.Parallel()
	for _, opts := range []*migrations.DownOpts{{Steps: -1}, {To: -1}, {Steps: 1, To: 1}} {
		_, err := migrations.Down(t.Context(), nil, opts)
		require.ErrorContains(t, err, "options: ")
	}
}

func TestDownKeepsWhatOthersPutThere(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	_, err := migrations.Up(t.Context(), pool, nil)
	require.NoError(t, err)
	exec(t, pool, "CREATE TABLE carillon.theirs (id integer)")
	report, err := migrations.Down(t.Context(), pool, nil)
	require.NoError(t, err)
	require.False(t, report.SchemaDropped)
	require.True(t, schemaExists(t, pool))
	require.Equal(t, []string{
		"column theirs.id integer not null f default  identity  generated ",
		"relation theirs r p ", "type _theirs b ", "type theirs c ",
	}, catalogue(t, pool))
	require.ErrorIs(t, migrations.Check(t.Context(), pool), migrations.ErrSchemaMissing)
}

func TestManyAtOnceOnAFreshDatabase(t *testing.T) {
	t.Parallel()
	dsn := dbtest.EmptyDSN(t)
	const programs = 6
	counts := make([]int, programs)
	var group errgroup.Group
	for i := range programs {
		config, err := pgxpool.ParseConfig(dsn)
		require.NoError(t, err)
		config.MaxConns = 1 // The least that a caller may have.
		pool, err := pgxpool.NewWithConfig(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		group.Go(func() error {
			report, err := migrations.Up(t.Context(), pool, nil)
			if err != nil {
				return err
			}
			counts[i] = len(report.Migrations)
			return migrations.Check(t.Context(), pool)
		})
	}
	require.NoError(t, group.Wait())
	pool := open(t, dsn)
	all, err := migrations.Status(t.Context(), pool)
	require.NoError(t, err)
	sum := 0
	for _, count := range counts {
		sum += count
	}
	require.Equal(t, len(all), sum, "each migration was applied by one")

	reference := emptyPool(t)
	_, err = migrations.Up(t.Context(), reference, nil)
	require.NoError(t, err)
	require.Equal(t, catalogue(t, reference), catalogue(t, pool))
}

func TestWaitForTheLockEndsWithTheContext(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	holder, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig)
	require.NoError(t, err)
	defer holder.Close(context.Background())
	_, err = holder.Exec(t.Context(), "SELECT pg_advisory_lock($1)", migrations.LockKey)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = migrations.Up(ctx, pool, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.False(t, schemaExists(t, pool))
}

func TestFailureKeepsWhatWentBefore(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	report, err := with(1, expand, broken).Up(t.Context(), pool)
	require.ErrorContains(t, err, "run migration 00003_break.sql up")
	require.ErrorContains(t, err, "division by zero")
	require.Equal(t, "carillon 00002_expand", report.Migrations[len(report.Migrations)-1].String())
	require.NoError(t, with(1, expand).Check(t.Context(), pool))
	require.NotContains(t, strings.Join(catalogue(t, pool), "\n"), "half")

	// What was interrupted goes on.
	report, err = with(2, expand, contract).Up(t.Context(), pool)
	require.NoError(t, err)
	require.Len(t, report.Migrations, 1)
}

func TestRoleNeedNotBeSuperuser(t *testing.T) {
	t.Parallel()
	for name, grant := range map[string]string{
		"MayCreateASchema": "GRANT CREATE ON DATABASE %[1]s TO %[2]s",
		"OwnsTheSchema":    "CREATE SCHEMA carillon AUTHORIZATION %[2]s",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := dbtest.EmptyDSN(t)
			super := open(t, dsn)
			database := super.Config().ConnConfig.Database
			role := "plain_" + database
			exec(t, super, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'plain'", role))
			t.Cleanup(func() {
				_, err := super.Exec(context.Background(), fmt.Sprintf("DROP OWNED BY %[1]s; DROP ROLE %[1]s", role))
				require.NoError(t, err)
			})
			exec(t, super, fmt.Sprintf(grant, pgx.Identifier{database}.Sanitize(), role))
			u, err := url.Parse(dsn)
			require.NoError(t, err)
			u.User = url.UserPassword(role, "plain")
			pool := open(t, u.String())

			_, err = migrations.Up(t.Context(), pool, nil)
			require.NoError(t, err)
			require.NoError(t, migrations.Check(t.Context(), pool))
			report, err := migrations.Down(t.Context(), pool, nil)
			require.NoError(t, err)
			require.Equal(t, name == "MayCreateASchema", report.SchemaDropped, "only what can be made again goes")
			_, err = migrations.Up(t.Context(), pool, nil)
			require.NoError(t, err)
			pool.Close() // Before the role goes.
		})
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	before, err := migrations.Status(t.Context(), pool)
	require.NoError(t, err)
	require.False(t, schemaExists(t, pool), "it only reads")
	require.Equal(t, "river 00001_create_river_migration", before[0].String())
	for _, migration := range before {
		require.True(t, migration.Pending())
		require.True(t, migration.Known())
	}
	last := before[len(before)-1]
	require.Equal(t, migrations.SourceCarillon, last.Source)
	encoded, err := json.Marshal(before[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"version":1,"name":"create_river_migration","source":"river"}`, string(encoded))

	begin := time.Now()
	_, err = migrations.Up(t.Context(), pool, nil)
	require.NoError(t, err)
	after, err := migrations.Status(t.Context(), pool)
	require.NoError(t, err)
	require.Len(t, after, len(before))
	for i, migration := range after {
		require.Equal(t, before[i].String(), migration.String())
		require.WithinDuration(t, begin, migration.AppliedAt, time.Minute)
		require.Equal(t, time.UTC, migration.AppliedAt.Location())
	}
}

func TestFingerprintIsStable(t *testing.T) {
	t.Parallel()
	require.Len(t, migrations.Fingerprint(), 64)
	require.Equal(t, migrations.Fingerprint(), migrations.Fingerprint())
}
