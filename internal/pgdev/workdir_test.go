//go:build unix

package pgdev_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/internal/pgdev"
)

func TestSweepTakesOnlyWhatIsLeft(t *testing.T) {
	t.Parallel()
	alive, release, err := pgdev.LockedDir()
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(alive) })

	base := t.TempDir()
	make := func(name string, lock bool, age time.Duration) string {
		path := filepath.Join(base, name)
		require.NoError(t, os.MkdirAll(filepath.Join(path, "data"), 0o700))
		if lock {
			require.NoError(t, os.WriteFile(filepath.Join(path, pgdev.LockName), nil, 0o600))
		}
		then := time.Now().Add(-age)
		require.NoError(t, os.Chtimes(path, then, then))
		return path
	}
	left := make(pgdev.DirPrefix+"left", true, 0)
	unlocked := make(pgdev.DirPrefix+"unlocked", false, 0)
	unlockedOld := make(pgdev.DirPrefix+"unlocked-old", false, 2*time.Hour)
	young := make(pgdev.NewPrefix+"young", false, 0)
	old := make(pgdev.NewPrefix+"old", false, 2*time.Hour)
	foreign := make("somebody-else", true, 2*time.Hour)
	target := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(target, pgdev.LockName), nil, 0o600))
	link := filepath.Join(base, pgdev.DirPrefix+"link")
	require.NoError(t, os.Symlink(target, link))

	pgdev.Sweep(t.Context(), base)
	require.True(t, fileGone(left))
	require.True(t, fileGone(unlockedOld))
	require.True(t, fileGone(old))
	for _, path := range []string{unlocked, young, foreign, filepath.Join(target, pgdev.LockName)} {
		require.False(t, fileGone(path), path)
	}

	pgdev.Sweep(t.Context(), filepath.Dir(alive))
	require.False(t, fileGone(alive), "its owner lives")
	require.NoError(t, release())
	pgdev.Sweep(t.Context(), filepath.Dir(alive))
	eventually(t, "the left directory is gone", func() bool { return fileGone(alive) })
}

func TestManyMakeAndSweepAtOnce(t *testing.T) {
	t.Parallel()
	base, err := pgdev.WorkBase()
	require.NoError(t, err)
	var group errgroup.Group
	for range 8 {
		group.Go(func() error {
			for range 25 {
				path, release, err := pgdev.LockedDir()
				if err != nil {
					return err
				}
				pgdev.Sweep(t.Context(), base)
				if _, err := os.Stat(filepath.Join(path, pgdev.LockName)); err != nil {
					return err
				}
				if err := release(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	pgdev.Sweep(t.Context(), base)
}

func TestCacheMustBeOurs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "carillon", "postgres")
	require.NoError(t, pgdev.MakePrivate(path))
	require.NoError(t, pgdev.MakePrivate(path))
	require.NoError(t, os.Chmod(filepath.Dir(path), 0o777))
	require.ErrorContains(t, pgdev.MakePrivate(path), "is not ours alone", "anybody could put programs there")
}
