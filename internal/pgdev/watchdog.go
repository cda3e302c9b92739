//go:build unix

package pgdev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// processScript ends the server in the directory $1 and removes that. The process id is read from postmaster.pid, which
// we remove when the server ends while we live, so it never names a stranger.
const processScript = `trap '' HUP INT TERM
read -r word
[ "$word" = stop ] && exit 0
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
  kill -QUIT "$pid" 2>/dev/null
  tries=0
  while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
fi
rm -rf "$1/data"
rm -rf "$1"
`

// containerScript removes the container $2 with the client $1.
const containerScript = `trap '' HUP INT TERM
read -r word
[ "$word" = stop ] && exit 0
"$1" rm -f -v "$2"
`

// watchdog is a shell that cleans up after us when we die. It reads from a pipe whose other end only we have, so it
// learns of every kind of death, also of SIGKILL.
type watchdog struct {
	child *child
	pipe  io.WriteCloser
}

// startWatchdog takes no context: a watchdog that ends early is none.
func startWatchdog(script string, args ...string) (*watchdog, error) {
	cmd := exec.CommandContext(context.Background(), "/bin/sh", append([]string{"-c", script, "carillon-watchdog"}, args...)...)
	cmd.Dir = "/"
	cmd.Env = os.Environ()
	// A group of its own, for it has to outlive a Ctrl-C; and no output, for a pipe held open makes "go test" wait.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe to the watchdog: %w", err)
	}
	child, err := startChild(cmd)
	if err != nil {
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	return &watchdog{child: child, pipe: pipe}, nil
}

// dismiss ends the watchdog and waits for it. It does nothing else any more.
func (w *watchdog) dismiss() error {
	_, err := io.WriteString(w.pipe, "stop\n")
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		err = errors.Join(err, w.child.cmd.Process.Kill())
	} else {
		err = nil
	}
	<-w.child.done
	if err != nil {
		return fmt.Errorf("dismiss the watchdog: %w", err)
	}
	return nil
}
