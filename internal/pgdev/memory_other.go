//go:build unix && !linux

package pgdev

// memoryBase returns "": other systems have no common place for files in memory.
func memoryBase() string { return "" }
