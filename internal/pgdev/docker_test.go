//go:build unix

package pgdev_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/pgdev"
)

// fakeDocker puts a program docker first on the PATH, which logs its arguments.
func fakeDocker(t *testing.T, script string) (log string) {
	t.Helper()
	dir := t.TempDir()
	log = filepath.Join(dir, "log")
	content := "#!/bin/sh\necho \"$@\" >>'" + log + "'\n" + script + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "docker"), []byte(content), 0o755))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return log
}

// not parallel: it sets the environment
func TestDockerWithoutADaemonIsPassedOver(t *testing.T) {
	for name, script := range map[string]string{"Refuses": "exit 1", "Hangs": "exec sleep 60"} {
		t.Run(name, func(t *testing.T) {
			fakeDocker(t, script)
			begin := time.Now()
			_, err := pgdev.StartDocker(t.Context())
			require.ErrorIs(t, err, pgdev.ErrNoPostgres)
			require.ErrorContains(t, err, "its daemon does not answer")
			require.Less(t, time.Since(begin), 20*time.Second)
		})
	}
}

// not parallel: it sets the environment
func TestDockerContainerThatFailsIsRemoved(t *testing.T) {
	log := fakeDocker(t, `case "$1" in version) echo 28.0;; run) echo no such image >&2; exit 125;; esac`)
	_, err := pgdev.StartDocker(t.Context())
	require.ErrorContains(t, err, "no such image")
	content, readErr := os.ReadFile(log)
	require.NoError(t, readErr)
	text := string(content)
	require.Contains(t, text, "--publish 127.0.0.1:")
	require.Contains(t, text, "--env POSTGRES_PASSWORD --env", "the password is not an argument")
	require.Contains(t, text, "-c fsync=off")
	require.Contains(t, text, "rm --force --volumes "+pgdev.DirPrefix)
}
