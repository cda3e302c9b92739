//go:build unix

package pgdev

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that is our child.
type process struct {
	config       *Config
	installation *installation
	dir          *workdir
	watchdog     *watchdog
	password     string
	port         int
	postgres     *child // the running program, or the last one
}

var _ backend = (*process)(nil)

// startProcess makes a cluster with the programs of an installation and starts it.
func startProcess(ctx context.Context, config *Config, found *installation) (*Server, error) {
	owner, err := serverAccount()
	if err != nil {
		return nil, err
	}
	bases := workBases(config.InMemory, owner)
	dir, err := newWorkdir(bases, owner)
	if err != nil {
		return nil, err
	}
	sweep(ctx, bases, owner, config.Logger)
	p := &process{config: config, installation: found, dir: dir, password: rand.Text()}
	if p.watchdog, err = startWatchdog(processScript, dir.path); err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	err = p.initialise(ctx)
	if err == nil {
		err = p.launchOnFreePort(ctx)
	}
	if err != nil {
		// The caller's context may be why we are here.
		return nil, errors.Join(err, p.stop(context.WithoutCancel(ctx)))
	}
	how := fmt.Sprintf("PostgreSQL %s from %s (%s)", found.version, found.bin, found.how)
	return &Server{backend: p, dsn: dsn(p.port, p.password), how: how}, nil
}

// initialise runs initdb.
func (p *process) initialise(ctx context.Context) error {
	secret := filepath.Join(p.dir.path, "password")
	if err := p.writeForServer(secret, p.password+"\n"); err != nil {
		return err
	}
	args := []string{
		"--pgdata=" + p.dir.data(), "--username=postgres", "--pwfile=" + secret, "--auth=scram-sha-256",
		"--encoding=UTF8", "--no-locale",
	}
	if !p.config.Durable {
		args = append(args, "--no-sync")
	}
	if _, err := p.installation.outputIn(ctx, p.dir.path, "initdb", args...); err != nil {
		return err
	}
	return os.Remove(secret)
}

// writeForServer writes a file that only the server's user can read.
func (p *process) writeForServer(path, content string) error {
	owner, err := serverAccount()
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return err
	}
	if owner == nil {
		return nil
	}
	return os.Chown(path, int(owner.uid), int(owner.gid))
}

// launchOnFreePort launches the server. Between our finding a free port and the server's binding it another process may
// take it, so that is tried again.
func (p *process) launchOnFreePort(ctx context.Context) error {
	const tries = 5
	var err error
	for range tries {
		if p.port, err = freePort(ctx); err != nil {
			return err
		}
		if err = p.launch(ctx); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

// launch starts the program and returns when it answers. When it fails, no process is left.
func (p *process) launch(ctx context.Context) error {
	log, err := os.OpenFile(p.logPath(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // The child has a descriptor of its own.
	args := append([]string{
		"-D", p.dir.data(), "-p", strconv.Itoa(p.port),
		// No socket: the path of one must not be longer than 107 bytes, and TMPDIR alone may be.
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
	}, p.config.arguments()...)
	// The server outlives the start, so it must not hang on ctx.
	cmd, err := p.installation.command(context.WithoutCancel(ctx), p.dir.path, "postgres", args...)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	started, err := startChild(cmd)
	if err != nil {
		return fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	p.postgres = started
	if err := p.awaitReady(ctx); err != nil {
		return errors.Join(err, p.end(context.WithoutCancel(ctx), Immediate))
	}
	return nil
}

func (p *process) awaitReady(ctx context.Context) error {
	err := awaitAnswer(ctx, dsn(p.port, p.password), p.dir.data(), p.postgres.done)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if p.postgres.ended() && !portFree(ctx, p.port) {
		return fmt.Errorf("%w (port %d)", errPortTaken, p.port)
	}
	output, readErr := os.ReadFile(p.logPath())
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	return fmt.Errorf("%w%s", err, tail(string(output)))
}

func (p *process) logPath() string { return filepath.Join(p.dir.path, "postgres.log") }

// end stops the program and waits for it. Unless it is killed, Postgres ends its own children first.
func (p *process) end(ctx context.Context, how Ending) error {
	if p.postgres == nil {
		return nil
	}
	err := p.signal(map[Ending]os.Signal{Immediate: syscall.SIGQUIT, Fast: syscall.SIGINT, Abrupt: syscall.SIGKILL}[how])
	if err == nil {
		patience, cancel := context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
		select {
		case <-p.postgres.done:
		case <-patience.Done():
			err = p.signal(syscall.SIGKILL)
			<-p.postgres.done
		}
	}
	// From here on the process id in this file could be anybody's; the watchdog relies on it.
	if removeErr := os.Remove(filepath.Join(p.dir.data(), "postmaster.pid")); !errors.Is(removeErr, fs.ErrNotExist) {
		err = errors.Join(err, removeErr)
	}
	return err
}

func (p *process) signal(signal os.Signal) error {
	if err := p.postgres.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

func (p *process) stop(ctx context.Context) error {
	return errors.Join(p.end(ctx, Immediate), p.watchdog.dismiss(), p.dir.remove())
}

// restart is patient: the children of a server that was killed hold its memory until they notice.
func (p *process) restart(ctx context.Context) error {
	if !p.postgres.ended() {
		return errors.New("it still runs")
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := p.launch(ctx)
		if err == nil || !strings.Contains(err.Error(), "still in use") {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pollInterval):
		}
	}
}

// freePort finds a port on the loopback interface that nobody uses.
func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

func portFree(ctx context.Context, port int) bool {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	return err == nil && listener.Close() == nil
}
