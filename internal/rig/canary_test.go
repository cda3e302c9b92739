package rig_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/dispatch/telemetry"
	"github.com/carillon-notify/carillon/internal/rig"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// body is what the messages of these tests say; it is for their recipient alone.
const body = "canarybody4713"

// evidence is everything that a delivery left where others may look, by where that is.
type evidence map[string]string

// find lists the places at which a word stands, in any of the forms in which it could.
func (e evidence) find(words ...string) []string {
	var found []string
	for where, text := range e {
		text = strings.ToLower(text)
		for _, word := range words {
			for _, form := range []string{
				word, url.QueryEscape(word), url.PathEscape(word), base64.StdEncoding.EncodeToString([]byte(word)), hex.EncodeToString([]byte(word)),
			} {
				if strings.Contains(text, strings.ToLower(form)) {
					found = append(found, where+" has "+form)
				}
			}
		}
	}
	return found
}

// panics is a transport whose every send panics with all that it knows.
type panics struct{ transports.Transport }

func (p panics) Send(_ context.Context, m transports.Message) (transports.Result, error) {
	panic(fmt.Sprint(rig.Credential, m.Recipient, m.Content))
}

// panicsTx is one of those that write into the database.
type panicsTx struct{ transports.InDatabase }

func (p panicsTx) SendTx(_ context.Context, _ pgx.Tx, ms []transports.Message) ([]transports.Result, error) {
	panic(fmt.Sprint(rig.Credential, ms))
}

// lockedBuffer is a log that several write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// deliver takes one message through a provider that answers so, with everything that tells of it turned on.
func (s *stage) deliver(t *testing.T, answer string) (everywhere, receipt evidence) {
	t.Helper()
	p := s.full()
	p.event.Content.Message, p.event.Content.Title = "Dear "+body, ""
	for _, f := range p.event.Content.Fields() {
		if *f.Value != "" && f.Name != transports.FieldFrom && f.Name != transports.FieldReplyTo && f.Name != transports.FieldActionURL {
			*f.Value = body + " " + f.Name
		}
	}
	if s.spec.Name == transports.InApp || s.spec.Name == transports.WebPush || s.spec.Name == transports.Slack {
		p.event.Content.Title = body
	}
	transport := s.rig.Transport
	switch answer {
	case "panic":
		if inDatabase, ok := transport.(transports.InDatabase); ok {
			transport = panicsTx{inDatabase}
		} else {
			transport = panics{transport}
		}
	default:
		s.rig.Set(answers[answer])
	}
	event := p.event
	event.Sample, event.Channels = &dispatch.Data{"word": ""}, []dispatch.Channel{p.channel}
	event.RecipientsFunc = func(context.Context, dispatch.Querier, dispatch.Data, string) ([]dispatch.Recipient, error) {
		return []dispatch.Recipient{{ID: "ann", Address: s.rig.Address, Name: "Ann " + rig.Private}}, nil
	}
	resource := dispatch.Resource[dispatch.Data]{
		Name: "orders", Events: []dispatch.Event[dispatch.Data]{event},
		Audiences: map[string]dispatch.Audience{"first": dispatch.Fixed(s.spec.Name, s.rig.Address)},
	}
	if !s.spec.Once {
		resource.Audiences["first"] = dispatch.Field("word")
	}
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{resource}, Categories: []dispatch.Category{{Name: "loud"}}})
	require.NoError(t, err)

	log, metrics, spans := &lockedBuffer{}, prometheus.NewPedanticRegistry(), tracetest.NewInMemoryExporter()
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	tel, err := telemetry.New(&telemetry.Config{Metrics: metrics, Traces: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))})
	require.NoError(t, err)
	// Rates of rooms and what holds a provider back are a minute ago each time.
	s.moved += time.Minute
	now := time.Now().Add(s.moved)
	store := receipts.New(&receipts.Config{NowFunc: func() time.Time { return now }})
	pl, err := pipeline.New(&pipeline.Config{
		Dispatcher: d, Transports: []transports.Transport{transport}, Store: store, Telemetry: tel, Logger: logger, SendTimeout: 2 * time.Second,
		Gate: flow.New(&flow.Config{Logger: logger, NowFunc: func() time.Time { return now }}),
	})
	require.NoError(t, err)
	require.NoError(t, people.Set(t.Context(), s.pool, "", people.Person{ID: "ann", Name: "Ann " + rig.Private}))
	var id uuid.UUID
	require.NoError(t, pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error {
		emitted, err := dispatch.For(d, resource).EmitTx(t.Context(), tx, "created", dispatch.Data{"word": body}, nil)
		id = emitted.EventID
		return err
	}))
	now = time.Now().Add(s.moved + time.Second)
	roots, err := store.OfEvent(t.Context(), s.pool, id)
	require.NoError(t, err)
	require.Len(t, roots, 1)
	batch, err := store.Claim(t.Context(), s.pool, receipts.ClaimParams{Own: []uuid.UUID{roots[0].ID}, Lease: time.Minute, Worker: "w"})
	require.NoError(t, err)
	require.Len(t, batch.Receipts, 1)
	require.NoError(t, pl.Run(t.Context(), s.pool, batch))

	everywhere, receipt = evidence{"log": log.b.String()}, evidence{}
	families, err := metrics.Gather()
	require.NoError(t, err)
	everywhere["metrics"] = fmt.Sprint(families)
	traced, err := json.Marshal(spans.GetSpans())
	require.NoError(t, err)
	everywhere["traces"] = string(traced)
	for table, sql := range tables {
		receipt[table] = s.rows(t, sql)
		if !slices.Contains(ofRecipients, table) {
			everywhere[table] = receipt[table]
		}
	}
	require.Contains(t, receipt["receipts"], s.spec.Name)
	list, err := store.OfEvent(t.Context(), s.pool, id)
	require.NoError(t, err)
	for _, r := range list {
		receipt["state"] += string(r.State) + "(" + string(r.Reason) + ")"
	}
	return everywhere, receipt
}

