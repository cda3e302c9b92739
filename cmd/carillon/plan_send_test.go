package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/internal/cli"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// provedYAML gives a failed send no second try, so that every receipt ends.
const provedYAML = `
database_url: "%s"
public_url: https://shop.example.com
people:
  sql: select id, name, email, locale, timezone from app.users where id = any($1)
audiences:
  user: { field: user_id }
  readers: { field: readers }
  segment: { sql: "select id from app.users where segment = $1::jsonb ->> 'segment'" }
  ops: { fixed: { email: "Ops.Team@example.com" } }
categories:
  orders: { name: Order updates }
  news: { name: News }
  security: { name: Security, mandatory: true }
transports:
  email: { smtp: "%s", from: "Shop <shop@example.com>", reply_to: "help@example.com" }
worker:
  retry: { max_attempts: 1 }
events:
  orders.created:
    category: orders
    notification_type: success
    sample: { order_number: A7, user_id: "1", lines: [{ name: Tea, n: 2 }], note: "" }
    channels:
      - { transport: in_app, audience: user }
      - { transport: email, audience: user, delay: 50ms, policy: skip_if_read }
      - { transport: email, audience: ops }
    content:
      subject: "Order #{{ order_number }} created"
      title: "{{ recipient.name | default \"You\" }} ordered {{ len lines }}"
      message: "#{{ order_number }}: {{ range lines }}{{ name }} x {{ n }}; {{ end }}{{ note | default \"no note\" }}"
      action_url: "{{ public_url }}/orders/{{ order_number }}"
      action_label: Show
  news.published:
    category: news
    priority: bulk
    sample: { headline: H, story: S, readers: ["1"], desk: desk@example.com }
    channels:
      - { transport: email, audience: readers }
      - { transport: in_app, audience: readers }
      - { name: late, transport: in_app, audience: segment, delay: 20ms }
    content:
      subject: "{{ headline }}"
      title: "{{ headline }}"
      message: "{{ story }}"
      text: "{{ recipient.id }} ({{ recipient.locale | default \"-\" }}): {{ story }}\n\n{{ resource.type }} {{ resource.id }}"
      html: "<p title=\"{{ headline }}\">{{ story }}</p><a href=\"{{ public_url }}?by={{ actor }}\">{{ recipient.address }}</a>"
      from: "News <{{ desk }}>"
      reply_to: "{{ desk }}"
  security.alerted:
    category: security
    notification_type: warning
    priority: critical
    sample: { what: W, segment: s }
    channels:
      - { transport: email, audience: segment }
      - { transport: in_app, audience: segment }
    content:
      subject: "{{ what }} in {{ tenant | default \"the shop\" }}"
      title: "{{ what }}"
      message: "{{ event.name }}: {{ what }} {{ recipient.timezone | default \"UTC\" }}"
`

const provedSQL = `
CREATE SCHEMA app;
CREATE TABLE app.users (id text PRIMARY KEY, name text, email text, locale text, timezone text, segment text);
`

// occurrence is a generated case: an event with the people it is about. Nobody is in two cases.
type occurrence struct {
	event   string
	options []string
	data    string
	people  []string
	plan    pipeline.Plan
	id      uuid.UUID
}

// generator makes cases of a seed.
type generator struct {
	*rand.Rand
	statements []string
	cases      []*occurrence
}

func (g *generator) oneOf(all ...string) string { return all[g.IntN(len(all))] }

