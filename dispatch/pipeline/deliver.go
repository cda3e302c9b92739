package pipeline

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

const (
	// gatherFor is how long a sender waits for others to become free, so that one statement binds several receipts.
	gatherFor = 5 * time.Millisecond
	// turnFor is how long a send that has ended waits for others to end, so that one statement records several of them,
	// while no sender is free.
	turnFor = 2 * time.Millisecond
	// patience is how long a claimed receipt waits for a sender before it is given back to whoever has one.
	patience = 5 * time.Second
)

// delivery is the part of a batch that leaves the house. One goroutine speaks with the database; sends have their own.
type delivery struct {
	*recorder
	// rest are the items that have not begun, in order.
	rest []*item
	// slots is how many senders are in hand for the first of them, flying how many sends are under way.
	slots, flying int
	// owed is how many senders are kept by sends that have ended and are not recorded: what a dying process sends again
	// is never more than its senders.
	owed int
	done chan *item
	// quiet is until when results wait after they could not be written, and nothing new begins.
	quiet time.Time
	pause time.Duration
	err   error
}

// deliver records what the earlier stages settled and sends the rest, each as soon as a sender is free, so that a slow
// send holds its sender and nothing else.
func (r *run) deliver(ctx context.Context) error {
	d := &delivery{recorder: &recorder{run: r, suspects: map[uuid.UUID]*item{}}, done: make(chan *item, len(r.items))}
	inDatabase := map[transports.InDatabase][]*item{}
	for _, it := range r.items {
		t, ok := r.transports[it.Transport].(transports.InDatabase)
		switch {
		case it.result != nil:
			d.add(ctx, it)
		case ok:
			inDatabase[t] = append(inDatabase[t], it)
		default:
			d.rest = append(d.rest, it)
		}
	}
	for t, items := range inDatabase {
		bound, err := r.bind(ctx, items)
		if err != nil {
			return err
		}
		if len(bound) == 0 {
			continue
		}
		for _, it := range r.sendAllTx(ctx, t, bound) {
			d.add(ctx, it)
		}
	}
	r.leave(r.ahead - len(d.rest))
	if len(d.rest) > 0 {
		d.send(ctx)
	}
	err := d.finish(ctx)
	d.settle()
	if err != nil {
		return err
	}
	return d.err
}

// send begins, collects and records until everything is done or given back.
func (d *delivery) send(ctx context.Context) {
	tick, gather, enough := time.NewTicker(d.recordEvery), time.NewTimer(time.Hour), time.NewTimer(patience)
	defer tick.Stop()
	defer gather.Stop()
	defer enough.Stop()
	for len(d.rest) > 0 || d.flying > 0 {
		var free chan<- struct{}
		var stop, cut <-chan struct{}
		if len(d.rest) > 0 {
			stop, cut = d.stop, ctx.Done()
		}
		if d.slots < len(d.rest) && d.quiet.IsZero() {
			free = d.Pipeline.slots
		}
		select {
		case free <- struct{}{}:
			d.slots++
			gather.Reset(gatherFor)
			d.take()
			if d.slots == len(d.rest) || d.slots >= cap(free)/4 {
				d.begin(ctx, 0)
			}
		case it := <-d.done:
			if d.owed == 0 {
				gather.Reset(turnFor)
			}
			d.land(ctx, it)
			switch {
			case d.gate.Pending():
				d.write(ctx) // What other workers have to know does not wait.
			case d.flying == 0:
				d.turnOver(ctx)
			}
		case <-gather.C:
			d.turnOver(ctx)
			d.begin(ctx, 0)
		case <-tick.C:
			d.write(ctx)
		case <-stop:
			d.giveBack(ctx)
		case <-cut:
			d.giveBack(ctx)
		case <-enough.C:
			d.giveBack(ctx)
		}
	}
}

// turnOver records at once, if others may wait for the senders that sends keep until they are recorded. What is left of
// the same batch comes first: it is bound along, and begins without another wait. The batch's last are recorded with its
// end.
func (d *delivery) turnOver(ctx context.Context) {
	if d.owed == 0 || len(d.rest)+d.flying == 0 || len(d.Pipeline.slots) < cap(d.Pipeline.slots) {
		return
	}
	kept := min(d.owed, len(d.rest)-d.slots)
	if kept == 0 || !d.begin(ctx, kept) {
		d.write(ctx)
	}
}

