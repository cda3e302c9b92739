package telemetry

import (
	"cmp"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/carillon-notify/carillon/receipts"
)

// Config is what a telemetry reports to.
type Config struct {
	// Metrics takes the metrics. Defaults to nowhere.
	Metrics prometheus.Registerer
	// Traces makes the span of every attempt. Defaults to none.
	Traces trace.TracerProvider
	// NowFunc is the clock of [Telemetry.Health]. Defaults to [time.Now].
	NowFunc func() time.Time
}

// Telemetry counts, traces, and remembers when each lane was last looked at. It is safe for concurrent use. The methods
// of a nil Telemetry do nothing.
type Telemetry struct {
	*metrics
	tracer  trace.Tracer
	nowFunc func() time.Time

	mu    sync.Mutex
	lanes map[string]time.Time
	pulse pulse
}

// scope names the instrumentation in spans.
const scope = "github.com/carillon-notify/carillon/dispatch/telemetry"

// New returns a telemetry, with its metrics registered. It returns an error if the registerer refuses one, as it does
// when two workers of one process are given the same. A nil config works.
func New(config *Config) (*Telemetry, error) {
	var cfg Config
	if config != nil {
		cfg = *config
	}
	if cfg.NowFunc == nil {
		cfg.NowFunc = time.Now
	}
	t := &Telemetry{metrics: newMetrics(), nowFunc: cfg.NowFunc, lanes: map[string]time.Time{}}
	t.tracer = cmp.Or[trace.TracerProvider](cfg.Traces, noop.NewTracerProvider()).Tracer(scope)
	if cfg.Metrics != nil {
		for _, c := range t.collectors() {
			if err := cfg.Metrics.Register(c); err != nil {
				return nil, fmt.Errorf("register metrics: %w", err)
			}
		}
	}
	return t, nil
}

// Lane announces a lane and how many sends of it may be under way at once. From now on it counts as alive only if
// [Telemetry.Looked] is called for it.
func (t *Telemetry) Lane(name string, slots int) {
	if t == nil {
		return
	}
	transport, priority := receipts.SplitLane(name)
	t.sendSlots.WithLabelValues(transport, priority).Set(float64(slots))
	// Series that are there from the start can be asked for their rate at the first event.
	t.inFlight.WithLabelValues(transport, priority)
	t.unclassified.WithLabelValues(transport)
	t.begin(transport)
	t.Looked(name)
}

// Claimed counts one claim in a lane and how many receipts it got, perhaps none.
func (t *Telemetry) Claimed(lane string, n int) {
	if t == nil {
		return
	}
	transport, priority := receipts.SplitLane(lane)
	t.claimed.WithLabelValues(transport, priority).Observe(float64(n))
	t.Looked(lane)
}

// Finished counts a receipt that this process brought to a terminal state. The event must be a declared one, or empty.
func (t *Telemetry) Finished(event, transport string, state receipts.State, reason receipts.Reason) {
	if t == nil {
		return
	}
	t.finished.WithLabelValues(event, transport, string(state), string(reason)).Inc()
}

// Undeclared counts a look at a receipt that no declaration of this process explains.
func (t *Telemetry) Undeclared() {
	if t != nil {
		t.undeclared.Inc()
	}
}

// Panicked counts a panic of a function that is not ours.
func (t *Telemetry) Panicked() {
	if t != nil {
		t.panicked.Inc()
	}
}

// Fenced counts a result that came after its lease was lost.
func (t *Telemetry) Fenced() {
	if t != nil {
		t.fenced.Inc()
	}
}

// LeaseLost counts a lease that somebody else ended.
func (t *Telemetry) LeaseLost() {
	if t != nil {
		t.leasesLost.Inc()
	}
}

// Reclaimed counts receipts that were taken from lost workers.
func (t *Telemetry) Reclaimed(n int) {
	if t != nil {
		t.reclaimed.Add(float64(n))
	}
}

// Reconciled counts receipts without an alarm that got a new one.
func (t *Telemetry) Reconciled(n int) {
	if t != nil {
		t.reconciled.Add(float64(n))
	}
}

// Promoted counts jobs that became due.
func (t *Telemetry) Promoted(n int) {
	if t != nil {
		t.promoted.Add(float64(n))
	}
}
