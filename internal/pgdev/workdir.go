//go:build unix

package pgdev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// dirPrefix begins the name of every directory whose owner holds its lock.
	dirPrefix = "carillon-pg-"
	// newPrefix begins the name of a directory that is being made and has no lock yet.
	newPrefix = "carillon-new-pg-"
	// lockName is the file whose lock says that the owner lives.
	lockName = "owner.lock"
	// abandonedAfter is how old a directory without a lock must be to be taken for left. Making one takes microseconds,
	// removing one not much more.
	abandonedAfter = time.Hour
)

// workdir is the directory of one server. It is locked while this process lives.
type workdir struct {
	path string
	lock *os.File
}

// newWorkdir makes a directory in the first of bases that owner can reach. It gets the name by which sweepers know it only after
// its lock is held, so that none of them can see it unlocked.
func newWorkdir(bases []string, owner *account) (*workdir, error) {
	base, err := workBase(bases, owner)
	if err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp(base, newPrefix)
	if err != nil {
		return nil, fmt.Errorf("make a directory for the server: %w", err)
	}
	w, err := claim(path, owner)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make %s ours: %w", path, err), os.RemoveAll(path))
	}
	return w, nil
}

func claim(path string, owner *account) (*workdir, error) {
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	locked, err := tryLock(lock)
	if err == nil && !locked {
		err = errors.New("its lock is taken")
	}
	if err == nil {
		_, err = fmt.Fprintln(lock, os.Getpid()) // for people; the lock is what counts
	}
	if err == nil && owner != nil {
		err = os.Chown(path, int(owner.uid), int(owner.gid))
	}
	final := filepath.Join(filepath.Dir(path), dirPrefix+strings.TrimPrefix(filepath.Base(path), newPrefix))
	if err == nil {
		err = os.Rename(path, final)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &workdir{path: final, lock: lock}, nil
}

// data is the server's data directory.
func (w *workdir) data() string { return filepath.Join(w.path, "data") }

// remove removes the directory and then lets the lock go.
func (w *workdir) remove() error {
	return errors.Join(removeTree(w.path), w.lock.Close())
}

// removeTree removes a directory of ours, its lock file last: as long as something is left, so is the lock, and whoever
// sweeps next can finish.
func removeTree(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == lockName {
			continue
		}
		if err := os.RemoveAll(filepath.Join(path, entry.Name())); err != nil {
			return err
		}
	}
	return os.RemoveAll(path)
}

// workBase returns the first of bases that owner can reach.
func workBase(bases []string, owner *account) (string, error) {
	for _, base := range bases {
		if reachable(base, owner) && reachableParents(base, owner) {
			return base, nil
		}
	}
	return "", fmt.Errorf("find a directory for the server: none of %s can be reached (set TMPDIR)", strings.Join(bases, ", "))
}

// workBases lists where directories of servers may go, best first: the directory for temporary files, and, when we are
// root and owner cannot reach that, some others. Root needs no more of them than that owner may pass through.
func workBases(inMemory bool, owner *account) []string {
	var bases []string
	if memory := memoryBase(); inMemory && memory != "" && os.Getenv("TMPDIR") == "" {
		bases = append(bases, memory)
	}
	bases = append(bases, os.TempDir())
	if owner != nil {
		bases = append(bases, "/tmp", "/var/tmp", "/var/lib", "/run")
	}
	return bases
}

func reachableParents(path string, owner *account) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	for real, err = filepath.Abs(real); err == nil && real != filepath.Dir(real); {
		real = filepath.Dir(real)
		if !reachable(real, owner) {
			return false
		}
	}
	return err == nil
}

// sweep removes directories whose owner is gone. It reports what it could not remove to the log only, because none of
// that keeps a new server from starting.
func sweep(ctx context.Context, bases []string, owner *account, logger *slog.Logger) {
	for _, base := range bases {
		sweepBase(ctx, base, owner, logger)
	}
}

func sweepBase(ctx context.Context, base string, owner *account, logger *slog.Logger) {
	entries, err := os.ReadDir(base)
	if err != nil {
		logger.DebugContext(ctx, "left directories not swept", slog.Any("err", err))
		return
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.IsDir() || !ownedBy(info, owner) {
			continue
		}
		path := filepath.Join(base, entry.Name())
		switch {
		case strings.HasPrefix(entry.Name(), dirPrefix):
			err = sweepDir(path, info)
		case strings.HasPrefix(entry.Name(), newPrefix):
			err = sweepUnlocked(path, info)
		}
		if err != nil {
			logger.DebugContext(ctx, "left directory not swept", slog.String("path", path), slog.Any("err", err))
		}
	}
}

// sweepDir removes one directory unless its lock is held. A server that still runs in it, which takes that both its
// owner and the watchdog were killed on a system other than Linux, ends itself within a minute of losing its files.
func sweepDir(path string, info fs.FileInfo) error {
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return sweepUnlocked(path, info) // Somebody is at the very end of removing it, or was.
	}
	if err != nil {
		return err
	}
	locked, err := tryLock(lock)
	if err == nil && locked {
		err = removeTree(path)
	}
	return errors.Join(err, lock.Close())
}

func sweepUnlocked(path string, info fs.FileInfo) error {
	if time.Since(info.ModTime()) < abandonedAfter {
		return nil
	}
	return os.RemoveAll(path)
}
