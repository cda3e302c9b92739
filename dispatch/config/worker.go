package config

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/transports"
)

// MonitorOff is the address of a monitor that is not wanted.
const MonitorOff = "off"

// Worker is the section worker, field by field what dispatch/worker's Config takes, and what its command needs. Zero
// means its default.
type Worker struct {
	// Senders is how many sends of a lane are under way at once.
	Senders int `yaml:"senders"`
	// LaneSenders says otherwise for single lanes: a transport, and _critical, _default or _bulk.
	LaneSenders map[string]int `yaml:"lane_senders"`
	// Batch is how many receipts are claimed together; at most 1000.
	Batch int `yaml:"batch"`
	// Lease is how long a batch outlives its worker; at least 3s.
	Lease time.Duration `yaml:"lease"`
	// PollInterval finds due receipts whose wake-up was lost; at least 1ms.
	PollInterval time.Duration `yaml:"poll_interval"`
	// SendTimeout ends a send.
	SendTimeout time.Duration `yaml:"send_timeout"`
	// Grace is how long sends may finish after the worker is told to stop.
	Grace time.Duration `yaml:"grace"`
	// Retry says when a failed send is tried again.
	Retry Retry `yaml:"retry"`
	// Monitor is the host:port at which /healthz, /readyz and /metrics are answered, to whoever asks; or off. The flag
	// --monitor goes before it. Defaults to 127.0.0.1:9464, if that is free.
	Monitor string `yaml:"monitor"`
}

// Retry is the section worker.retry, field by field a flow.RetryPolicy. Zero means that of the
// event's retry.
type Retry struct {
	// Base is the first wait.
	Base time.Duration `yaml:"base"`
	// Cap bounds every wait.
	Cap time.Duration `yaml:"cap"`
	// Deadline ends the trying.
	Deadline time.Duration `yaml:"deadline"`
	// MaxAttempts ends the trying; at most 1000.
	MaxAttempts int `yaml:"max_attempts"`
}

// checkWorker finds here what the worker would refuse or silently bend, because only here it has a place.
func (l *loader) checkWorker() {
	w := l.doc.Worker
	for _, c := range []struct {
		key         string
		value, most int
	}{
		{"senders", w.Senders, 10_000},
		{"batch", w.Batch, 1000},
		{"retry.max_attempts", w.Retry.MaxAttempts, 1000},
	} {
		if c.value < 0 || c.value > c.most {
			l.refuse("worker."+c.key, "%d is out of range (1 to %d; 0 is the default)", c.value, c.most)
		}
	}
	if _, port, err := net.SplitHostPort(w.Monitor); w.Monitor != "" && w.Monitor != MonitorOff && (err != nil || !isPort(port)) {
		l.refuse("worker.monitor", "%q is no address (host:port, or off)", w.Monitor)
	}
	for _, lane := range slices.Sorted(maps.Keys(w.LaneSenders)) {
		key := "worker.lane_senders." + lane
		if n := w.LaneSenders[lane]; n < 1 || n > 10_000 {
			l.refuse(key, "%d is out of range (1 to 10000)", n)
		}
		at := max(strings.LastIndex(lane, "_"), 0)
		transport, class := lane[:at], strings.TrimPrefix(lane[at:], "_")
		_, used := l.doc.Transports[transport]
		used = used || transport == transports.InApp
		if !used || !slices.Contains([]string{"critical", "default", "bulk"}, class) {
			l.refuse(key, "unknown lane (a transport of this file, and _critical, _default or _bulk)")
		}
	}
	for _, c := range []struct {
		key   string
		value time.Duration
		least time.Duration
	}{
		{"lease", w.Lease, 3 * time.Second},
		{"poll_interval", w.PollInterval, time.Millisecond},
		{"send_timeout", w.SendTimeout, time.Millisecond},
		{"grace", w.Grace, time.Millisecond},
		{"retry.base", w.Retry.Base, time.Millisecond},
		{"retry.cap", w.Retry.Cap, time.Millisecond},
		{"retry.deadline", w.Retry.Deadline, time.Millisecond},
	} {
		if c.value != 0 && c.value < c.least {
			l.refuse("worker."+c.key, "%s is too short (at least %s; 0 is the default)", c.value, c.least)
		}
	}
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}