// maybe is a quoted text, or NULL.
func (g *generator) maybe(percent int, text string) string {
	if g.IntN(100) >= percent {
		return "NULL"
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// words are what people write: markup, line breaks, scripts of all kinds, and what looks like a template or a header.
func (g *generator) words() string {
	words := make([]string, 1+g.IntN(6))
	for i := range words {
		words[i] = g.oneOf(
			"Tea", "Ünïcödé", "<b>bold</b>", "a & b", `"quoted"`, "{{ order_number }}", "漢字", "🎉", "100%", "it's", "=?utf-8?q?x?=",
			strings.Repeat("long", 30), "e\u0301", "שלום", "1 < 2", "back\\slash", "From: eve",
		)
	}
	return strings.Join(words, " ")
}

func (g *generator) people(n int) []string {
	ids := make([]string, g.IntN(5))
	for i := range ids {
		ids[i] = fmt.Sprintf("c%d-p%d", n, i)
		if g.IntN(10) == 0 {
			continue // The directory does not know everybody.
		}
		address := g.oneOf("ann", "o'brien+tag", "x.y_z", "UPPER") + fmt.Sprintf("%d.%d@example.com", n, i)
		g.statements = append(g.statements, fmt.Sprintf("INSERT INTO app.users VALUES ('%s', %s, %s, %s, %s, 'c%d')",
			ids[i], g.maybe(70, g.words()), g.maybe(75, address), g.maybe(50, g.oneOf("de", "en-GB", "pt-BR")),
			g.maybe(30, g.oneOf("Europe/Zurich", "Asia/Tokyo")), n))
		for range g.IntN(3) {
			g.statements = append(g.statements, fmt.Sprintf(
				"INSERT INTO carillon.preferences (person, category, transport, choice) VALUES ('%s', '%s', '%s', '%s') ON CONFLICT DO NOTHING",
				ids[i], g.oneOf("orders", "news", "security", "*"), g.oneOf("email", "in_app", "*"), g.oneOf("on", "off", "off")))
		}
	}
	return ids
}

func (g *generator) add(t *testing.T, n int) {
	t.Helper()
	c := &occurrence{event: g.oneOf("orders.created", "news.published", "security.alerted"), people: g.people(n)}
	if n == 0 { // Whatever the seed, something fails: without its lines, the mail to a fixed address.
		g.cases = append(g.cases, &occurrence{event: "orders.created", data: `{"order_number": "A7", "user_id": ""}`})
		return
	}
	subject := strings.Join(strings.Fields(g.words()), " ")
	data := map[string]any{"segment": fmt.Sprint("c", n)}
	switch c.event {
	case "orders.created":
		data["order_number"], data["note"], data["user_id"] = g.oneOf("A7", "7/8", "Ä 9"), g.words(), ""
		if len(c.people) > 0 {
			data["user_id"] = c.people[0]
		}
		lines := []any{}
		for range g.IntN(3) {
			lines = append(lines, map[string]any{"name": g.words(), "n": g.IntN(9)})
		}
		data["lines"] = lines
	case "news.published":
		data["headline"], data["story"] = subject, g.words()+"\n"+g.words()
		data["readers"], data["desk"] = append(c.people, c.people...), g.oneOf("desk@example.com", "news+1@example.com")
	case "security.alerted":
		data["what"] = subject
	}
	if g.IntN(6) == 0 {
		delete(data, g.oneOf(slices.Sorted(maps.Keys(data))...))
	}
	if g.IntN(3) == 0 {
		c.options = append(c.options, "--actor", "max & co", "--resource-id", fmt.Sprint(n))
	}
	if g.IntN(4) == 0 {
		c.options = append(c.options, "--priority", g.oneOf("critical", "default", "bulk"))
	}
	raw, err := json.Marshal(data)
	require.NoError(t, err)
	c.data = string(raw)
	g.cases = append(g.cases, c)
}

// inProcess runs the program here, and returns its standard output.
func (s *shop) inProcess(t *testing.T, args ...string) (out []byte, words string, status int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &stdout, err: cli.NewRedactor(&stderr)}
	status = a.run(t.Context(), append(args, "--config", s.yaml, "--database-url", s.dsn))
	return stdout.Bytes(), stderr.String(), status
}

// ended is how a receipt really ended.
type ended struct {
	ID        uuid.UUID
	Channel   string
	Recipient string
	Address   string
	State     receipts.State
	Reason    receipts.Reason
	Detail    string
	Verdicts  *string
	// After is how long after the event it was to be sent.
	After time.Duration
}

const endedQuery = `
SELECT r.id, r.channel, coalesce(r.recipient, '') AS recipient, coalesce(r.address, '') AS address, r.state,
       coalesce(r.reason, '') AS reason,
       coalesce((SELECT a.detail FROM carillon.attempts a WHERE a.receipt_id = r.id AND r.state <> 'sent'), '') AS detail,
       (SELECT d.verdicts::text FROM carillon.decisions d WHERE d.receipt_id = r.id ORDER BY d.decided_at DESC LIMIT 1) AS verdicts,
       coalesce(r.send_at - e.created_at, '0') AS after
  FROM carillon.receipts r JOIN carillon.events e ON e.id = r.event_id
 WHERE r.event_id = $1 AND r.state <> 'expanded'`

// TestThePlanIsTheSend plans generated events, emits them, lets a worker of its own process deliver, and compares the plan
// with the mail that arrived, the notifications and the receipts. CARILLON_PROVE=1 takes many more cases;
// CARILLON_SEED repeats a run.
func TestThePlanIsTheSend(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	if given := os.Getenv("CARILLON_SEED"); given != "" {
		var err error
		seed, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("CARILLON_SEED=%d", seed)
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	cases := 36
	if os.Getenv("CARILLON_PROVE") == "1" {
		cases = 400
	}
	for n := range cases {
		g.add(t, n)
	}

	sink, err := smtpsink.Start(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sink.Close()) })
	s := &shop{dsn: dbtest.DSN(t), sink: sink, yaml: filepath.Join(t.TempDir(), "carillon.yaml")}
	require.NoError(t, os.WriteFile(s.yaml, fmt.Appendf(nil, provedYAML, s.dsn, sink.URL()), 0o600))
	s.sql(t, provedSQL+strings.Join(g.statements, ";\n"))
	_, words, status := s.inProcess(t, "publish")
	require.Zero(t, status, words)
	stop := s.work(t) // It is there while the plans are made, and must not see them.

	for _, c := range g.cases {
		out, words, status := s.inProcess(t, append([]string{"plan", c.event, "--data", c.data, "--json"}, c.options...)...)
		require.NotEqual(t, exitUsage, status, "%s\n%s", c.data, words)
		require.NoError(t, json.Unmarshal(out, &c.plan), words)
		require.Equal(t, c.plan.Sends() > 0 && c.plan.Troubles() == 0, status == exitOK, words)
	}
	require.Equal(t, [][]string{{"0"}}, s.sql(t, `SELECT (SELECT count(*) FROM carillon.receipts) + (SELECT count(*) FROM carillon.events)`))
	for _, c := range g.cases {
		var done emitted
		out, words, status := s.inProcess(t, append([]string{"emit", c.event, "--data", c.data, "--json"}, c.options...)...)
		require.Zero(t, status, words)
		require.NoError(t, json.Unmarshal(out, &done))
		c.id = done.EventID
	}
	s.await(t, `SELECT bool_and(finished_at IS NOT NULL) FROM carillon.receipts`)
	stop()
	s.compare(t, g.cases)
}

