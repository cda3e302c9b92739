//go:build unix

package pgdev_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/pgdev"
)

// programs makes a directory, which everybody may read, with programs that print a version and do nothing else.
func programs(t *testing.T, version string, names ...string) string {
	t.Helper()
	base, err := pgdev.WorkBase()
	require.NoError(t, err)
	dir, err := os.MkdirTemp(base, "carillon-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	for _, name := range names {
		script := "#!/bin/sh\necho '" + name + " (PostgreSQL) " + version + "'\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
	}
	return dir
}

func TestFind(t *testing.T) {
	t.Parallel()
	good := programs(t, "17.2 (Debian 17.2-1)", "initdb", "postgres")
	old := programs(t, "14.9", "initdb", "postgres")
	wrapper := programs(t, "17.2", "initdb")
	silent := programs(t, "", "initdb", "postgres")

	bin, version, err := pgdev.FindIn(t.Context(), "/nonexistent", wrapper, old, silent, good)
	require.NoError(t, err)
	require.Equal(t, good, bin)
	require.Equal(t, "17.2", version)

	_, _, err = pgdev.FindIn(t.Context(), wrapper)
	require.ErrorIs(t, err, pgdev.ErrUnavailable)
	_, _, err = pgdev.FindIn(t.Context(), old)
	require.ErrorIs(t, err, pgdev.ErrUnavailable)
	require.ErrorContains(t, err, "15 or newer")
	_, _, err = pgdev.FindIn(t.Context(), silent)
	require.ErrorContains(t, err, "does not tell its version")
}

// not parallel: it sets the environment
func TestFindObeysTheVariable(t *testing.T) {
	good := programs(t, "16.1", "initdb", "postgres")
	t.Setenv(pgdev.EnvBin, good)
	bin, _, err := pgdev.FindIn(t.Context())
	require.NoError(t, err)
	require.Equal(t, good, bin)

	t.Setenv(pgdev.EnvBin, filepath.Join(good, "elsewhere"))
	_, err = pgdev.Start(t.Context(), nil)
	require.ErrorContains(t, err, pgdev.EnvBin)
	require.NotErrorIs(t, err, pgdev.ErrNoPostgres)
}

func TestGlobNewest(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	for _, version := range []string{"9.6", "15", "9.10", "18"} {
		require.NoError(t, os.MkdirAll(filepath.Join(base, version, "bin"), 0o755))
	}
	var got []string
	for _, bin := range pgdev.GlobNewest(filepath.Join(base, "*", "bin")) {
		got = append(got, filepath.Base(filepath.Dir(bin)))
	}
	require.Equal(t, []string{"18", "15", "9.10", "9.6"}, got)
}
