package worker

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/receipts"
)

// lanesEvery is how often the data is asked for lanes that no declaration names.
const lanesEvery = time.Second

// lanes are those that this worker serves. They grow.
type lanes struct {
	mu   sync.Mutex
	byID map[string]*lane
}

func newLanes() *lanes { return &lanes{byID: map[string]*lane{}} }

func (l *lanes) get(name string) (*lane, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, known := l.byID[name]
	return found, known
}

func (l *lanes) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.byID))
}

// lanesOf lists the lanes that the declarations use by themselves: each costs connections and polls.
func lanesOf(d *dispatch.Dispatcher) []string {
	var names []string
	for _, event := range d.Registry().Events() {
		for _, channel := range event.Channels {
			names = append(names, receipts.Lane(channel.Transport, event.Priority))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// isLane reports whether a receipt of the declarations can come into the lane, if need be because an emit says so.
func isLane(d *dispatch.Dispatcher, name string) bool {
	for _, transport := range d.Registry().Transports() {
		for _, priority := range receipts.Priorities() {
			if name == receipts.Lane(transport, priority) {
				return true
			}
		}
	}
	return false
}

// add makes a lane.
func (w *Worker) add(name string) error {
	w.cfg.Telemetry.Lane(name, cmp.Or(w.cfg.LaneSenders[name], w.cfg.Senders))
	p, err := pipeline.New(&pipeline.Config{
		Dispatcher: w.dispatcher, Transports: w.cfg.Transports, Store: w.store,
		Senders: cmp.Or(w.cfg.LaneSenders[name], w.cfg.Senders), Stop: w.stopping,
		SendTimeout: w.cfg.SendTimeout, Retry: w.cfg.Retry, Gate: w.gate, Delivery: w.cfg.Delivery, Attachments: w.cfg.Attachments, Telemetry: w.cfg.Telemetry, Logger: w.cfg.Logger,
	})
	if err != nil {
		return err
	}
	w.lanes.mu.Lock()
	defer w.lanes.mu.Unlock()
	w.lanes.byID[name] = newLane(w, name, p)
	return nil
}

// queue is how River serves a lane. Its default cooldown of 100 ms would cap a lane at ten fetches a second.
func (w *Worker) queue() river.QueueConfig {
	return river.QueueConfig{
		MaxWorkers: laneJobs, FetchCooldown: time.Millisecond, FetchPollInterval: w.cfg.PollInterval,
	}
}

// discover adds the lanes of jobs that an emit put elsewhere than its declaration says.
func (w *Worker) discover(ctx context.Context) error {
	used, err := w.store.Lanes(ctx, w.pool)
	if err != nil {
		return err
	}
	for _, name := range used {
		if _, known := w.lanes.get(name); known || !isLane(w.dispatcher, name) {
			continue
		}
		if err := w.add(name); err != nil {
			return err
		}
		if err := w.client.Queues().Add(name, w.queue()); err != nil {
			return err
		}
	}
	return nil
}
