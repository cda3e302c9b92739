package telemetry

import (
	"slices"
	"strings"
	"time"
)

// Limits of health. Every lane is looked at five times a second or more, and the upkeep runs every second.
const (
	// LaneLimit is how long a lane may go without a look while the database answers. A send that takes its whole
	// deadline holds up nothing, but its batch does: the limit is above the 180 s of a send.
	LaneLimit = 5 * time.Minute
	// PulseLimit is how long the upkeep may go without an answer from the database, or an error.
	PulseLimit = time.Minute
)

// pulse is what the upkeep, which runs every second, knows of the database.
type pulse struct {
	// beat is when it last ended, well or not.
	beat time.Time
	// since is from when on the database has answered every time; zero while it does not.
	since time.Time
}

// Looked notes that a lane was looked at for work, by us or by River.
func (t *Telemetry) Looked(lane string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lanes[lane] = t.nowFunc()
}

// Beat notes that the upkeep ran, and whether the database answered.
func (t *Telemetry) Beat(err error) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pulse.beat = t.nowFunc()
	switch {
	case err != nil:
		t.pulse.since = time.Time{}
	case t.pulse.since.IsZero():
		t.pulse.since = t.pulse.beat
	}
}

// LaneHealth is how one lane is.
type LaneHealth struct {
	// Lane is the name of its queue.
	Lane string
	// Age is how long ago it was last looked at.
	Age time.Duration
	// Stuck is set if that is too long, although the database answers.
	Stuck bool
}

// Health is how a worker is.
type Health struct {
	// Started is set once the upkeep has reached the database and there are lanes.
	Started bool
	// Stuck is set if the upkeep does not come back. A database that answers with errors does not make it so: a worker
	// that waits for its database is alive, and starting it anew would help nobody.
	Stuck bool
	// Lanes are all lanes, by name.
	Lanes []LaneHealth
}

// Alive reports whether nothing is stuck.
func (h Health) Alive() bool {
	return !h.Stuck && !slices.ContainsFunc(h.Lanes, func(l LaneHealth) bool { return l.Stuck })
}

// Health judges by what the worker has reported. Before it began, nothing is stuck.
func (t *Telemetry) Health() Health {
	if t == nil {
		return Health{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.nowFunc()
	h := Health{
		Started: !t.pulse.since.IsZero() && len(t.lanes) > 0,
		Stuck:   !t.pulse.beat.IsZero() && now.Sub(t.pulse.beat) > PulseLimit,
	}
	for name, looked := range t.lanes {
		lane := LaneHealth{Lane: name, Age: now.Sub(looked)}
		// Without its database a lane cannot look, so its time runs only while that answers.
		lane.Stuck = !t.pulse.since.IsZero() && lane.Age > LaneLimit && now.Sub(t.pulse.since) > LaneLimit
		h.Lanes = append(h.Lanes, lane)
	}
	slices.SortFunc(h.Lanes, func(a, b LaneHealth) int { return strings.Compare(a.Lane, b.Lane) })
	return h
}
