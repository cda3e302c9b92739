package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/receipts"
)

// shopYAML is everything that the worker is told.
const shopYAML = `
database_url: ${SHOP_DATABASE_URL}
public_url: https://shop.example.com
people:
  sql: select id, name, email, phone, locale, timezone from app.users where id::text = any($1::text[])
audiences:
  user: { field: user_id }
  admin: { sql: "select id from app.users where admin" }
categories:
  orders: { name: Order updates }
  security: { name: Security, mandatory: true }
transports:
  email: { smtp: "${SHOP_SMTP}", from: "Shop <shop@example.com>" }
events:
  orders.created:
    category: orders
    notification_type: success
    sample: { order_number: A7, user_id: "1" }
    channels:
      - { transport: in_app, audience: user }
      - { transport: email, audience: user, delay: 50ms, policy: skip_if_read }
    content:
      subject: "Order #{{ order_number }} created"
      title: Your order was created
      message: "Order #{{ order_number }} is being processed, {{ recipient.name }}"
`

const shopSQL = `
CREATE SCHEMA app;
CREATE TABLE app.users (id int PRIMARY KEY, name text, email text, phone text, locale text, timezone text, admin bool);
INSERT INTO app.users VALUES (1, 'Ada', 'ada@example.com'), (2, 'Eve', 'eve@example.com'), (3, 'Nan', NULL);
CREATE TABLE app.orders (id serial PRIMARY KEY, order_number text, user_id int);
`

// shop is an application without any Go: a database, a mail server, and a file.
type shop struct {
	dsn  string
	sink *smtpsink.Server
	yaml string
}

func setupShop(t *testing.T) *shop {
	t.Helper()
	sink, err := smtpsink.Start(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sink.Close()) })
	s := &shop{dsn: dbtest.DSN(t), sink: sink, yaml: filepath.Join(t.TempDir(), "carillon.yaml")}
	require.NoError(t, os.WriteFile(s.yaml, []byte(shopYAML), 0o600))
	s.sql(t, shopSQL)
	return s
}

func (s *shop) sql(t *testing.T, text string) [][]string {
	t.Helper()
	rows, err := query(t.Context(), s.dsn, text)
	require.NoError(t, err)
	return rows
}

func (s *shop) await(t *testing.T, text string) {
	t.Helper()
	require.NoError(t, await(t.Context(), s.dsn, text))
}

// command prepares the program as a process of its own, which knows the database from the file alone.
func (s *shop) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("carillon")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, append(args, "--config", s.yaml)...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "DATABASE_URL=") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "SHOP_DATABASE_URL="+s.dsn, "SHOP_SMTP="+s.sink.URL())
	return cmd
}

// run waits for the program and returns its standard output.
func (s *shop) run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := s.command(t, args...)
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	require.NoError(t, cmd.Run(), "%v: %s", args, &words)
	return out.Bytes()
}

// work starts a worker. The function that it returns ends it by SIGTERM and returns its log.
func (s *shop) work(t *testing.T) (stop func() string) {
	t.Helper()
	cmd := s.command(t, "worker")
	var words bytes.Buffer
	cmd.Stderr = &words
	require.NoError(t, cmd.Start())
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return func() string {
		stopped = true
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(t, cmd.Wait(), "%s", &words)
		return words.String()
	}
}

// answer is what a reader of `why --json` takes from it.
type answer struct {
	Receipts []struct {
		Receipt struct {
			Transport string          `json:"transport"`
			State     receipts.State  `json:"state"`
			Reason    receipts.Reason `json:"reason"`
		} `json:"receipt"`
		Decisions []receipts.RuleRun `json:"decisions"`
	} `json:"receipts"`
}