// compare looks at every receipt of every case.
func (s *shop) compare(t *testing.T, cases []*occurrence) {
	t.Helper()
	mails := map[string]smtpsink.Message{}
	for _, m := range s.sink.Messages() {
		require.NoError(t, m.ParseErr)
		id, _, _ := strings.Cut(m.MessageID, "@")
		mails[id] = m
	}
	require.Len(t, mails, len(s.sink.Messages()))
	conn, err := pgx.Connect(t.Context(), s.dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	delivering, sends, mailed, refused, failed := 0, 0, 0, 0, 0
	for _, c := range cases {
		rows, err := conn.Query(t.Context(), endedQuery, c.id)
		require.NoError(t, err)
		really, err := pgx.CollectRows(rows, pgx.RowToStructByName[ended])
		require.NoError(t, err)
		require.Len(t, really, len(c.plan.Recipients), "%s %s", c.event, c.data)
		byKey := map[string]ended{}
		for _, r := range really {
			byKey[r.Channel+" "+cmp.Or(r.Recipient, r.Address)] = r
		}
		for _, p := range c.plan.Recipients {
			said := fmt.Sprintf("%s %s\nplanned %+v", c.event, c.data, p)
			r, found := byKey[p.Channel+" "+cmp.Or(p.Recipient, p.Address)]
			require.True(t, found, said)
			switch p.Outcome {
			case pipeline.PlanSend:
				require.Equal(t, receipts.Sent, r.State, said)
				require.NotNil(t, p.Body, said)
				require.Equal(t, p.When.Sub(c.plan.Event.CreatedAt), r.After, said)
				sends++
				if p.Transport == transports.Email {
					mailed++
					requireMail(t, p, mails[r.ID.String()], said)
				} else {
					requireNotification(t, conn, p, r.ID, said)
				}
				continue
			case pipeline.PlanSkip:
				require.Equal(t, receipts.Skipped, r.State, said)
				refused++
			default:
				require.Equal(t, pipeline.PlanFail, p.Outcome, said)
				require.Equal(t, receipts.Failed, r.State, said)
				require.Equal(t, p.Detail, r.Detail, said)
				failed++
			}
			require.Equal(t, p.Reason, r.Reason, said)
			if r.Verdicts != nil {
				planned, err := json.Marshal(p.Verdicts)
				require.NoError(t, err)
				require.JSONEq(t, *r.Verdicts, string(planned), said)
			}
		}
		if c.plan.Sends() > 0 {
			delivering++
		}
	}
	require.Equal(t, mailed, len(mails), "no mail but the planned")
	require.Equal(t, [][]string{{fmt.Sprint(sends - mailed)}}, s.sql(t, `SELECT count(*) FROM carillon.notifications`))
	t.Logf("%d of %d cases deliver; %d sends (%d mails), %d skips, %d failures", delivering, len(cases), sends, mailed, refused, failed)
	require.GreaterOrEqual(t, delivering*100, 30*len(cases), "too few cases deliver to prove anything")
	require.Positive(t, refused)
	require.Positive(t, failed)
}

// requireMail compares with what the mail server got.
func requireMail(t *testing.T, p pipeline.Planned, m smtpsink.Message, said string) {
	t.Helper()
	c := p.Body.Content
	require.Equal(t, c.Subject, m.Subject, said)
	require.Equal(t, lines(cmp.Or(c.Text, c.Message)), lines(m.Text), said)
	require.Equal(t, lines(c.HTML), lines(m.HTML), said)
	require.Equal(t, []string{p.Body.Recipient.Address}, m.Session.To, said)
	require.Equal(t, p.Address, p.Body.Recipient.Address, said)
	for got, want := range map[string]string{
		m.From: cmp.Or(c.From, "Shop <shop@example.com>"), m.ReplyTo: cmp.Or(c.ReplyTo, "help@example.com"),
	} {
		gotAddress, err := mail.ParseAddress(got)
		require.NoError(t, err, said)
		wantAddress, err := mail.ParseAddress(want)
		require.NoError(t, err, said)
		require.Equal(t, wantAddress, gotAddress, said)
	}
	require.Contains(t, m.To, p.Body.Recipient.Address, said)
}

// lines is a text without the form that SMTP gives it.
func lines(text string) string {
	return strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
}

// requireNotification compares with the row of the inbox.
func requireNotification(t *testing.T, conn *pgx.Conn, p pipeline.Planned, id uuid.UUID, said string) {
	t.Helper()
	var person, category, kind string
	var c transports.Content
	require.NoError(t, conn.QueryRow(t.Context(), `
		SELECT person, coalesce(category, ''), notification_type, title, message, coalesce(action_url, ''), coalesce(action_label, '')
		  FROM carillon.notifications WHERE id = $1`, id).Scan(&person, &category, &kind, &c.Title, &c.Message, &c.ActionURL, &c.ActionLabel), said)
	require.Equal(t, p.Body.Content, c, said)
	require.Equal(t, []string{p.Recipient, p.Body.Category, p.Body.NotificationType}, []string{person, category, kind}, said)
}
