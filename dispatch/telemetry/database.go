package telemetry

import (
	"cmp"
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-notify/carillon/receipts"
)

// Querier is what the questions run on: a pool.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// DatabaseConfig changes a [Database].
type DatabaseConfig struct {
	// Every is how long an answer serves further scrapes. Defaults to 10 s.
	Every time.Duration
	// Timeout ends a question to the database. Defaults to 2 s.
	Timeout time.Duration
	// Window is how many live receipts, and jobs of a lane, are counted at most, the longest due first. Defaults to
	// 20,000, which takes some 20 ms.
	Window int
	// NowFunc is the clock of Every. Defaults to [time.Now].
	NowFunc func() time.Time
}

// Database is a collector of what only the database knows. Every worker may have one: they say the same, so take the
// max over instances.
type Database struct {
	db    Querier
	cfg   DatabaseConfig
	lanes lanes

	mu    sync.Mutex
	asked time.Time
	last  []prometheus.Metric
}

var _ prometheus.Collector = (*Database)(nil)

// lanes are the columns that the statement takes.
type lanes struct {
	names, transports []string
	priorities        []int16
}

// NewDatabase returns a collector for the lanes of these transports; other transports are counted under an empty name,
// because their names are whatever somebody emitted. A nil config works.
func NewDatabase(db Querier, transports []string, config *DatabaseConfig) *Database {
	var cfg DatabaseConfig
	if config != nil {
		cfg = *config
	}
	cfg.Every = cmp.Or(cfg.Every, 10*time.Second)
	cfg.Timeout = cmp.Or(cfg.Timeout, 2*time.Second)
	cfg.Window = cmp.Or(cfg.Window, 20_000)
	if cfg.NowFunc == nil {
		cfg.NowFunc = time.Now
	}
	d := &Database{db: db, cfg: cfg}
	for _, transport := range transports {
		for _, priority := range receipts.Priorities() {
			d.lanes.names = append(d.lanes.names, receipts.Lane(transport, priority))
			d.lanes.transports = append(d.lanes.transports, transport)
			d.lanes.priorities = append(d.lanes.priorities, int16(priority))
		}
	}
	return d
}

// The metrics of the database.
var (
	descUp    = desc("database_up", "Whether the database answered the last question, within the time set for it.")
	descDue   = desc("oldest_due_age_seconds", "For how long the longest waiting receipt of a lane has been due.", "transport", "priority")
	descLive  = desc("live_receipts", "Receipts that are not finished; at most as many as the window are counted.", "state", "reason")
	descJobs  = desc("river_jobs_available", "Jobs that River may fetch; at most as many as the window are counted.", "transport", "priority")
	descLease = desc("oldest_lease_age_seconds", "How long ago the oldest batch that is under way was claimed.")
	descOver  = desc("oldest_lease_overdue_seconds", "For how long the oldest expired lease has not been reclaimed.")
	descDead  = desc("dead_tuples", "Dead rows that a vacuum has yet to remove, as Postgres estimates.", "table")
	descRatio = desc("dead_tuple_ratio", "Dead rows as a share of all rows.", "table")
	descQueue = desc("notify_queue_usage_ratio", "How full the server's queue of notifications is.")
	descBreak = desc("breakers", "Destinations that are in trouble; one that is well has a closed breaker and is in neither state.",
		"transport", "state")
	descHeld = desc("budgets_held", "Budgets that wait because a provider asked for patience.", "transport")
	descXmin = desc("oldest_xmin_age_seconds", "For how long the oldest transaction has kept a vacuum from removing dead rows.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// Describe says what there is.
func (d *Database) Describe(out chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{
		descUp, descDue, descLive, descJobs, descLease, descOver, descDead, descRatio, descQueue, descXmin,
		descBreak, descHeld,
	} {
		out <- one
	}
}

// Collect asks the database, or repeats what it said a moment ago. If it does not answer in time, only
// carillon_database_up is given.
func (d *Database) Collect(out chan<- prometheus.Metric) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := d.cfg.NowFunc(); d.asked.IsZero() || now.Sub(d.asked) >= d.cfg.Every {
		d.last = d.ask()
		d.asked = now
	}
	for _, m := range d.last {
		out <- m
	}
}

func (d *Database) ask() []prometheus.Metric {
	ctx, cancel := context.WithTimeout(context.Background(), d.cfg.Timeout)
	defer cancel()
	all, err := d.watch(ctx)
	if err != nil {
		return []prometheus.Metric{gauge(descUp, 0)}
	}
	return append(all, gauge(descUp, 1))
}

func (d *Database) watch(ctx context.Context) ([]prometheus.Metric, error) {
	rows, err := d.db.Query(ctx, sqlWatch, pgx.StrictNamedArgs{
		"lanes": d.lanes.names, "transports": d.lanes.transports, "priorities": d.lanes.priorities, "window": d.cfg.Window,
	})
	if err != nil {
		return nil, err
	}
	var all []prometheus.Metric
	var what, a, b string
	var value float64
	_, err = pgx.ForEachRow(rows, []any{&what, &a, &b, &value}, func() error {
		all = append(all, measured(what, a, b, value))
		return nil
	})
	return all, err
}

func measured(what, a, b string, value float64) prometheus.Metric {
	switch what {
	case "due":
		return gauge(descDue, value, a, priorityName(b))
	case "jobs":
		return gauge(descJobs, value, a, priorityName(b))
	case "live":
		return gauge(descLive, value, a, b)
	case "lease":
		return gauge(descLease, value)
	case "overdue":
		return gauge(descOver, value)
	case "dead":
		return gauge(descDead, value, a)
	case "ratio":
		return gauge(descRatio, value, a)
	case "breaker":
		return gauge(descBreak, value, a, b)
	case "held":
		return gauge(descHeld, value, a)
	case "notify":
		return gauge(descQueue, value)
	}
	return gauge(descXmin, value)
}

func priorityName(number string) string {
	n, _ := strconv.Atoi(number) // The statement made it of a number.
	return receipts.Priority(n).String()
}

func gauge(d *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}
