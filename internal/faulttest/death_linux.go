package main

import "syscall"

// deathSignal lets the kernel kill a child when the thread that started it ends.
func deathSignal() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
