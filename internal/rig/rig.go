package rig

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/transports"
)

// Answer is how a stand-in answers.
type Answer int

// The answers.
const (
	// Accept takes responsibility for the message.
	Accept Answer = iota
	// Refuse is the provider's word that the message is wrong: 400, or 554 of a mail server. It quotes all that it was sent.
	Refuse
	// Fail is the provider's word that it is not well: 503, or 451. It quotes all that it was sent.
	Fail
	// Lose takes the message and ends the connection in place of an answer.
	Lose
	// Hang never answers.
	Hang
	// Scripted is the answer of [Rig.Script].
	Scripted
)

// Reply is one answer over HTTP.
type Reply struct {
	Status int
	Header map[string]string
	Body   string
}

// Canaries are what must be found nowhere but where it belongs.
const (
	// Credential is part of every secret that a rig is configured with.
	Credential = "CANARYcredential4711"
	// Private is part of every address, and of whatever else is about the recipient.
	Private = "canaryprivate4712"
)

// Rig is a transport, and the stand-in that it sends to.
type Rig struct {
	// Transport is the transport itself.
	Transport transports.Transport
	// Address is one that the stand-in knows; Other is another one. Both are empty if people are reached by id.
	Address, Other string
	// Options are those that a channel has to have; nil if none.
	Options any
	// Ways maps the tables of package classify to addresses at which they decide, for transports that have several.
	Ways map[string]string
	// Secrets are credentials that have no room for [Credential]; it is part of all others.
	Secrets []string
	// SQL reads what arrived, for transports that write into the database; empty for the others.
	SQL string

	mu     sync.Mutex
	answer Answer
	reply  Reply
	got    []string
	// raw replaces got for a stand-in that keeps messages itself.
	raw  func() []string
	hung chan struct{}
}

// makers has a maker for each transport of the registry.
var makers = map[string]func(testing.TB, *Rig, *pgxpool.Pool){
	transports.Email: email, transports.Slack: slackBot, transports.Discord: discordBot, transports.SMS: twilio,
	transports.InApp: inApp, transports.Broadcast: signals, transports.Webhook: fixedURL, transports.Job: jobs,
	transports.WebPush: push, transports.Bridge: bridged,
}

// New sets up the transport called name. It fails the test for one that has no rig. pool is a migrated database of the test's own.
func New(tb testing.TB, name string, pool *pgxpool.Pool) *Rig {
	tb.Helper()
	make, known := makers[name]
	if !known {
		tb.Fatalf("transport %s has no rig (add it to internal/rig, so that the tests of all transports find it)", name)
	}
	r := &Rig{hung: newGate()}
	tb.Cleanup(func() { close(r.hung) })
	make(tb, r, pool)
	tb.Cleanup(func() {
		if closer, ok := r.Transport.(transports.Closer); ok {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_ = closer.Close(ctx) // Whatever hangs is cut off.
		}
	})
	return r
}

func newGate() chan struct{} { return make(chan struct{}) }

// Set changes how the stand-in answers from now on.
func (r *Rig) Set(a Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = a
}

// Script changes how a stand-in of a service over HTTP answers from now on.
func (r *Rig) Script(reply Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer, r.reply = Scripted, reply
}

// scripted is the answer of Script.
func (r *Rig) scripted() Reply {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reply
}

// Got lists what arrived, as it came over the wire, or as it stands in the tables.
func (r *Rig) Got(ctx context.Context, tb testing.TB, db interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
},
) []string {
	tb.Helper()
	if r.raw != nil {
		return r.raw()
	}
	if r.SQL == "" {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Clone(r.got)
	}
	rows, err := db.Query(ctx, r.SQL)
	if err != nil {
		tb.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

// take notes what arrived, and says how to answer.
func (r *Rig) take(sent string) Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answer == Accept || r.answer == Lose {
		r.got = append(r.got, sent)
	}
	return r.answer
}
