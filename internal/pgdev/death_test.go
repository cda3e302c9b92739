//go:build unix

package pgdev_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/pgdev"
)

// envRole makes the test binary do something else than run tests.
const envRole = "CARILLON_PGDEV_TEST_ROLE"

const (
	roleHold  = "hold"  // start a server, tell about it, wait for the end of stdin, and exit without Stop
	roleCycle = "cycle" // start a server, ask it, stop it
)

// report is what a helper process tells about its server.
type report struct {
	DSN           string
	Dir           string
	PID, Watchdog int
	UID           int
}

func TestMain(m *testing.M) {
	role := os.Getenv(envRole)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(context.Background(), role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func play(ctx context.Context, role string) error {
	server, err := pgdev.Start(ctx, nil)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, server.DSN())
	if err != nil {
		return err
	}
	if err := conn.Ping(ctx); err != nil {
		return err
	}
	about := report{server.DSN(), server.Dir(), server.PID(), server.WatchdogPID(), os.Getuid()}
	if err := json.NewEncoder(os.Stdout).Encode(about); err != nil {
		return err
	}
	if role == roleCycle {
		return server.Stop(ctx)
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// helper is the test binary in a role.
type helper struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	about report
}

func startHelper(t *testing.T, cmd *exec.Cmd, role string, env ...string) *helper {
	t.Helper()
	cmd.Env = append(append(os.Environ(), envRole+"="+role), env...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	h := &helper{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	require.NoError(t, err, "the helper tells about its server")
	require.NoError(t, json.Unmarshal(line, &h.about))
	return h
}

func TestDeadParentLeavesNothing(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*testing.T, *helper){
		"Killed":            func(t *testing.T, h *helper) { require.NoError(t, h.cmd.Process.Kill()) },
		"ExitedWithoutStop": func(t *testing.T, h *helper) { require.NoError(t, h.stdin.Close()) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startHelper(t, exec.CommandContext(context.Background(), os.Args[0]), roleHold)
			require.DirExists(t, h.about.Dir)
			end(t, h)
			_ = h.cmd.Wait()
			eventually(t, "the server is gone", func() bool { return processGone(h.about.PID) })
			eventually(t, "the watchdog is gone", func() bool { return processGone(h.about.Watchdog) })
			eventually(t, "the directory is gone", func() bool { return fileGone(h.about.Dir) })
		})
	}
}

// The kernel ends the server, and the next start sweeps, when the watchdog could not do either.
func TestWatchdogKilledToo(t *testing.T) {
	t.Parallel()
	h := startHelper(t, exec.CommandContext(context.Background(), os.Args[0]), roleHold)
	require.NoError(t, syscall.Kill(h.about.Watchdog, syscall.SIGKILL))
	require.NoError(t, h.cmd.Process.Kill())
	_ = h.cmd.Wait()
	eventually(t, "the server is gone", func() bool { return processGone(h.about.PID) })
	startServer(t, nil)
	// Another test may have been sweeping at the same moment, and not be done with it.
	eventually(t, "the directory is gone", func() bool { return fileGone(h.about.Dir) })
}

func TestSignalToTheGroupSparesTheServer(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(context.Background(), os.Args[0])
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	h := startHelper(t, cmd, roleHold)
	for _, pid := range []int{h.about.PID, h.about.Watchdog} {
		group, err := syscall.Getpgid(pid)
		require.NoError(t, err)
		require.NotEqual(t, cmd.Process.Pid, group, "Ctrl-C goes to the group of the parent")
	}
	require.NoError(t, h.stdin.Close())
	_ = cmd.Wait()
}

func TestUnprivilegedUserStartsAServer(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("this run is unprivileged itself, so the other tests show it")
	}
	nobody, err := user.Lookup("nobody")
	require.NoError(t, err)
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	require.NoError(t, err)

	// The binary of this test lies where only root can read it.
	base, err := pgdev.WorkBase()
	require.NoError(t, err)
	dir, err := os.MkdirTemp(base, "carillon-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chown(dir, int(uid), int(gid)))
	content, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	binary := filepath.Join(dir, "pgdev.test")
	require.NoError(t, os.WriteFile(binary, content, 0o755))

	cmd := exec.CommandContext(context.Background(), binary)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	h := startHelper(t, cmd, roleCycle, "TMPDIR="+dir)
	require.Equal(t, int(uid), h.about.UID)
	require.True(t, strings.HasPrefix(h.about.Dir, dir))
	require.NoError(t, cmd.Wait())
	require.True(t, fileGone(h.about.Dir))
	require.True(t, processGone(h.about.PID))
}
