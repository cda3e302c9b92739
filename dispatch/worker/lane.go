package worker

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/receipts"
)

const (
	// laneJobs is how many of a lane's jobs River hands to one process at once. One of them claims for all.
	laneJobs = 4
	// echo is when a lane that ran dry is looked at once more: as long as the slot in which carillon.wake speaks only
	// once, so that whoever was silenced is found.
	echo = 10 * time.Millisecond
	// echoBehind is the same while a suspect is under way, behind which others may wait: its end is another sign.
	echoBehind = 100 * time.Millisecond
	// pumping is how long one job goes on claiming before it lets River fetch the next one.
	pumping = 5 * time.Second
	// lookAgain is when a job fires again whose receipt could not be claimed: it was locked for a moment, all senders of
	// this process are busy, or the database is away.
	lookAgain = time.Second
)

// Args are the arguments of a job: the receipt that is due, or the permit to claim in a bulk lane.
type Args struct {
	Receipt uuid.UUID `json:"receipt,omitzero"`
	// Permit is for how many receipts a bulk lane's job was made. Whoever works on it claims until the lane is dry.
	Permit int `json:"permit,omitempty"`
}

// Kind names the jobs in River.
func (Args) Kind() string { return "carillon_receipt" }

// jobWorker hands River's jobs to their lanes.
type jobWorker struct {
	river.WorkerDefaults[Args]
	lanes *lanes
}

// Work claims until the job's lane is dry. The job itself carries nothing: losing it, or running it twice, finds nothing
// to claim.
func (w *jobWorker) Work(ctx context.Context, job *river.Job[Args]) error {
	l, known := w.lanes.get(job.Queue)
	if !known {
		return river.JobSnooze(lookAgain)
	}
	return l.work(ctx, &wake{receipt: job.Args.Receipt, job: job.ID})
}

// wake is a job that fired and waits for a claim on behalf of its receipt.
type wake struct {
	receipt uuid.UUID
	job     int64
	// asked means that a claim took the receipt along, claimed that it got it.
	asked, claimed bool
}

// lane delivers the receipts of one transport and priority. Batches run beside each other, each under its own lease; a
// new one is claimed as soon as there is a free sender and little waits for one.
type lane struct {
	*Worker
	name     string
	pipeline *pipeline.Pipeline
	// claiming has something in it while a job claims.
	claiming chan struct{}

	// fromTenant is whose turn it is in a bulk lane, dry whether the last claim found nothing. Whoever claims owns them.
	fromTenant string
	dry        bool
	// suspected counts the suspects of this lane that are under way.
	suspected atomic.Int32

	mu    sync.Mutex
	wakes []*wake
}

func newLane(w *Worker, name string, p *pipeline.Pipeline) *lane {
	return &lane{Worker: w, name: name, pipeline: p, claiming: make(chan struct{}, 1)}
}

// work has the job's receipt claimed, and claims more until the lane is dry or others should have their turn.
func (l *lane) work(ctx context.Context, own *wake) error {
	l.mu.Lock()
	l.wakes = append(l.wakes, own)
	l.mu.Unlock()
	defer l.forget(own)
	select {
	case l.claiming <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.claiming }()
	if l.asked(own) {
		return l.account(ctx, own)
	}
	if err := l.pump(ctx); err != nil {
		if !receipts.Passing(err) {
			return err
		}
		// River would count this against the job, and put it off for longer each time.
		l.trouble.WarnContext(ctx, "cannot claim", slog.String("lane", l.name), slog.Any("err", err))
		return river.JobSnooze(lookAgain)
	}
	return l.account(ctx, own)
}

// pump claims and begins batches.
func (l *lane) pump(ctx context.Context) error {
	until := time.Now().Add(pumping)
	l.dry = false
	for time.Now().Before(until) && l.room(ctx) {
		claimed, err := l.claim(ctx)
		if err != nil {
			return err
		}
		before := l.dry
		l.dry = claimed == 0
		waits := l.suspected.Load() > 0 // Others may wait behind it.
		if l.dry && (before && !waits || !l.pause(ctx, waits)) {
			return nil
		}
	}
	return nil
}

// room waits for a sender, but not for long: a job in hand keeps its receipt from other processes.
func (l *lane) room(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, lookAgain)
	defer cancel()
	return l.pipeline.Room(ctx, l.cfg.Batch)
}

