package pgdev

import "syscall"

const (
	// memoryDir is where Linux mounts a file system in memory that everybody may use.
	memoryDir = "/dev/shm"
	// memoryNeeded is the room it must have. The default size in a container, 64 MB, is far too small.
	memoryNeeded = 2 << 30
	// tmpfsMagic is the type of that file system.
	tmpfsMagic = 0x01021994
)

// memoryBase returns a directory in memory with room for a server, or "".
func memoryBase() string {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(memoryDir, &stat); err != nil {
		return ""
	}
	if int64(stat.Type) != tmpfsMagic || stat.Bavail*uint64(stat.Bsize) < memoryNeeded {
		return ""
	}
	return memoryDir
}
