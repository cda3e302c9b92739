//go:build unix

package pgdev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// cacheDir returns the directory that keeps unpacked programs, and makes it if need be. It is root's own directory below
// /var/cache for root, since the user who runs the server cannot look into root's home; else it is in the user's cache,
// or, for users without a home such as nobody, beside the temporary files.
func cacheDir() (string, error) {
	var errs []error
	for _, path := range cacheDirs() {
		err := makePrivate(path)
		if err == nil {
			return path, nil
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("find a directory for programs: %w", errors.Join(errs...))
}

func cacheDirs() []string {
	if os.Geteuid() == 0 {
		return []string{"/var/cache/carillon/postgres"}
	}
	var paths []string
	if cache, err := os.UserCacheDir(); err == nil {
		paths = append(paths, filepath.Join(cache, "carillon", "postgres"))
	}
	return append(paths, filepath.Join(os.TempDir(), "carillon-cache-"+strconv.Itoa(os.Geteuid()), "postgres"))
}

// makePrivate makes a directory that everybody may read and nobody but us write. Programs in it are going to be run, so
// neither it nor the directory above may be somebody else's, as could be below /tmp.
func makePrivate(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(path), path} {
		info, err := os.Lstat(dir)
		if err != nil {
			return err
		}
		const othersMayWrite = 0o022
		if !info.IsDir() || !ownedBy(info, nil) || info.Mode()&othersMayWrite != 0 {
			return fmt.Errorf("%s is not ours alone", dir)
		}
	}
	return nil
}

// lockPath takes a lock for which others may be waiting too, and returns the function that gives it back.
func lockPath(ctx context.Context, path string) (unlock func() error, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		locked, err := tryLock(file)
		if locked {
			return file.Close, nil
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for the lock of %s: %w", path, ctx.Err()), file.Close())
		case <-ticker.C:
		}
	}
}
