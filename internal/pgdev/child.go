//go:build unix

package pgdev

import (
	"os/exec"
	"runtime"
)

// child is a started program.
type child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the program has ended
	err  error         // how it ended; read it after done
}

// startChild starts cmd from an operating-system thread that stays until the program has ended. On Linux the program is
// to get a signal when its parent dies, and the kernel means by that the thread which started it: an unlocked one may
// end at any time, and would take the program with it.
func startChild(cmd *exec.Cmd) (*child, error) {
	c := &child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(c.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

// ended says whether the program has ended.
func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}
