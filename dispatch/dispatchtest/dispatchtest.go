// Package dispatchtest delivers inside a test's transaction: the real pipeline with a clock that the test moves, and
// transports in memory. No rule is left out and nothing is committed, so that a test sees whom an event reaches, whom it
// does not and why, and the finished text.
//
//	tx := dispatchtest.Tx(t)
//	kit := dispatchtest.New(t, tx, d)
//	kit.People("", people.Person{ID: "ada", Email: "ada@example.com"})
//	emitted, err := orders.TriggerTx(t.Context(), tx, CreateFromCart, order, nil)
//	kit.Deliver()
//	kit.Sent(transports.InApp)         // what went out, rendered
//	kit.Outcomes(emitted[0].EventID)   // in_app.user to ada: sent(accepted), email.user to ada: waiting(delayed)
//	kit.Advance(5 * time.Minute)       // what was delayed is due now
//
// [Tx] brings a migrated database if the test has none; any transaction in a migrated database will do. A rollback to a
// savepoint, or a [dispatch.Handle.Run] over the transaction that fails, leaves no receipt to deliver. See the example.
package dispatchtest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/attachments"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/inbox"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// maxInbox bounds how much of an inbox [Kit.Read] looks at.
const maxInbox = 1000

// Kit delivers the receipts of one transaction. It is for one goroutine.
type Kit struct {
	tb       testing.TB
	tx       pgx.Tx
	store    *receipts.Store
	pipeline *pipeline.Pipeline
	lanes    []string
	fakes    map[string]*transporttest.Fake
	inApp    *recorder
	now      time.Time
}

// Config changes a [Kit].
type Config struct {
	// Transports are used in place of fakes. Defaults to none.
	Transports []transports.Transport
	// Attachments says where files are that go with messages. Defaults to no folder.
	Attachments *attachments.Config
}

// New returns a kit over tx, which must be in a migrated database. The transports given are used; every other one
// that the declarations name is a [transporttest.Fake], except in_app, which is real. The clock starts at the
// transaction's now().
func New(tb testing.TB, tx pgx.Tx, d *dispatch.Dispatcher, given ...transports.Transport) *Kit {
	tb.Helper()
	return NewWith(tb, tx, d, &Config{Transports: given})
}

// NewWith is [New] with more to choose. A nil config works.
func NewWith(tb testing.TB, tx pgx.Tx, d *dispatch.Dispatcher, cfg *Config) *Kit {
	tb.Helper()
	if cfg == nil {
		cfg = &Config{}
	}
	given := cfg.Transports
	k := &Kit{tb: tb, tx: tx, fakes: map[string]*transporttest.Fake{}}
	k.check(tx.QueryRow(k.ctx(), sqlNow).Scan(&k.now))
	k.store = receipts.New(&receipts.Config{NowFunc: func() time.Time { return k.now }})
	all := slices.Clone(given)
	for _, spec := range d.Registry().Specs() {
		if slices.ContainsFunc(given, func(t transports.Transport) bool { return t.Name() == spec.Name }) {
			continue
		}
		if spec.Name == transports.InApp {
			k.inApp = &recorder{InDatabase: inapp.New()}
			all = append(all, k.inApp)
			continue
		}
		k.fakes[spec.Name] = transporttest.NewFake(spec.Name, &transporttest.FakeConfig{Spec: spec})
		all = append(all, k.fakes[spec.Name])
	}
	for _, name := range d.Registry().Transports() {
		for _, priority := range receipts.Priorities() {
			k.lanes = append(k.lanes, receipts.Lane(name, priority))
		}
	}
	p, err := pipeline.New(&pipeline.Config{
		Dispatcher: d, Transports: all, Store: k.store, Attachments: cfg.Attachments, Logger: slog.New(slog.DiscardHandler),
		Gate: flow.New(&flow.Config{
			NowFunc: func() time.Time { return k.now }, Logger: slog.New(slog.DiscardHandler), Scope: uuid.NewString() + "/",
		}),
	})
	k.check(err)
	k.pipeline = p
	return k
}

// Fake is the transport in memory that stands for the one called name; nil if a transport was given for it.
func (k *Kit) Fake(name string) *transporttest.Fake { return k.fakes[name] }

