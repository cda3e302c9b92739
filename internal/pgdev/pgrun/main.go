// Command pgrun runs a command with a private Postgres.
//
//	pgrun -- go test ./...
//
// It raises one server, puts its URL into DATABASE_URL, runs the command, stops the server, and exits as the command
// did. All test binaries of the command share that server. If DATABASE_URL is set already, it only runs the command.
//
// Exit status: that of the command; 128 plus the number of the signal that ended it; 1 when the server or the command
// could not be started; 2 for wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/carillon-notify/carillon/internal/pgdev"
)

const (
	exitFailure = 1
	exitUsage   = 2

	// maxConnections is enough for many test binaries that each open several pools.
	maxConnections = 500
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stderr)) }

func run(ctx context.Context, args []string, words io.Writer) int {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(words, "usage: pgrun [--] COMMAND [ARGUMENT…]")
		return exitUsage
	}
	code, err := runWithServer(ctx, args, words)
	if err != nil {
		fmt.Fprintln(words, "pgrun:", err)
	}
	return code
}

// runWithServer has, unless DATABASE_URL is set, a server running while the command does.
func runWithServer(ctx context.Context, args []string, words io.Writer) (code int, err error) {
	// Signals are for the command, which gets Ctrl-C by itself, being in our process group. We have to stay to clean up.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	env := os.Environ()
	if os.Getenv(pgdev.EnvURL) == "" {
		startCtx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		server, err := pgdev.Start(startCtx, &pgdev.Config{InMemory: true, MaxConnections: maxConnections})
		cancel()
		if err != nil {
			return exitFailure, err
		}
		fmt.Fprintln(words, "pgrun:", server.How())
		env = append(env, pgdev.EnvURL+"="+server.DSN())
		defer func() {
			stopCtx, cancel := context.WithTimeout(ctx, 20*time.Second)
			defer cancel()
			if stopErr := server.Stop(stopCtx); stopErr != nil && err == nil {
				code, err = max(code, exitFailure), stopErr
			}
		}()
	}
	return runCommand(ctx, args, env, signals)
}

// runCommand runs the command and passes SIGTERM on to it.
func runCommand(ctx context.Context, args, env []string, signals <-chan os.Signal) (int, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return exitFailure, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case got := <-signals:
			if got != syscall.SIGTERM {
				continue
			}
			if err := cmd.Process.Signal(got); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return exitFailure, errors.Join(err, cmd.Process.Kill())
			}
		case err := <-ended:
			return exitCode(err)
		}
	}
}

// exitCode tells how the command ended in the way that shells do.
func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		if err != nil {
			return exitFailure, err
		}
		return 0, nil
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}