// take takes what other senders are free.
func (d *delivery) take() {
	for d.slots < len(d.rest) {
		select {
		case d.Pipeline.slots <- struct{}{}:
			d.slots++
		default:
			return
		}
	}
}

// begin binds as many items as there are senders in hand, and kept more that go over from sends that have ended; then it
// sends them. What has ended is recorded along. It reports whether that is written.
func (d *delivery) begin(ctx context.Context, kept int) bool {
	n := d.slots + kept
	if n == 0 || ctx.Err() != nil || d.stopping() {
		return false
	}
	if time.Now().Before(d.quiet) {
		d.free(d.slots)
		d.slots = 0
		return false
	}
	items := d.rest[:n]
	free, stopped, err := d.again(ctx, items)
	var bound, missing []*item
	wrote := false
	if err == nil {
		missing, err = d.load(ctx, free)
		free = without(free, missing)
	}
	switch {
	case err != nil || len(free) == 0:
	case len(d.pending) == 0:
		bound, err = d.bind(ctx, free)
	default:
		if bound, err = d.turn(ctx, free); err != nil {
			// Perhaps it was the results, perhaps the bindings: each gets its own chance.
			d.free(d.slots)
			d.slots = 0
			return d.write(ctx)
		}
		wrote = true
	}
	if err != nil {
		d.err = err
		d.forget()
		return false
	}
	for _, it := range append(stopped, missing...) {
		d.add(ctx, it)
	}
	d.rest = d.rest[n:]
	d.leave(n)
	idle := d.slots
	if wrote {
		if kept > 0 {
			d.backlog.move()
		}
		idle += d.owed
		d.owed = 0
		d.quiet, d.pause = time.Time{}, 0
	}
	d.free(idle - len(bound))
	d.slots = 0
	d.flying += len(bound)
	for _, it := range bound {
		go func() {
			defer func() { d.done <- it }()
			d.run.send(ctx, it)
			it.contents = nil
		}()
	}
	return wrote
}

// land takes the result of a send, and those of others that have ended.
func (d *delivery) land(ctx context.Context, it *item) {
	for {
		d.flying--
		d.owed++
		d.add(ctx, it)
		select {
		case it = <-d.done:
		default:
			return
		}
	}
}

// settle returns the senders whose results are recorded, or that nobody waits for any more.
func (d *delivery) settle() {
	d.free(d.owed)
	d.owed = 0
}

// free returns senders.
func (d *delivery) free(n int) {
	for range n {
		<-d.Pipeline.slots
	}
	d.backlog.signal()
}

// write records what came in, and returns the senders that this frees. After a failure it lets the database rest.
func (d *delivery) write(ctx context.Context) bool {
	if time.Now().Before(d.quiet) {
		return false
	}
	if err := d.flush(ctx, false); err != nil {
		d.pause = min(max(2*d.pause, retryRecord), time.Second)
		d.quiet = time.Now().Add(d.pause)
		d.logger.WarnContext(ctx, "results could not be written yet", slog.Int("results", len(d.pending)), slog.Any("err", err))
		return false
	}
	d.quiet, d.pause = time.Time{}, 0
	d.settle()
	return true
}

// giveBack returns what has not begun, at no cost, to whoever is free.
func (d *delivery) giveBack(ctx context.Context) {
	items := d.rest
	d.forget()
	if err := d.release(ctx, items); err != nil {
		d.err = err
	}
}

// forget leaves alone what has not begun.
func (d *delivery) forget() {
	d.free(d.slots)
	d.leave(len(d.rest))
	d.slots, d.rest = 0, nil
}

// release gives back claimed items that have not begun.
func (r *run) release(ctx context.Context, items []*item) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	claimed := make([]receipts.Claimed, len(items))
	for i, it := range items {
		claimed[i] = it.Claimed
	}
	_, err := r.store.Release(ctx, r.db, r.batch.Token, claimed)
	return err
}
