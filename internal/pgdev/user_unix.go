//go:build unix

package pgdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"sync"
	"syscall"
)

// account is the unprivileged user who runs the server.
type account struct {
	uid, gid uint32
	name     string
}

// serverAccount returns who is to run the server: nil for ourselves, a user without privileges when we are root,
// because Postgres refuses root.
var serverAccount = sync.OnceValues(func() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if uidErr != nil || gidErr != nil || uid == 0 {
			continue
		}
		return &account{uid: uint32(uid), gid: uint32(gid), name: name}, nil
	}
	return nil, fmt.Errorf("%w: Postgres refuses to run as root, and there is neither a user postgres nor nobody", errUnavailable)
})

// attributes puts a program into a process group of its own, so that Ctrl-C reaches us and not the server, which has to
// stay until we are done with it.
func attributes(owner *account) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if owner != nil {
		attr.Credential = &syscall.Credential{Uid: owner.uid, Gid: owner.gid}
	}
	setDeathSignal(attr)
	return attr
}

// reachable says whether owner may pass through the directory path.
func reachable(path string, owner *account) bool {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return false
	}
	if owner == nil {
		return true
	}
	const othersMayPass = 0o001
	stat, ok := info.Sys().(*syscall.Stat_t)
	return info.Mode()&othersMayPass != 0 || ok && stat.Uid == owner.uid
}

// ownedBy says whether info is of a file that we or owner have made. In a directory such as /tmp anybody may put
// anything under any name.
func ownedBy(info fs.FileInfo, owner *account) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (int(stat.Uid) == os.Geteuid() || owner != nil && stat.Uid == owner.uid)
}

// tryLock takes the lock of an open file unless another process has it. It is released when the file is closed, at the
// latest when this process ends.
func tryLock(file *os.File) (bool, error) {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