// Sent lists the messages that a transport accepted, in order. It fails the test for a transport that was given to
// [New], which keeps its own record, and for one that is unknown.
func (k *Kit) Sent(transport string) []transports.Message {
	k.tb.Helper()
	switch {
	case k.fakes[transport] != nil:
		return k.fakes[transport].Accepted()
	case transport == transports.InApp && k.inApp != nil:
		return slices.Clone(k.inApp.sent)
	}
	k.tb.Fatalf("dispatchtest: nothing in memory stands for transport %q", transport)
	return nil
}

// People stores people of a tenant in the built-in table, which is where they are looked for unless Config.People says
// otherwise. The tenant is "" in applications that have none.
func (k *Kit) People(tenant string, list ...people.Person) {
	k.tb.Helper()
	for _, p := range list {
		k.check(people.Set(k.ctx(), k.tx, tenant, p))
	}
}

// Read marks everything in a person's inbox as read, as [dispatch.SkipIfRead] asks for. It returns how many
// notifications were unread.
func (k *Kit) Read(tenant, person string) int {
	k.tb.Helper()
	list, err := inbox.List(k.ctx(), k.tx, tenant, person, maxInbox)
	k.check(err)
	ids := make([]uuid.UUID, len(list))
	for i, n := range list {
		ids[i] = n.ID
	}
	read, err := inbox.MarkRead(k.ctx(), k.tx, tenant, person, ids)
	k.check(err)
	return read
}

// Now is the kit's clock.
func (k *Kit) Now() time.Time { return k.now }

// Advance moves the clock and delivers what is due by then.
func (k *Kit) Advance(d time.Duration) {
	k.tb.Helper()
	k.now = k.now.Add(d)
	k.Deliver()
}

// Deliver runs the pipeline until no receipt is due.
func (k *Kit) Deliver() {
	k.tb.Helper()
	for {
		_, err := k.store.Promote(k.ctx(), k.tx, k.lanes)
		k.check(err)
		claimed := 0
		for _, lane := range k.lanes {
			batch, err := k.store.Claim(k.ctx(), k.tx, receipts.ClaimParams{
				Lane: lane, Own: []uuid.UUID{}, More: 1000, Lease: time.Hour, Worker: "dispatchtest",
			})
			k.check(err)
			if len(batch.Receipts) == 0 {
				continue
			}
			claimed += len(batch.Receipts)
			k.check(k.pipeline.Run(k.ctx(), k.tx, batch))
		}
		if claimed == 0 {
			return
		}
	}
}

// Receipts lists the receipts of an event in order of creation, without roots that became one receipt per recipient.
func (k *Kit) Receipts(event uuid.UUID) []receipts.Receipt {
	k.tb.Helper()
	all, err := k.store.OfEvent(k.ctx(), k.tx, event)
	k.check(err)
	return slices.DeleteFunc(all, func(r receipts.Receipt) bool { return r.State == receipts.Expanded })
}

// Outcomes says what became of an event, a line per receipt, sorted: "email.user to ada: skipped(opted_out)", in the
// words of carillon why. A receipt whose recipient is not found, or is nobody, is to "-".
func (k *Kit) Outcomes(event uuid.UUID) []string {
	k.tb.Helper()
	lines := []string{}
	for _, r := range k.Receipts(event) {
		line := fmt.Sprintf("%s to %s: %s", r.Channel, cmp.Or(r.Recipient, r.Address, "-"), r.State)
		if r.Reason != "" {
			line += fmt.Sprintf("(%s)", r.Reason)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// Attempts lists the tries of a receipt.
func (k *Kit) Attempts(receipt uuid.UUID) []receipts.Attempt {
	k.tb.Helper()
	attempts, err := k.store.Attempts(k.ctx(), k.tx, receipt)
	k.check(err)
	return attempts
}

// Decisions lists what the rules said about a receipt.
func (k *Kit) Decisions(receipt uuid.UUID) []receipts.Decision {
	k.tb.Helper()
	decisions, err := k.store.Decisions(k.ctx(), k.tx, receipt)
	k.check(err)
	return decisions
}

// ctx is the test's own context, which ends only when the test does.
func (k *Kit) ctx() context.Context { return k.tb.Context() }

func (k *Kit) check(err error) {
	k.tb.Helper()
	if err != nil {
		k.tb.Fatal(err)
	}
}
