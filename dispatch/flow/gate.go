package flow

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carillon-notify/carillon/transports"
)

// DB is what the statements run on: a pool, a connection, or a transaction.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// stale is how old what a gate knows of breakers and holds may be.
const stale = time.Second

// Host is what has a breaker.
type Host struct {
	Transport string `json:"transport"`
	Account   string `json:"account,omitempty"`
	Host      string `json:"host"`
}

// Key is what has a budget.
type Key struct {
	Transport string `json:"transport"`
	Account   string `json:"account,omitempty"`
	Key       string `json:"key"`
}

// Route is where a message goes, with what it depends on there.
type Route struct {
	Host Host
	Key  Key
	Rate transports.Limit
}

// RouteOf is the route of a message over t. A transport that does not implement [transports.Router] has one for all.
func (g *Gate) RouteOf(t transports.Transport, m transports.Message) Route {
	var d transports.Destination
	if router, ok := t.(transports.Router); ok {
		d = router.Destination(m)
	}
	if d.Key == "" {
		d.Key = d.Host
	}
	d.Account = g.scope + d.Account
	return Route{
		Host: Host{Transport: t.Name(), Account: d.Account, Host: d.Host},
		Key:  Key{Transport: t.Name(), Account: d.Account, Key: d.Key},
		Rate: d.Rate,
	}
}

// Stop says why a message may not be sent now.
type Stop string

// The stops.
const (
	// Free is no stop.
	Free Stop = ""
	// StopBreaker waits for the destination to be well.
	StopBreaker Stop = "breaker"
	// StopRate waits for budget.
	StopRate Stop = "rate"
)

// Request asks for one send.
type Request struct {
	Route Route
	// Critical may use the share of the budget that is kept.
	Critical bool
	// Tried says that it failed before, so that it is not the best to probe with.
	Tried bool
	// Waited says that it was told to wait for budget before, and goes before those that were not.
	Waited bool
}

// Verdict answers a [Request].
type Verdict struct {
	Stop Stop
	// Wait is when to ask again, if there is a stop.
	Wait time.Duration
	// Probe says that this send decides whether its breaker closes.
	Probe bool
	// asked is when Postgres allowed it, and old when the token that came with it is; both zero without a rate.
	asked, old time.Time
}

// Config changes a [Gate].
type Config struct {
	// NowFunc replaces the clocks of the database and of this process in tests. Defaults to their own.
	NowFunc func() time.Time
	// Logger hears when a breaker opens and closes. Defaults to slog.Default().
	Logger *slog.Logger
	// Observer hears what the gate does, for metrics. Defaults to nobody.
	Observer Observer
	// Scope sets the accounts of this gate apart from those of others in the same database, for tests that leave their
	// transaction open: it would keep others waiting for its budgets. Defaults to none.
	Scope string
}

// Observer is told what a [Gate] does. It is called in the middle of it, must be quick, and must not call the gate.
type Observer interface {
	// BreakerChanged is what this process did to a breaker: one of the changes.
	BreakerChanged(transport, change string)
	// BreakerProbed means that this process was given a probe.
	BreakerProbed(transport string)
	// BudgetTaken is how many tokens this process took.
	BudgetTaken(transport string, tokens int)
}

// The changes of a breaker.
const (
	Opened   = "opened"
	Reopened = "reopened"
	Closed   = "closed"
)

// nobody is an observer that does not look.
type nobody struct{}

func (nobody) BreakerChanged(_, _ string)  {}
func (nobody) BreakerProbed(string)        {}
func (nobody) BudgetTaken(_ string, _ int) {}

// Gate decides for one process, together with the gates of the others. It is safe for concurrent use.
type Gate struct {
	nowFunc  func() time.Time
	scope    string
	logger   *slog.Logger
	observer Observer

	mu       sync.Mutex
	readAt   time.Time
	breakers map[Host]*breaker
	holds    map[Key]time.Time
	portions map[Key]portion
	events   []event
}

// New returns a gate that knows nothing yet. A nil config works.
func New(cfg *Config) *Gate {
	if cfg == nil {
		cfg = &Config{}
	}
	g := &Gate{
		nowFunc: cfg.NowFunc, logger: cfg.Logger, observer: cfg.Observer, scope: cfg.Scope,
		breakers: map[Host]*breaker{}, holds: map[Key]time.Time{}, portions: map[Key]portion{},
	}
	if g.logger == nil {
		g.logger = slog.Default()
	}
	if g.observer == nil {
		g.observer = nobody{}
	}
	return g
}

// clock is this process's own, of which only differences count.
func (g *Gate) clock() time.Time {
	if g.nowFunc != nil {
		return g.nowFunc()
	}
	return time.Now()
}

// now is the time that statements use; nil leaves it to the database.
func (g *Gate) now() *time.Time {
	if g.nowFunc == nil {
		return nil
	}
	t := g.nowFunc()
	return &t
}

// Admit decides about a batch whose lease is token: one verdict per request, in order. Put the most urgent first.
func (g *Gate) Admit(ctx context.Context, db DB, token uuid.UUID, requests []Request) ([]Verdict, error) {
	verdicts := make([]Verdict, len(requests))
	if len(requests) == 0 {
		return verdicts, nil
	}
	if err := g.refresh(ctx, db, stale); err != nil {
		return nil, err
	}
	ask, probes := g.sort(requests, verdicts)
	if err := g.take(ctx, db, requests, verdicts, ask); err != nil {
		return nil, err
	}
	if err := g.probe(ctx, db, token, verdicts, probes); err != nil {
		return nil, err
	}
	return verdicts, nil
}

// sort settles what needs no statement. It returns the requests that need a token, and for each breaker whose time is
// up the one request that may probe.
func (g *Gate) sort(requests []Request, verdicts []Verdict) (ask []int, probes map[Host]int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	probes = map[Host]int{}
	now := g.clock()
	held, shut := map[Key]int{}, map[Host]int{}
	prober := map[Host]int{}
	for i, r := range requests {
		if best, found := prober[r.Route.Host]; !found || requests[best].Tried && !r.Tried {
			prober[r.Route.Host] = i
		}
	}
	for i, r := range requests {
		if hold := g.holds[r.Route.Key].Sub(now); hold > 0 {
			verdicts[i] = Verdict{Stop: StopRate, Wait: hold + spreadHold(held[r.Route.Key], r.Route.Rate)}
			held[r.Route.Key]++
			continue
		}
		if b := g.breakers[r.Route.Host]; b != nil && b.open {
			wait := b.until.Sub(now)
			if wait > 0 || prober[r.Route.Host] != i {
				verdicts[i] = Verdict{Stop: StopBreaker, Wait: b.wait(wait, shut[r.Route.Host])}
				shut[r.Route.Host]++
				continue
			}
			probes[r.Route.Host] = i
		}
		if r.Route.Rate.Limited() {
			ask = append(ask, i)
		}
	}
	return ask, probes
}
