//go:build !linux

package main

import "syscall"

// deathSignal exists on Linux only; elsewhere children of a harness that was killed stay.
func deathSignal() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
