package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a child. Its standard error goes to a file, line by line.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how it ended; read it after done

	mu      sync.Mutex
	lines   []string
	changed chan struct{}
}

// startProcess starts cmd from a thread that stays until it has ended, so that the kernel can kill it when we die.
func startProcess(name, logPath string, cmd *exec.Cmd) (*process, error) {
	log, err := os.Create(logPath)
	if err != nil {
		return nil, err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	p := &process{name: name, cmd: cmd, done: make(chan struct{}), changed: make(chan struct{})}
	cmd.SysProcAttr = deathSignal()
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.read(stderr, log)
		p.err = errors.Join(cmd.Wait(), log.Close())
	}()
	if err := <-started; err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), log.Close())
	}
	return p, nil
}

func (p *process) read(from io.Reader, to io.Writer) {
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		fmt.Fprintln(to, scanner.Text())
		p.mu.Lock()
		p.lines = append(p.lines, scanner.Text())
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
}

// await returns when a line of standard error has the text.
func (p *process) await(ctx context.Context, text string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for seen := 0; ; {
		p.mu.Lock()
		lines, changed := p.lines[seen:], p.changed
		p.mu.Unlock()
		for _, line := range lines {
			if strings.Contains(line, text) {
				return nil
			}
		}
		seen += len(lines)
		select {
		case <-changed:
		case <-p.done:
			if p.count(text) > 0 {
				return nil
			}
			return fmt.Errorf("%s ended before it said %q: %w%s", p.name, text, p.err, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s did not say %q in %s%s", p.name, text, patience, p.tail())
		}
	}
}

// count counts the lines that have the text.
func (p *process) count(text string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, line := range p.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func (p *process) tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return "\n\t" + strings.Join(p.lines[max(0, len(p.lines)-5):], "\n\t")
}

// wait returns when the process has ended.
func (p *process) wait(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s has not ended in %s%s", p.name, patience, p.tail())
	}
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill is kill -9. It returns when the process is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// killedItself tells that a failpoint ended the process.
func (p *process) killedItself() bool {
	exit, ok := errors.AsType[*exec.ExitError](p.err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signal() == syscall.SIGKILL && p.count("failpoint: kill") > 0
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// until asks ready every so often until it says yes.
func until(ctx context.Context, what string, patience time.Duration, ready func() (bool, error)) error {
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		ok, err := ready()
		if ok && err == nil {
			return nil
		}
		if pause(limit, 50*time.Millisecond) != nil {
			if err != nil {
				return fmt.Errorf("%s: not within %s: %w", what, patience, err)
			}
			return fmt.Errorf("%s: not within %s", what, patience)
		}
	}
}