var answers = map[string]rig.Answer{"success": rig.Accept, "4xx": rig.Refuse, "5xx": rig.Fail, "lost": rig.Lose, "timeout": rig.Hang}

// tables are what operators, reports and backups see, but for what is there to hold a recipient: the directory of people,
// subscriptions and the inbox.
var tables = map[string]string{
	"receipts":  `SELECT row_to_json(t)::text FROM carillon.receipts t`,
	"attempts":  `SELECT row_to_json(t)::text FROM carillon.attempts t`,
	"decisions": `SELECT row_to_json(t)::text FROM carillon.decisions t`,
	"contents":  `SELECT row_to_json(t)::text FROM carillon.contents t`,
	"events":    `SELECT row_to_json(t)::text FROM carillon.events t`,
	"river_job": `SELECT row_to_json(t)::text FROM carillon.river_job t`,
	"breakers":  `SELECT row_to_json(t)::text FROM carillon.breakers t`,
	"budgets":   `SELECT row_to_json(t)::text FROM carillon.budgets t`,
	"leases":    `SELECT row_to_json(t)::text FROM carillon.leases t`,
	"rooms":     `SELECT row_to_json(t)::text FROM carillon.chat_rooms t`,
}

// ofRecipients are the tables whose business it is whom a message goes to, or what it says. The key of a budget is the room
// that a chat service counts by.
var ofRecipients = []string{"receipts", "contents", "events", "budgets"}

func (s *stage) rows(t *testing.T, sql string) string {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), sql)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}

// TestNothingIsGivenAway: whatever a provider answers, also if it quotes all that it was sent, no credential stands
// anywhere, and nothing about a recipient or a message where it does not belong.
func TestNothingIsGivenAway(t *testing.T) {
	t.Parallel()
	command := carillon(t)
	for _, spec := range transports.Builtin() {
		t.Run(spec.Name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, spec)
			secrets := append([]string{rig.Credential}, s.rig.Secrets...)
			private := []string{rig.Private, body, s.rig.Address}
			if s.rig.Address == "" {
				private = private[:2]
			}
			for _, answer := range []string{"success", "timeout", "lost", "4xx", "5xx", "panic"} {
				if spec.InDatabase && answer != "success" && answer != "panic" {
					continue // Nobody answers: it is the database's own transaction.
				}
				t.Run(answer, func(t *testing.T) { // not parallel: one stand-in has one way to answer
					everywhere, receipt := s.deliver(t, answer)
					require.Equal(t, answer == "success", strings.HasPrefix(receipt["state"], "sent("), receipt["state"])
					require.NotContains(t, receipt["state"], "rate_limited", "nobody was asked")
					require.Empty(t, everywhere.find(append(private, secrets...)...))
					require.Empty(t, receipt.find(secrets...))
					everywhere["log"] += " a planted " + private[1]
					require.NotEmpty(t, everywhere.find(private...), "the search finds what is there")
				})
			}
			s.ask(t, command, secrets)
		})
	}
}

// ask looks at what the command says of it all. Addresses and texts are its business, credentials are not.
func (s *stage) ask(t *testing.T, command string, secrets []string) {
	t.Helper()
	said := evidence{}
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), command, args...)
		cmd.Env = append(os.Environ(), "DATABASE_URL="+s.pool.Config().ConnString())
		out, _ := cmd.CombinedOutput() // What it says counts, whatever its status.
		said["carillon "+strings.Join(args, " ")] = string(out)
		return string(out)
	}
	require.Contains(t, run("receipts", "list", "--json"), s.spec.Name)
	run("receipts", "list")
	run("breakers", "--json")
	run("receipts", "stats")
	run("audit", "--json")
	ids := s.rows(t, `SELECT id::text FROM carillon.receipts`)
	for _, id := range strings.Fields(ids) {
		run("receipts", "show", id)
	}
	require.Empty(t, said.find(secrets...))
	said["planted"] = secrets[0]
	require.NotEmpty(t, said.find(secrets...))
}

// carillon builds the command.
func carillon(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "carillon")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/carillon").CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}
