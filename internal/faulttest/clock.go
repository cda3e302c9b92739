package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// clockVariable names the file that says by how many seconds a program's clock is off.
const clockVariable = "CARILLON_FAULT_CLOCK"

// clockCode moves the wall clock of a program as somebody who sets the machine's clock would: timers and spans of time,
// which go by the other clock, stay as they are. The runtime asks for the time where no system call may be made, so
// somebody else looks at the file.
const clockCode = `
var faultOffset atomic.Int64

func init() {
	if path, found := syscall.Getenv("` + clockVariable + `"); found {
		faultRead(path)
		go func() {
			for {
				Sleep(20 * Millisecond)
				faultRead(path)
			}
		}()
	}
}

func faultRead(path string) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	var text [32]byte
	n, _ := syscall.Read(fd, text[:])
	syscall.Close(fd)
	sign, seconds := int64(1), int64(0)
	for _, c := range text[:max(n, 0)] {
		switch {
		case c == '-':
			sign = -1
		case c >= '0' && c <= '9':
			seconds = 10*seconds + int64(c-'0')
		}
	}
	faultOffset.Store(sign * seconds)
}
`

// skewable builds carillon with a clock that can be put off: the standard library's own time.Now asks by how much.
func (h *harness) skewable(ctx context.Context) (string, error) {
	h.skewing.Lock()
	defer h.skewing.Unlock()
	program := filepath.Join(h.dir, "carillon-skewable")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("find the standard library: %w", err)
	}
	path := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	const before, after = "\tsec, nsec, mono := runtimeNow()\n\tif mono == 0 {", "\tsec, nsec, mono := runtimeNow()\n\tsec += faultOffset.Load()\n\tif mono == 0 {"
	text := strings.Replace(string(raw), before, after, 1)
	text = strings.Replace(text, "import (\n", "import (\n\t\"sync/atomic\"\n\t\"syscall\"\n", 1)
	if !strings.Contains(text, after) || !strings.Contains(text, "\"syscall\"") {
		return "", errors.New("time.Now of this Go is not what we know")
	}
	changed, overlay := filepath.Join(h.dir, "time.go"), filepath.Join(h.dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	err = errors.Join(os.WriteFile(changed, []byte(text+clockCode), 0o600), os.WriteFile(overlay, list, 0o600))
	if err != nil {
		return "", err
	}
	h.say("building carillon with a clock that can be put off")
	return program, build(ctx, ".", program, "-tags", "fault", "-overlay", overlay)
}

// clock is one that is off.
type clock struct{ path string }

func (a *arena) newClock(name string, off time.Duration) (*clock, error) {
	c := &clock{path: filepath.Join(a.dir, name+".clock")}
	return c, c.set(off)
}

// set puts the clock off against the right time.
func (c *clock) set(off time.Duration) error {
	next := c.path + ".new"
	if err := os.WriteFile(next, fmt.Appendf(nil, "%d", int64(off.Seconds())), 0o600); err != nil {
		return err
	}
	return os.Rename(next, c.path)
}

func (c *clock) env() []string { return []string{clockVariable + "=" + c.path} }