// why asks about one person and returns what their mail's receipt says, and the verdict that decided.
func (s *shop) why(t *testing.T, event, person string) (string, receipts.Verdict) {
	t.Helper()
	var told answer
	require.NoError(t, json.Unmarshal(s.run(t, "why", event, "--recipient", person, "--json"), &told))
	for _, a := range told.Receipts {
		if a.Receipt.Transport != "email" {
			continue
		}
		require.Len(t, a.Decisions, 1)
		require.NotNil(t, a.Decisions[0].DecidedAt)
		require.WithinDuration(t, time.Now(), *a.Decisions[0].DecidedAt, 2*patience)
		require.Len(t, a.Decisions[0].Verdicts, 5)
		for _, v := range a.Decisions[0].Verdicts {
			if v.Verdict != "pass" {
				return string(a.Receipt.State) + "(" + string(a.Receipt.Reason) + ")", v
			}
		}
	}
	require.Fail(t, "no rule refused", "%+v", told)
	return "", receipts.Verdict{}
}

func TestAWorkerFromYAMLAlone(t *testing.T) {
	t.Parallel()
	s := setupShop(t)
	stop := s.work(t)
	s.await(t, `SELECT count(*) = 1 FROM carillon.declarations`)
	s.run(t, "preferences", "set", "2", "--category", "orders", "--transport", "email", "off", "--by", "eve")
	s.run(t, "hook", "app.orders", "--on", "insert", "--emit", "orders.created")

	// One by hand, as in psql, and one by an INSERT of the application that knows nothing of us.
	s.sql(t, `SELECT carillon.emit('orders.created', '{"order_number": "A1", "user_id": "1"}')`)
	s.sql(t, `INSERT INTO app.orders (order_number, user_id) VALUES ('A2', 1)`)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	mails, err := s.sink.Wait(ctx, 2)
	require.NoError(t, err)
	texts := map[string]string{}
	for _, m := range mails {
		require.Equal(t, []string{"ada@example.com"}, m.Session.To)
		require.Contains(t, m.From, "shop@example.com")
		texts[m.Subject] = strings.TrimSpace(m.Text)
	}
	require.Equal(t, map[string]string{
		"Order #A1 created": "Order #A1 is being processed, Ada",
		"Order #A2 created": "Order #A2 is being processed, Ada",
	}, texts)
	require.Equal(t, [][]string{{"orders", "1"}},
		s.sql(t, `SELECT resource_type, resource_id FROM carillon.events WHERE resource_id IS NOT NULL`))

	// One who has opted out, and one without an address.
	s.sql(t, `INSERT INTO app.orders (order_number, user_id) VALUES ('A3', 2), ('A4', 3)`)
	s.await(t, `SELECT count(*) = 8 AND bool_and(finished_at IS NOT NULL) FROM carillon.receipts`)
	events := map[string]string{}
	for _, row := range s.sql(t, `SELECT data ->> 'user_id', id FROM carillon.events WHERE data ->> 'user_id' <> '1'`) {
		events[row[0]] = row[1]
	}

	state, v := s.why(t, events["2"], "2")
	require.Equal(t, "skipped(opted_out)", state)
	require.Equal(t, []any{"preference", "skip", receipts.OptedOut}, []any{v.Rule, v.Verdict, v.Reason})
	updated, _ := v.Row["updated_at"].(string)
	chosen, err := time.Parse(time.RFC3339, updated)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), chosen, 2*patience)
	delete(v.Row, "updated_at")
	require.Equal(t, map[string]any{
		"table": "preferences", "person": "2", "category": "orders", "transport": "email", "choice": "off", "updated_by": "eve",
	}, v.Row)

	state, v = s.why(t, events["3"], "3")
	require.Equal(t, "skipped(no_address)", state)
	require.Equal(t, []any{"address", "skip", receipts.NoAddress}, []any{v.Rule, v.Verdict, v.Reason})
	require.Equal(t, map[string]any{"table": "people", "id": "3", "found": true}, v.Row)

	// Nobody else got mail, and everybody's inbox has the notification.
	log := stop()
	require.Contains(t, log, `"msg":"worker stopped"`)
	require.Len(t, s.sink.Messages(), 2)
	require.Equal(t, [][]string{{"1", "2"}, {"2", "1"}, {"3", "1"}},
		s.sql(t, `SELECT person, count(*) FROM carillon.notifications GROUP BY 1 ORDER BY 1`))
	require.NotContains(t, log, "ada@example.com", "addresses are not for logs")
}
