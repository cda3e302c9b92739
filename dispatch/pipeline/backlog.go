package pipeline

import (
	"context"
	"sync"
)

// backlog counts the receipts that wait in this process for a sender.
type backlog struct {
	mu    sync.Mutex
	count int
	// moved is true when senders went from one receipt straight to the next since a caller last found room.
	moved bool
	// changed has something in it when there may be room since it was last looked at.
	changed chan struct{}
}

// Room waits until a sender is free, or changes hands, and no more than most receipts wait for one, so that whoever claims
// more can begin them soon. It returns false if the pipeline was told to stop or ctx ended. One caller at a time may wait.
func (p *Pipeline) Room(ctx context.Context, most int) bool {
	for {
		switch {
		case p.stopping() || ctx.Err() != nil:
			return false
		case p.backlog.room(most, len(p.slots) < cap(p.slots)):
			return true
		}
		select {
		case <-p.backlog.changed:
		case <-p.stop:
		case <-ctx.Done():
		}
	}
}

func (b *backlog) room(most int, free bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	room := b.count <= most && (free || b.moved)
	if room {
		b.moved = false
	}
	return room
}

// move notes that senders changed hands.
func (b *backlog) move() {
	b.mu.Lock()
	b.moved = true
	b.mu.Unlock()
	b.signal()
}

// signal tells whoever waits for room to look again.
func (b *backlog) signal() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// leave takes n items of the batch out of the count.
func (r *run) leave(n int) {
	r.ahead -= n
	b := &r.backlog
	b.mu.Lock()
	b.count -= n
	b.mu.Unlock()
	if n > 0 {
		b.signal()
	}
}

// stopping reports whether nothing new may begin.
func (p *Pipeline) stopping() bool {
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}
