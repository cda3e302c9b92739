package pgdev

import "syscall"

// setDeathSignal lets the kernel send SIGQUIT, an immediate shutdown for Postgres, when the thread that starts the
// program dies. See [startChild].
func setDeathSignal(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
