// Package doctor asks a database whether it is fit for Carillon, and says the way out of what is not.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/migrations"
)

// Status is what a check found.
type Status string

// The statuses.
const (
	// OK is as it should be.
	OK Status = "ok"
	// Warn works, and should be looked at.
	Warn Status = "warn"
	// Fail does not work.
	Fail Status = "fail"
)

// Finding is the result of one check.
type Finding struct {
	// Check names it.
	Check string `json:"check"`
	// Status is how it ended.
	Status Status `json:"status"`
	// Found says what there is.
	Found string `json:"found"`
	// WayOut says what to do about it; empty if there is nothing to do.
	WayOut string `json:"way_out,omitempty"`
}

// MinVersion is the oldest server that Carillon works with, as server_version_num.
const MinVersion = 150000

// Limits past which a check warns.
const (
	maxSkew        = 2 * time.Second
	maxBacklog     = time.Minute
	maxLease       = time.Minute
	maxTransaction = 5 * time.Minute
	// maxDead counts only where there are more dead rows than leastDead: a small table is never clean.
	maxDead, leastDead = 0.3, 10_000
	maxNotify          = 0.1
)

// Limits are those past which a check of the load warns. Zero means the default.
type Limits struct {
	// Transaction is how long a transaction may be open that keeps a vacuum from its work. Defaults to 5 min.
	Transaction time.Duration
	// DeadShare is the share of a table that may be dead rows, if those are more than DeadRows. Default to 0.3 and 10,000.
	DeadShare float64
	DeadRows  int64
	// NotifyQueue is how full the server's queue of notifications may be. Defaults to 0.1.
	NotifyQueue float64
}

// Config changes [Examine].
type Config struct {
	// NowFunc is the clock of this machine. Defaults to [time.Now].
	NowFunc func() time.Time
	// Limits replaces some of the limits past which a check warns. Defaults to none.
	Limits Limits
}

// Examine makes every check, and only reads. What is in the schema is not looked at unless the schema fits this program.
func Examine(ctx context.Context, pool *pgxpool.Pool, cfg *Config) []Finding {
	x := &examination{pool: pool, nowFunc: time.Now}
	if cfg != nil {
		x.limits = cfg.Limits
		if cfg.NowFunc != nil {
			x.nowFunc = cfg.NowFunc
		}
	}
	x.server(ctx)
	x.clock(ctx)
	if !x.schema(ctx) {
		return x.found
	}
	x.partitions(ctx)
	x.backlog(ctx)
	x.leases(ctx)
	x.breakers(ctx)
	x.push(ctx)
	x.load(ctx)
	x.jobs(ctx)
	x.workers(ctx)
	return x.found
}

// examination collects what is found.
type examination struct {
	pool    *pgxpool.Pool
	nowFunc func() time.Time
	limits  Limits
	found   []Finding
}

func (x *examination) add(check string, status Status, found, wayOut string) {
	x.found = append(x.found, Finding{Check: check, Status: status, Found: found, WayOut: wayOut})
}

// judge adds ok, or what is wrong with the way out.
func (x *examination) judge(check string, fine bool, otherwise Status, found, wayOut string) {
	if fine {
		x.add(check, OK, found, "")
		return
	}
	x.add(check, otherwise, found, wayOut)
}

// ask runs a query, and adds a failure if that is impossible.
func (x *examination) ask(ctx context.Context, check, sql string, into ...any) bool {
	if err := x.pool.QueryRow(ctx, sql).Scan(into...); err != nil {
		x.add(check, Fail, "cannot be asked: "+err.Error(), "let the role read the schema carillon")
		return false
	}
	return true
}

func (x *examination) server(ctx context.Context) {
	conn, err := x.pool.Acquire(ctx)
	if err != nil {
		x.add("server version", Fail, "no connection: "+err.Error(), "look at the server's log")
		return
	}
	defer conn.Release()
	var version int
	var name, fsync, pages, commit string
	var pid uint32
	if err := conn.QueryRow(ctx, sqlServer).Scan(&version, &name, &fsync, &pages, &commit, &pid); err != nil {
		x.add("server version", Fail, "cannot be asked: "+err.Error(), "look at the server's log")
		return
	}
	x.judge("server version", version >= MinVersion, Fail, "PostgreSQL "+name,
		fmt.Sprintf("upgrade to %d or later", MinVersion/10000))
	x.judge("pooler", pid == conn.Conn().PgConn().PID(), Warn, pooled(pid == conn.Conn().PgConn().PID()),
		"make sure that it pools sessions, not transactions, or give workers and migrations the server's own address")
	for _, s := range []struct{ name, value string }{
		{"fsync", fsync}, {"full_page_writes", pages}, {"synchronous_commit", commit},
	} {
		x.judge(s.name, s.value != "off", Warn, s.value, "switch it on: a crash of the server can lose what was committed")
	}
}

func pooled(direct bool) string {
	if direct {
		return "none in between"
	}
	return "another process answers for the server"
}

