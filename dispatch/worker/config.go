package worker

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/attachments"
	"github.com/carillon-notify/carillon/dispatch/delivery"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/telemetry"
	"github.com/carillon-notify/carillon/transports"
)

// Config is what a worker is made of.
type Config struct {
	// Transports carry the messages: one for every transport that the declarations use.
	Transports []transports.Transport
	// Senders is how many sends of a lane are under way at once. Every lane, that is a transport with one of critical,
	// default and bulk, has its own. Defaults to 32.
	Senders int
	// LaneSenders says otherwise for single lanes, named like "email_bulk"; 1 to 10,000.
	LaneSenders map[string]int
	// Batch is how many receipts are claimed together. Defaults to 200; fewer than 50 makes claiming costly.
	Batch int
	// Lease is how long a batch outlives its worker. It is renewed every third of it. Defaults to 15 s; at least 3 s.
	Lease time.Duration
	// PollInterval finds due receipts whose wake-up was lost. Defaults to 200 ms.
	PollInterval time.Duration
	// SendTimeout ends a send. Defaults to 180 s.
	SendTimeout time.Duration
	// Grace is how long [Worker.Run] lets sends finish once its context ends. What is claimed and not begun goes back at
	// once. Sends are cut up to 2 s before its end, to be recorded within it. Defaults to 30 s.
	Grace time.Duration
	// Retry replaces numbers of how failed sends are tried again, whatever the event's own retry says. Defaults to none.
	Retry flow.RetryPolicy
	// Delivery is for programs that are not to reach real people: redirect to one address, allow some, capture the rest.
	// Defaults to delivering.
	Delivery *delivery.Config
	// Attachments says where files are that go with messages, and how much goes along. Defaults to no folder, and the
	// limits of [attachments.Config].
	Attachments *attachments.Config
	// Name names the worker in leases. Defaults to host name and process id.
	Name string
	// Telemetry counts and traces what the worker does, and tells whether it is alive. Defaults to none.
	Telemetry *telemetry.Telemetry
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// poisonAfter is how many workers in a row a receipt may lose before it is set aside.
const poisonAfter = 3

func (c *Config) withDefaults() Config {
	var full Config
	if c != nil {
		full = *c
	}
	full.Batch = cmp.Or(full.Batch, 200)
	full.Senders = cmp.Or(full.Senders, 32)
	full.Lease = cmp.Or(full.Lease, 15*time.Second)
	full.PollInterval = cmp.Or(full.PollInterval, 200*time.Millisecond)
	full.Grace = cmp.Or(full.Grace, 30*time.Second)
	full.Logger = cmp.Or(full.Logger, slog.Default())
	if full.Name == "" {
		host, _ := os.Hostname()
		full.Name = fmt.Sprintf("%s/%d/%s", host, os.Getpid(), uuid.NewString()[:8])
	}
	return full
}

// validate reports everything that is wrong.
func (c *Config) validate(d *dispatch.Dispatcher) error {
	var problems []string
	var wired []string
	for _, t := range c.Transports {
		wired = append(wired, t.Name())
	}
	for _, name := range d.Registry().Transports() {
		if !slices.Contains(wired, name) {
			problems = append(problems, fmt.Sprintf("Config.Transports: channels use transport %q, which is not there", name))
		}
	}
	for _, lane := range slices.Sorted(maps.Keys(c.LaneSenders)) {
		if !isLane(d, lane) {
			problems = append(problems, fmt.Sprintf(
				"Config.LaneSenders: no channel can use lane %q (a transport that channels use, and _critical, _default or _bulk)", lane))
		}
		if n := c.LaneSenders[lane]; n < 1 || n > 10_000 {
			problems = append(problems, fmt.Sprintf("Config.LaneSenders[%q] is %d (1 to 10000)", lane, n))
		}
	}
	problems = append(problems, c.badAddresses(d)...)
	for _, wrong := range c.Delivery.Check(d.Registry().Specs()) {
		problems = append(problems, fmt.Sprintf("Config.Delivery: %s: %s", wrong.Key, wrong.Message))
	}
	problems = append(problems, c.badAttachments(d)...)
	if c.Batch < 1 || c.Batch > 1000 {
		problems = append(problems, fmt.Sprintf("Config.Batch is %d (1 to 1000)", c.Batch))
	}
	if c.Lease < 3*time.Second {
		problems = append(problems, fmt.Sprintf("Config.Lease is %s (at least 3s)", c.Lease))
	}
	if c.PollInterval < time.Millisecond {
		problems = append(problems, fmt.Sprintf("Config.PollInterval is %s (at least 1ms)", c.PollInterval))
	}
	if len(problems) > 0 {
		return fmt.Errorf("new worker: %s", strings.Join(problems, "; "))
	}
	return nil
}

// badAttachments looks for the folder that declarations refer to.
func (c *Config) badAttachments(d *dispatch.Dispatcher) []string {
	var problems []string
	for _, wrong := range c.Attachments.Check() {
		problems = append(problems, fmt.Sprintf("Config.Attachments: %s: %s", wrong.Key, wrong.Message))
	}
	if err := c.Attachments.CheckFolder(); err != nil {
		problems = append(problems, fmt.Sprintf("Config.Attachments: %s", err))
	}
	if event := d.Registry().RefersToFiles(); event != "" && (c.Attachments == nil || c.Attachments.Folder == "") {
		problems = append(problems, fmt.Sprintf("Config.Attachments: folder: event %s refers to files, and no folder is named", event))
	}
	return problems
}

// badAddresses asks the transports that can tell about the fixed addresses of their channels.
func (c *Config) badAddresses(d *dispatch.Dispatcher) []string {
	var problems []string
	for _, t := range c.Transports {
		checker, ok := t.(transports.AddressChecker)
		if !ok {
			continue
		}
		for _, e := range d.Registry().Events() {
			for _, channel := range e.Channels {
				if channel.Transport != t.Name() || channel.Fixed == "" {
					continue
				}
				if err := checker.CheckAddress(channel.Fixed); err != nil {
					problems = append(problems, fmt.Sprintf("event %s, channel %s: the fixed address %s", e.Name, channel.Name, err))
				}
			}
		}
	}
	return problems
}
