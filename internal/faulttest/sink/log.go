package sink

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// Entry is a message that a sink took responsibility for.
type Entry struct {
	At time.Time `json:"at"`
	// Key identifies the message over all its tries: the Message-ID without its brackets, or the webhook-id.
	Key string `json:"key"`
	// About is what the message says that it is about, whatever its key: the subject, or the body's identity.
	About string `json:"about"`
	// To is the recipient.
	To string `json:"to"`
	// Hash is that of all that must be the same on every try.
	Hash string `json:"hash"`
	// From is the worker that sent it, by the name that it gave.
	From string `json:"from"`
	// Stamp is the time that the sender signed with, in seconds; 0 if it signed none.
	Stamp int64 `json:"stamp,omitempty"`
	// Unanswered tells that the script kept the answer from the sender.
	Unanswered bool `json:"unanswered,omitempty"`
}

// Log writes entries to a file. [Log.Append] returns when the disk has the entry; those that come together share a wait.
type Log struct {
	file *os.File

	mu      sync.Mutex
	pending *batch
	wake    chan struct{}
	closed  bool
	done    chan struct{}
}

type batch struct {
	text bytes.Buffer
	done chan struct{}
	err  error
}

// OpenLog opens a log for appending.
func OpenLog(path string) (*Log, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the sink's log: %w", err)
	}
	l := &Log{file: file, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go l.write()
	return l, nil
}

// Append writes an entry and returns when it is on disk.
func (l *Log) Append(e Entry) error {
	raw, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode an entry: %w", err)
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return fs.ErrClosed
	}
	if l.pending == nil {
		l.pending = &batch{done: make(chan struct{})}
	}
	b := l.pending
	b.text.Write(append(raw, '\n'))
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	<-b.done
	return b.err
}

// write brings batches to the disk until the log is closed.
func (l *Log) write() {
	defer close(l.done)
	for range l.wake {
		l.mu.Lock()
		b := l.pending
		l.pending = nil
		l.mu.Unlock()
		if b == nil {
			continue
		}
		if _, b.err = l.file.Write(b.text.Bytes()); b.err == nil {
			b.err = l.file.Sync()
		}
		close(b.done)
	}
}

// Close writes what is pending and closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	l.mu.Unlock()
	if closed {
		return nil
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
	close(l.wake)
	<-l.done
	return l.file.Close()
}

// ReadLog returns the entries of a log, which may still be written. A last line that is not complete is left out: nobody
// was answered for it.
func ReadLog(path string) ([]Entry, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the sink's log: %w", err)
	}
	var all []Entry
	lines := bufio.NewScanner(bytes.NewReader(raw[:bytes.LastIndexByte(raw, '\n')+1]))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("read the sink's log: line %d: %w", len(all)+1, err)
		}
		all = append(all, e)
	}
	return all, lines.Err()
}
