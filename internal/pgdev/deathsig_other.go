//go:build unix && !linux

package pgdev

import "syscall"

// setDeathSignal does nothing: only Linux signals children of a dead parent. The watchdog alone sees to them here.
func setDeathSignal(*syscall.SysProcAttr) {}
