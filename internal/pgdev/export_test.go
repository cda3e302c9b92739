//go:build unix

package pgdev

import (
	"context"
	"errors"
	"log/slog"
)

// Seams for the tests: the pieces of [Start], one by one.
var (
	MakePrivate    = makePrivate
	MemoryBase     = memoryBase
	GlobNewest     = globNewest
	NeededPackages = neededPackages
	NewestMajor    = newestMajor
	ErrUnavailable = errUnavailable
)

// Prefixes of directories.
const (
	DirPrefix = dirPrefix
	NewPrefix = newPrefix
	LockName  = lockName
)

// Dir is the directory of a server that is a child process.
func (s *Server) Dir() string { return s.backend.(*process).dir.path }

// PID is the process id of a server that is a child process.
func (s *Server) PID() int { return s.backend.(*process).postgres.cmd.Process.Pid }

// WatchdogPID is the process id of the watchdog.
func (s *Server) WatchdogPID() int { return s.backend.(*process).watchdog.child.cmd.Process.Pid }

// WorkBase is where directories of servers go.
func WorkBase() (string, error) {
	owner, err := serverAccount()
	if err != nil {
		return "", err
	}
	return workBase(workBases(false, owner), owner)
}

// Sweep sweeps a directory.
func Sweep(ctx context.Context, base string) {
	owner, _ := serverAccount()
	sweep(ctx, []string{base}, owner, slog.New(slog.DiscardHandler))
}

// LockedDir makes a directory as a running server has it, below the place where those go, and returns the function that
// lets its lock go.
func LockedDir() (path string, release func() error, err error) {
	owner, err := serverAccount()
	if err != nil {
		return "", nil, err
	}
	dir, err := newWorkdir(workBases(false, owner), owner)
	if err != nil {
		return "", nil, err
	}
	return dir.path, dir.lock.Close, nil
}

// FindIn looks for programs in bins only.
func FindIn(ctx context.Context, bins ...string) (bin, version string, err error) {
	all := make([]place, len(bins))
	for i, bin := range bins {
		all[i] = place{bin, "test"}
	}
	found, err := find(ctx, all)
	if err != nil {
		return "", "", err
	}
	return found.bin, found.version, nil
}

// StartPackages is [Start] with the programs of the machine hidden: Debian packages in cache, with the packages that the
// file status lists taken for installed.
func StartPackages(ctx context.Context, config *Config, cache, status string) (*Server, error) {
	return start(ctx, config, []way{{"Debian packages", func(ctx context.Context, config *Config) (*Server, error) {
		if err := makePrivate(cache); err != nil {
			return nil, err
		}
		found, err := installPackages(ctx, config.Logger, cache, status)
		if err != nil {
			return nil, err
		}
		return startProcess(ctx, config, found)
	}}})
}

// StartDocker is [Start] with nothing but Docker.
func StartDocker(ctx context.Context) (*Server, error) {
	return start(ctx, nil, []way{{"Docker", startDocker}})
}

// StartNothing is [Start] on a machine that offers no way.
func StartNothing(ctx context.Context) (*Server, error) {
	return start(ctx, nil, []way{{"wishing", func(context.Context, *Config) (*Server, error) {
		return nil, errors.Join(errUnavailable, errors.New("no horse"))
	}}})
}
