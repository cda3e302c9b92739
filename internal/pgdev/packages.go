//go:build unix

package pgdev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// startPackages uses programs from Debian packages: those that an earlier run has unpacked into the cache, else ones
// that it downloads now. Nothing is installed, and no privilege is needed.
func startPackages(ctx context.Context, config *Config) (*Server, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	found, err := installPackages(ctx, config.Logger, cache, dpkgStatus)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	return startProcess(ctx, config, found)
}

// installPackages returns an installation in cache, and puts one there first if need be. The packages that are installed
// according to the file status need not be fetched.
func installPackages(ctx context.Context, logger *slog.Logger, cache, status string) (*installation, error) {
	if found := cached(ctx, cache); found != nil {
		return found, nil
	}
	for _, program := range []string{"apt-get", "apt-cache", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("no Debian: %w", err)
		}
	}
	unlock, err := lockPath(ctx, filepath.Join(cache, "lock"))
	if err != nil {
		return nil, err
	}
	found := cached(ctx, cache) // Another process may have been faster.
	if found == nil {
		found, err = fetchInto(ctx, logger, cache, status)
	}
	return found, errors.Join(err, unlock())
}

// cached returns the newest installation in the cache that works, or nil.
func cached(ctx context.Context, cache string) *installation {
	for _, bin := range globNewest(filepath.Join(cache, "debian-*", "usr/lib/postgresql/*/bin")) {
		root := filepath.Join(bin, "../../../../..")
		if found, err := probe(ctx, bin, "unpacked Debian packages", libraryDirs(root)); err == nil {
			return found
		}
	}
	return nil
}

// libraryDirs lists where packages put shared libraries.
func libraryDirs(root string) []string {
	var dirs []string
	for _, pattern := range []string{"usr/lib/*-linux-*", "lib/*-linux-*"} {
		dirs = append(dirs, globNewest(filepath.Join(root, pattern))...)
	}
	return dirs
}

// fetchInto downloads and unpacks the packages. The tree gets its final name when it is complete, so that a cache never
// holds half a one.
func fetchInto(ctx context.Context, logger *slog.Logger, cache, status string) (*installation, error) {
	begin := time.Now()
	logger.InfoContext(ctx, "fetching Debian packages of Postgres, without installing them", slog.String("into", cache))
	work, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(work) }() // What is left of it is in nobody's way.
	apt, err := newApt(work, status)
	if err != nil {
		return nil, err
	}
	major, root, err := apt.fetchPostgres(ctx)
	if err != nil {
		return nil, err
	}
	final := filepath.Join(cache, fmt.Sprintf("debian-%d", major))
	// What is there does not run, or we had not come here: it was made for other libraries of the system.
	if err := errors.Join(os.RemoveAll(final), os.Chmod(root, 0o755)); err != nil {
		return nil, err
	}
	if err := os.Rename(root, final); err != nil {
		return nil, err
	}
	logger.InfoContext(ctx, "fetched Debian packages of Postgres", slog.Duration("took", time.Since(begin)))
	bin := filepath.Join(final, "usr/lib/postgresql", fmt.Sprint(major), "bin")
	return probe(ctx, bin, "Debian packages, unpacked just now", libraryDirs(final))
}
