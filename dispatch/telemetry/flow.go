package telemetry

import (
	"time"

	"github.com/carillon-notify/carillon/receipts"
)

// The changes of a breaker, as its gate names them.
var changes = []string{"opened", "reopened", "closed"}

// begin makes the series of a transport's breakers and budgets, all of them 0.
func (t *Telemetry) begin(transport string) {
	for _, change := range changes {
		t.changes.WithLabelValues(transport, change)
	}
	for _, reason := range []receipts.Reason{receipts.RateLimited, receipts.BreakerOpen} {
		t.waits.WithLabelValues(transport, string(reason))
		t.waitTime.WithLabelValues(transport, string(reason))
	}
	t.probes.WithLabelValues(transport)
	t.tokens.WithLabelValues(transport)
}

// Waits counts a receipt that was told to wait before a send, and for how long.
func (t *Telemetry) Waits(transport string, reason receipts.Reason, wait time.Duration) {
	if t == nil {
		return
	}
	t.waitTime.WithLabelValues(transport, string(reason)).Add(max(0, wait.Seconds()))
	t.waits.WithLabelValues(transport, string(reason)).Inc()
}

// BreakerChanged counts what this process did to a breaker: opened, reopened or closed.
func (t *Telemetry) BreakerChanged(transport, change string) {
	if t != nil {
		t.changes.WithLabelValues(transport, change).Inc()
	}
}

// BreakerProbed counts a probe that this process was given.
func (t *Telemetry) BreakerProbed(transport string) {
	if t != nil {
		t.probes.WithLabelValues(transport).Inc()
	}
}

// BudgetTaken counts tokens that this process took from a budget.
func (t *Telemetry) BudgetTaken(transport string, tokens int) {
	if t != nil {
		t.tokens.WithLabelValues(transport).Add(float64(tokens))
	}
}
