package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/carillon-notify/carillon/internal/pgdev"
)

// diskRows take the room away.
func diskRows() []*row {
	return []*row{{
		id: "F-27", what: "the disk of Postgres is full, tables and log", absent: noMounts,
		size: either("a disk of 200 MB, full for 60 s", "a disk of 200 MB, full for 15 s"), run: fullDisk,
		postgres: map[string]string{"max_wal_size": "48MB", "min_wal_size": "32MB"},
	}}
}

// noMounts tells why this machine mounts nothing for us.
func noMounts(context.Context) string {
	if os.Getuid() != 0 {
		return "a small disk needs root"
	}
	dir, err := os.MkdirTemp("", "carillon-mount-")
	if err != nil {
		return "there is no room for a directory"
	}
	defer func() { _ = os.Remove(dir) }()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
		return "this machine mounts nothing"
	}
	_ = syscall.Unmount(dir, syscall.MNT_DETACH)
	return ""
}

// fullDisk puts the database on a small disk and fills that. What the application cannot commit it must be told, and
// nothing may be half there.
func fullDisk(ctx context.Context, a *arena) error {
	data, err := a.onSmallDisk(ctx, 200)
	if err != nil {
		return err
	}
	w, err := a.worker(ctx, workerOpts{name: "w1"})
	if err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "before", n: 100, writers: 4}); err != nil {
		return err
	}
	ballast := filepath.Join(data, "ballast")
	full, cancel := context.WithTimeout(ctx, time.Duration(a.size(60, 15))*time.Second)
	defer cancel()
	filled := make(chan error, 1)
	go func() { filled <- keepFull(full, ballast) }()
	_ = a.emit(full, emitting{action: actCreate, prefix: "o", n: 1_000_000, writers: 4, patient: true})
	cancel() // The disk has room again.
	if err := <-filled; err != nil {
		return err
	}
	committed, refused := 0, 0
	for id, o := range a.ledger.orders {
		switch {
		case o.acknowledged:
			committed++
		case len(id) > 0:
			refused++
		}
	}
	a.require(refused > 0, "the application was told of no error")
	a.fact("%d orders committed, %d not", committed, refused)
	a.faultEnd = time.Now()
	// Postgres gives up if it cannot write its log. Whoever watches over it starts it again.
	if err := a.pool.Ping(ctx); err != nil {
		if err := errors.Join(a.pg.End(ctx, pgdev.Immediate), a.pg.Restart(ctx)); err != nil {
			return fmt.Errorf("start the server again: %w", err)
		}
		a.fact("Postgres had ended over its log")
	}
	// What was taken and could not be recorded comes again.
	at, open, err := a.strike()
	if err != nil {
		return err
	}
	if err := a.struck(ctx, at, open, workerOpts{}.full().senders); err != nil {
		return err
	}
	if err := a.settle(ctx, 2*time.Minute); err != nil {
		return err
	}
	a.require(a.outcome.settle <= time.Minute, "settled %s after there was room", a.outcome.settle)
	a.require(!w.ended(), "the worker ended: %v%s", w.err, w.tail())
	return nil
}

// onSmallDisk moves the database to a disk of its own, and returns its directory.
func (a *arena) onSmallDisk(ctx context.Context, megabytes int) (string, error) {
	var data string
	if err := a.pool.QueryRow(ctx, sqlShowData).Scan(&data); err != nil {
		return "", err
	}
	if err := a.pg.End(ctx, pgdev.Fast); err != nil {
		return "", err
	}
	moved := data + ".moved"
	var stat syscall.Stat_t
	if err := syscall.Stat(data, &stat); err != nil {
		return "", err
	}
	if err := errors.Join(os.Rename(data, moved), os.Mkdir(data, 0o700)); err != nil {
		return "", err
	}
	options := fmt.Sprintf("size=%dm,mode=0700,uid=%d,gid=%d", megabytes, stat.Uid, stat.Gid)
	if err := syscall.Mount("none", data, "tmpfs", 0, options); err != nil {
		return "", fmt.Errorf("mount a small disk: %w", err)
	}
	a.last = append(a.last, func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) })
	if output, err := exec.CommandContext(ctx, "cp", "-a", moved+"/.", data).CombinedOutput(); err != nil {
		return "", fmt.Errorf("move the database: %w: %s", err, output)
	}
	if err := os.RemoveAll(moved); err != nil {
		return "", err
	}
	return data, a.pg.Restart(ctx)
}

// keepFull takes all room that there is until ctx ends, and then gives it back.
func keepFull(ctx context.Context, path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	block := make([]byte, 256<<10)
	for ctx.Err() == nil {
		if _, err := file.Write(block); errors.Is(err, syscall.ENOSPC) {
			_ = pause(ctx, 100*time.Millisecond)
		} else if err != nil {
			break
		}
	}
	return errors.Join(file.Close(), os.Remove(path))
}