func (x *examination) clock(ctx context.Context) {
	before := x.nowFunc()
	var there time.Time
	if !x.ask(ctx, "clock", sqlClock, &there) {
		return
	}
	took := x.nowFunc().Sub(before)
	skew := there.Sub(before.Add(took / 2)).Abs().Round(time.Millisecond)
	x.judge("clock", skew <= maxSkew+took/2, Warn, skew.String()+" between the server and here", "synchronise both with NTP")
}

// schema reports whether the rest can be asked.
func (x *examination) schema(ctx context.Context) bool {
	all, err := migrations.Status(ctx, x.pool)
	if err != nil {
		x.add("schema", Fail, err.Error(), "let the role read the schema carillon")
		return false
	}
	if err := migrations.Check(ctx, x.pool); err != nil {
		wayOut := "carillon migrate up"
		if tooNew, ok := errors.AsType[*migrations.TooNewError](err); ok {
			wayOut = fmt.Sprintf("use a carillon of level %d or above", tooNew.Schema)
		}
		x.add("schema", Fail, err.Error(), wayOut)
		return false
	}
	for _, s := range []struct {
		check  string
		source migrations.Source
	}{{"schema", migrations.SourceCarillon}, {"river", migrations.SourceRiver}} {
		var level int64
		known := true
		for _, m := range all {
			if m.Source == s.source {
				level, known = max(level, m.Version), known && m.Known()
			}
		}
		found := fmt.Sprintf("level %d", level)
		if !known {
			found += ", made by a newer carillon"
		}
		x.judge(s.check, known, Warn, found, "upgrade this carillon, too, when the others are")
	}
	return true
}

func (x *examination) partitions(ctx context.Context) {
	const check, wayOut = "partitions", "start a worker, which makes them and empties the default ones"
	var missing, filled []string
	if !x.ask(ctx, check, sqlMissingPartitions, &missing) || !x.ask(ctx, check, sqlFilledDefaults, &filled) {
		return
	}
	found := "there for this month and the next, and the default ones empty"
	if len(missing)+len(filled) > 0 {
		var parts []string
		for _, p := range []struct {
			what  string
			names []string
		}{{"missing", missing}, {"not empty", filled}} {
			if len(p.names) > 0 {
				parts = append(parts, p.what+": "+strings.Join(p.names, ", "))
			}
		}
		found = strings.Join(parts, "; ")
	}
	x.judge(check, len(slices.Concat(missing, filled)) == 0, Warn, found, wayOut)
}

func (x *examination) backlog(ctx context.Context) {
	var due int64
	var seconds float64
	if !x.ask(ctx, "due receipts", sqlBacklog, &due, &seconds) {
		return
	}
	found := "none"
	age := toDuration(seconds)
	if due > 0 {
		found = fmt.Sprintf("%d, the oldest for %s", due, age)
	}
	x.judge("due receipts", age <= maxBacklog, Warn, found, "start a worker that has their transports, or more of them")
}

func (x *examination) leases(ctx context.Context) {
	var expired int64
	var oldest float64
	if !x.ask(ctx, "leases", sqlLeases, &expired, &oldest) {
		return
	}
	x.judge("leases", expired == 0, Warn, fmt.Sprintf("%d expired", expired), "start a worker, which reclaims them")
	age := toDuration(oldest)
	found := "no batch is under way"
	if age > 0 {
		found = "the oldest batch is under way for " + age.String()
	}
	x.judge("batches", age <= maxLease, Warn, found,
		"look for a destination that answers slowly (carillon_send_duration_seconds), and shorten worker.send_timeout")
}

func (x *examination) breakers(ctx context.Context) {
	var open int64
	var which string
	if !x.ask(ctx, "breakers", sqlOpenBreakers, &open, &which) {
		return
	}
	found := "all are closed"
	if open > 0 {
		found = "open: " + which
	}
	x.judge("breakers", open == 0, Warn, found,
		"carillon breakers list says why; mend the destination or our credentials, and a probe closes them")
}

func (x *examination) push(ctx context.Context) {
	var active, refused int64
	if !x.ask(ctx, "push", sqlPush, &active, &refused) {
		return
	}
	found := fmt.Sprintf("%d subscriptions", active+refused)
	if refused > 0 {
		found += fmt.Sprintf(", of which push services refuse our keys for %d", refused)
	}
	x.judge("push", refused == 0, Warn, found,
		"look whether transports.web_push.private_key is that of the pages; carillon subscriptions activate tries again")
}

func (x *examination) jobs(ctx context.Context) {
	var lost int64
	if x.ask(ctx, "jobs", sqlLostJobs, &lost) {
		x.judge("jobs", lost == 0, Warn, fmt.Sprintf("%d without a receipt", lost),
			"look for whoever deletes receipts; workers drop such jobs")
	}
}

func (x *examination) workers(ctx context.Context) {
	var here bool
	var last *time.Time
	if !x.ask(ctx, "workers", sqlWorkers, &here, &last) {
		return
	}
	found := "at least one runs"
	if !here {
		found = "no worker seen"
		if last != nil {
			found += " since " + last.UTC().Format("2006-01-02 15:04:05Z")
		}
	}
	x.judge("workers", here, Warn, found, "start one: carillon worker")
}