// claim claims one batch for all jobs that wait, sets it going, and returns how large it is.
func (l *lane) claim(ctx context.Context) (int, error) {
	wakes := l.take()
	own := make([]uuid.UUID, len(wakes))
	for i, w := range wakes {
		own[i] = w.receipt
	}
	free := l.suspect.enter()
	batch, err := l.store.Claim(ctx, l.pool, receipts.ClaimParams{
		Lane: l.name, Own: own, More: max(l.cfg.Batch-len(own), 0), FromTenant: l.fromTenant, Innocent: !free,
		Lease: l.cfg.Lease, Worker: l.cfg.Name,
	})
	suspects := err == nil && slices.ContainsFunc(batch.Receipts, func(c receipts.Claimed) bool { return c.Suspect })
	if free && !suspects {
		l.suspect.leave()
	}
	if err != nil {
		return 0, err
	}
	l.turn(batch)
	l.cfg.Telemetry.Claimed(l.name, len(batch.Receipts))
	for _, w := range wakes {
		w.claimed = slices.ContainsFunc(batch.Receipts, func(c receipts.Claimed) bool { return c.ID == w.receipt })
	}
	if len(batch.Receipts) > 0 {
		l.begin(ctx, batch, suspects)
	}
	return len(batch.Receipts), nil
}

// turn notes with whom the next claim begins: where a full batch ended, or with the first.
func (l *lane) turn(batch *receipts.Batch) {
	l.fromTenant = ""
	if len(batch.Receipts) < l.cfg.Batch {
		return
	}
	for _, r := range batch.Receipts {
		l.fromTenant = max(l.fromTenant, r.Tenant)
	}
}

// begin sets a batch going. It outlives the job that claimed it; Run waits for it.
func (l *lane) begin(ctx context.Context, batch *receipts.Batch, suspects bool) {
	leased, release := l.leases.hold(context.WithoutCancel(ctx), batch.Token)
	// Counted before the next look for room.
	run := l.pipeline.Begin(l.pool, batch)
	if suspects {
		l.suspected.Add(1)
	}
	l.batches.Go(func() {
		defer release()
		if suspects {
			defer l.suspected.Add(-1)
			defer l.suspect.leave()
		}
		if err := run(leased); err != nil {
			l.recover(leased, batch, err)
		}
	})
}

// recover gives back what a batch left that the database broke off, once that is back: waiting for the lease to expire
// would take longer, and look as if the worker had died of these receipts.
func (l *lane) recover(ctx context.Context, batch *receipts.Batch, cause error) {
	l.trouble.WarnContext(ctx, "a batch broke off", slog.String("lane", l.name), slog.Any("err", cause))
	if !receipts.Passing(cause) {
		return
	}
	timer := time.NewTimer(lookAgain)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-l.stopping:
		case <-ctx.Done():
		}
		if err := l.giveBack(ctx, batch); err == nil || !receipts.Passing(err) || l.stopped() || ctx.Err() != nil {
			return
		}
		timer.Reset(lookAgain)
	}
}

// giveBack outlives the context of the batch, which may have been cut.
func (l *lane) giveBack(ctx context.Context, batch *receipts.Batch) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leave)
	defer cancel()
	_, err := l.store.Release(ctx, l.pool, batch.Token, batch.Receipts)
	return err
}

// account returns when the job's receipt is somebody's, and otherwise has the job fire again.
func (l *lane) account(ctx context.Context, own *wake) error {
	if own.claimed {
		return nil
	}
	if _, bulk := receipts.BulkLane(l.name); bulk {
		return l.renewPermit(ctx)
	}
	stranded, err := l.store.Stranded(ctx, l.pool, own.receipt, own.job)
	switch {
	case err == nil && !stranded:
		return nil
	case l.stopped():
		return river.JobSnooze(0) // For another process.
	}
	return river.JobSnooze(lookAgain)
}

// renewPermit has a permit fire again while something is due in the lane.
func (l *lane) renewPermit(ctx context.Context) error {
	tenant, owed, err := l.store.Owed(ctx, l.pool, l.name)
	switch {
	case err == nil && !owed:
		return nil
	case err == nil && l.dry:
		l.fromTenant = tenant // The turn did not reach them, or they were locked.
	case err == nil:
		return river.JobSnooze(0)
	}
	return river.JobSnooze(lookAgain)
}

// take takes the jobs that wait for a claim.
func (l *lane) take() []*wake {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.wakes
	l.wakes = nil
	for _, w := range taken {
		w.asked = true
	}
	return taken
}

func (l *lane) asked(own *wake) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return own.asked
}

func (l *lane) forget(own *wake) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wakes = slices.DeleteFunc(l.wakes, func(w *wake) bool { return w == own })
}

// pause waits for the echo, or for the end of a suspect, and reports whether to go on.
func (l *lane) pause(ctx context.Context, suspected bool) bool {
	wait, over := echo, alone(nil)
	if suspected {
		wait, over = echoBehind, l.suspect
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case over <- struct{}{}:
		over.leave()
		return true
	case <-l.stopping:
		return false
	case <-ctx.Done():
		return false
	}
}
