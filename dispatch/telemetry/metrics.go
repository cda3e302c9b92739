package telemetry

import "github.com/prometheus/client_golang/prometheus"

const namespace = "carillon"

// metrics are the instruments that a worker moves.
type metrics struct {
	attempts     *prometheus.CounterVec
	unclassified *prometheus.CounterVec
	sendTime     *prometheus.HistogramVec
	sendDelay    *prometheus.HistogramVec
	inFlight     *prometheus.GaugeVec
	sendSlots    *prometheus.GaugeVec
	claimed      *prometheus.HistogramVec
	finished     *prometheus.CounterVec
	undeclared   prometheus.Counter
	panicked     prometheus.Counter
	fenced       prometheus.Counter
	leasesLost   prometheus.Counter
	reclaimed    prometheus.Counter
	reconciled   prometheus.Counter
	promoted     prometheus.Counter
	waits        *prometheus.CounterVec
	waitTime     *prometheus.CounterVec
	changes      *prometheus.CounterVec
	probes       *prometheus.CounterVec
	tokens       *prometheus.CounterVec
}

func newMetrics() *metrics {
	return &metrics{
		attempts: counters("attempts_total",
			"Attempts, by what the answer meant; ok is an accepted message.", "transport", "class"),
		unclassified: counters("unclassified_errors_total",
			"Errors of a transport that no rule of its classification names; they count as transient.", "transport"),
		// From a row in the same database to the 180 s that a mail server may take.
		sendTime: histograms("send_duration_seconds", "How long one send took.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 180}, "transport"),
		sendDelay: histograms("send_delay_seconds",
			"From when a receipt was due, which is its event's transaction or the end of its delay, to the start of its first send.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200}, "transport", "priority"),
		inFlight:  gauges("sends_in_flight", "Sends that are under way.", "transport", "priority"),
		sendSlots: gauges("send_slots", "Sends of a lane that may be under way at once.", "transport", "priority"),
		claimed: histograms("claimed_receipts", "Receipts per claim.",
			[]float64{0, 1, 2, 5, 10, 20, 50, 100, 200, 500}, "transport", "priority"),
		finished: counters("receipts_finished_total",
			"Receipts that this worker recorded as finished.", "event", "transport", "state", "reason"),
		undeclared: counter("undeclared_receipts_total",
			"Looks at a receipt that waits for a worker which knows its event and channel."),
		panicked:   counter("panics_total", "Panics of transports and of functions of the application, contained."),
		fenced:     counter("results_fenced_total", "Results that came after their lease was lost, and had no effect."),
		leasesLost: counter("leases_lost_total", "Leases of this worker that were gone when it renewed them."),
		reclaimed:  counter("receipts_reclaimed_total", "Receipts that this worker took from a lost one."),
		reconciled: counter("receipts_reconciled_total", "Due receipts without an alarm to which this worker gave one."),
		promoted:   counter("jobs_promoted_total", "Scheduled jobs that this worker made fetchable when they were due."),
		waits: counters("send_waits_total",
			"Times that a receipt was told to wait before a send: for a budget (rate_limited) or a destination that is in trouble (breaker).",
			"transport", "reason"),
		waitTime: counters("send_wait_seconds_total", "For how long receipts were told to wait, in all.", "transport", "reason"),
		changes: counters("breaker_changes_total",
			"What this worker did to breakers: opened, reopened after a probe that failed, closed.", "transport", "change"),
		probes: counters("breaker_probes_total", "Sends of this worker that were to find out whether a destination is well.", "transport"),
		tokens: counters("budget_tokens_total", "Sends that budgets allowed this worker; what it did not use in time is counted.", "transport"),
	}
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.attempts, m.unclassified, m.sendTime, m.sendDelay, m.inFlight, m.sendSlots, m.claimed, m.finished,
		m.undeclared, m.panicked, m.fenced, m.leasesLost, m.reclaimed, m.reconciled, m.promoted,
		m.waits, m.waitTime, m.changes, m.probes, m.tokens,
	}
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help, Buckets: buckets,
	}, labels)
}
