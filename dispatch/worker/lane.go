package worker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/receipts"
)

const (
	// laneWorkers is how many batches of a lane run at once in one process.
	laneWorkers = 4
	// echo is when a lane that ran dry is looked at once more: as long as the slot in which carillon.wake speaks only
	// once, so that whoever was silenced is found.
	echo = 10 * time.Millisecond
	// pumping is how long one job goes on claiming before it lets River fetch the next one.
	pumping = 5 * time.Second
	// lookAgain is when a receipt is looked at again that its own job could not claim.
	lookAgain = time.Second
)

// Args are the arguments of a job: the receipt that is due.
type Args struct {
	Receipt uuid.UUID `json:"receipt"`
}

// Kind names the jobs in River.
func (Args) Kind() string { return "carillon_receipt" }

// jobWorker hands River's jobs to their lanes.
type jobWorker struct {
	river.WorkerDefaults[Args]
	lanes map[string]*lane
}

// Work claims and delivers until the job's lane is dry. The job itself carries nothing: losing it, or running it
// twice, finds nothing to claim.
func (w *jobWorker) Work(ctx context.Context, job *river.Job[Args]) error {
	l, known := w.lanes[job.Queue]
	if !known {
		return fmt.Errorf("no lane %q in this worker", job.Queue)
	}
	return l.work(ctx, job.Args.Receipt, job.ID)
}

// lane delivers the receipts of one transport and priority.
type lane struct {
	*Worker
	name     string
	pipeline *pipeline.Pipeline
}

func (l *lane) work(ctx context.Context, own uuid.UUID, jobID int64) error {
	first, err := l.deliver(ctx, []uuid.UUID{own})
	if err != nil {
		return err
	}
	stranded := false
	if !slices.Contains(first, own) {
		if stranded, err = l.store.Stranded(ctx, l.pool, own, jobID); err != nil {
			return err
		}
	}
	until := time.Now().Add(pumping)
	for dry := len(first) == 0; time.Now().Before(until); {
		if dry && !l.pause(ctx) {
			break
		}
		claimed, err := l.deliver(ctx, nil)
		if err != nil {
			return err
		}
		if dry && len(claimed) == 0 {
			break
		}
		dry = len(claimed) == 0
	}
	if stranded {
		return river.JobSnooze(lookAgain)
	}
	return nil
}

// pause waits for the echo, and reports whether to go on.
func (l *lane) pause(ctx context.Context) bool {
	timer := time.NewTimer(echo)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.stopping:
		return false
	case <-ctx.Done():
		return false
	}
}

// deliver claims one batch, takes it through the pipeline, and returns what was claimed.
func (l *lane) deliver(ctx context.Context, own []uuid.UUID) ([]uuid.UUID, error) {
	select {
	case <-l.stopping:
		return nil, nil
	default:
	}
	batch, err := l.store.Claim(ctx, l.pool, receipts.ClaimParams{
		Lane: l.name, Own: own, More: l.cfg.Batch - len(own), Lease: l.cfg.Lease, Worker: l.cfg.Name,
	})
	if err != nil || len(batch.Receipts) == 0 {
		return nil, err
	}
	claimed := make([]uuid.UUID, len(batch.Receipts))
	for i, r := range batch.Receipts {
		claimed[i] = r.ID
	}
	leased, release := l.leases.hold(ctx, batch.Token)
	defer release()
	return claimed, l.pipeline.Run(leased, l.pool, batch)
}
