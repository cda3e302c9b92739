package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/cli"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/internal/smtpsink"
)

// mailYAML gives up after one try, so that receipts fail at once.
const mailYAML = `
database_url: ${SHOP_DATABASE_URL}
people:
  sql: select id, name, email, phone, locale, timezone from app.users where id::text = any($1::text[])
audiences:
  user: { field: user_id }
transports:
  email: { smtp: "${SHOP_SMTP}", from: "Shop <shop@example.com>" }
worker:
  retry: { max_attempts: 1 }
events:
  orders.created:
    sample: { order_number: A7, user_id: "1" }
    channels: [{ transport: email, audience: user }]
    content: { subject: "Order {{ order_number }}", message: Thank you }
  orders.reviewed:
    sample: { order_number: A7, user_id: "1" }
    channels: [{ transport: email, audience: user, delay: 1h }]
    content: { subject: "Review {{ order_number }}", message: How was it? }
`

// mailShop is a shop whose mail server does as the test says.
func mailShop(t *testing.T, cfg *smtpsink.Config) *shop {
	t.Helper()
	sink, err := smtpsink.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sink.Close()) })
	s := &shop{dsn: dbtest.DSN(t), sink: sink, yaml: filepath.Join(t.TempDir(), "carillon.yaml")}
	require.NoError(t, os.WriteFile(s.yaml, []byte(mailYAML), 0o600))
	s.sql(t, shopSQL)
	return s
}

// operate runs an admin command with who and why, and returns its exit status, what it did, and its words.
func (s *shop) operate(t *testing.T, args ...string) (int, operated, string) {
	t.Helper()
	cmd := s.command(t, append([]string{"receipts"}, append(args, "--reason", "ticket 12", "--by", "ann", "--json")...)...)
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	status := 0
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status = exit.ExitCode()
	} else {
		require.NoError(t, err, "%s", &words)
	}
	var done operated
	if out.Len() > 0 {
		require.NoError(t, json.Unmarshal(out.Bytes(), &done))
	}
	return status, done, words.String()
}

func (s *shop) emit(t *testing.T, event string, n int) {
	t.Helper()
	s.sql(t, fmt.Sprintf(`SELECT carillon.emit('%s', jsonb_build_object('order_number', 'A' || i, 'user_id', '1'))
		FROM generate_series(1, %d) i`, event, n))
}

func TestRedriveSendsExactlyWhatFailedOnceEach(t *testing.T) {
	t.Parallel()
	const n = 200
	var broken atomic.Bool
	broken.Store(true)
	s := mailShop(t, &smtpsink.Config{RcptFunc: func(smtpsink.Session) smtpsink.Answer {
		if broken.Load() {
			return smtpsink.Refuse(451, "4.3.0", "come back later")
		}
		return smtpsink.Answer{}
	}})
	stop := s.work(t)
	s.await(t, `SELECT count(*) = 2 FROM carillon.declarations`)
	s.emit(t, "orders.created", n)
	s.await(t, fmt.Sprintf(`SELECT count(*) = %d FROM carillon.receipts WHERE state = 'failed' AND reason = 'exhausted'`, n))
	// One that failed earlier, and one that failed for another reason, are not asked for.
	s.sql(t, `INSERT INTO carillon.receipts (id, event_id, tenant, channel, transport, audience, priority, state, reason, finished_at)
		SELECT carillon.uuid7_floor(now() - interval '2 hours'), event_id, '', channel, transport, audience, priority, state, reason, now()
		FROM carillon.receipts LIMIT 1`)
	s.sql(t, `INSERT INTO carillon.receipts (id, event_id, tenant, channel, transport, audience, priority, state, reason, finished_at)
		SELECT carillon.uuid7(), event_id, '', channel, transport, audience, priority, 'failed', 'rejected', now()
		FROM carillon.receipts LIMIT 1`)

	broken.Store(false)
	choice := []string{"retry", "--state", "failed", "--with-reason", "exhausted", "--error", "451 4.3.0", "--since", "1h"}
	status, none, words := s.operate(t, choice...)
	require.Equal(t, 2, status)
	require.Zero(t, none.Matched)
	require.Contains(t, words, "nobody is here to be asked whether to retry 200 receipts")
	require.Empty(t, s.sink.Messages())
	status, done, words := s.operate(t, append(choice, "--yes")...)
	require.Equal(t, []any{0, n, n, 0}, []any{status, done.Matched, done.Changed, done.Skipped}, words)

	s.await(t, fmt.Sprintf(`SELECT count(*) = %d FROM carillon.receipts WHERE state = 'sent'`, n))
	log := stop()
	subjects := map[string]int{}
	for _, m := range s.sink.Messages() {
		subjects[m.Subject]++
	}
	require.Len(t, subjects, n)
	require.Len(t, s.sink.Messages(), n, "once each")
	require.Equal(t, [][]string{{"failed", "2"}, {"sent", "200"}},
		s.sql(t, `SELECT state, count(*) FROM carillon.receipts GROUP BY 1 ORDER BY 1`), log)
	require.Equal(t, [][]string{{"retry", "ann", "ticket 12", "200", "200"}},
		s.sql(t, `SELECT action, operator, reason, matched, changed FROM carillon.operations`))
	require.Equal(t, [][]string{{"1", "200"}}, s.sql(t, `SELECT attempts, count(*) FROM carillon.receipts WHERE state = 'sent' GROUP BY 1`))
}

func TestSendNowSendsADelayedReceiptOnceAndSoon(t *testing.T) {
	t.Parallel()
	s := mailShop(t, nil)
	stop := s.work(t)
	s.await(t, `SELECT count(*) = 2 FROM carillon.declarations`)
	s.emit(t, "orders.reviewed", 1)
	s.await(t, `SELECT count(*) = 1 FROM carillon.receipts WHERE state = 'waiting' AND reason = 'delayed' AND due_at > now() + interval '59 minutes'`)
	old := s.sql(t, `SELECT job_id FROM carillon.receipts`)[0][0]
	began := time.Now()
	status, done, words := s.operate(t, "send-now", "--state", "waiting", "--yes")
	require.Equal(t, []any{0, 1}, []any{status, done.Changed}, words)
	s.await(t, `SELECT count(*) = 1 FROM carillon.receipts WHERE state = 'sent'`)
	require.Less(t, time.Since(began), 10*time.Second)
	require.Equal(t, [][]string{{"0"}}, s.sql(t, `SELECT count(*) FROM carillon.river_job WHERE id = `+old), "the old alarm is gone")
	s.await(t, `SELECT count(*) = 0 FROM carillon.river_job WHERE state IN ('available', 'scheduled', 'retryable', 'running')`)
	stop()
	require.Len(t, s.sink.Messages(), 1)
	s.run(t, "audit")
}

func TestARetryDuringItsOwnSendSendsOnce(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	broken.Store(true)
	asked, answer := make(chan struct{}, 1), make(chan struct{})
	s := mailShop(t, &smtpsink.Config{DataFunc: func(smtpsink.Session) smtpsink.Answer {
		if broken.Load() {
			return smtpsink.Refuse(554, "5.6.0", "not today")
		}
		asked <- struct{}{}
		return smtpsink.Answer{Wait: answer}
	}})
	stop := s.work(t)
	s.await(t, `SELECT count(*) = 2 FROM carillon.declarations`)
	s.emit(t, "orders.created", 1)
	s.await(t, `SELECT count(*) = 1 FROM carillon.receipts WHERE state = 'failed'`)
	id := s.sql(t, `SELECT id FROM carillon.receipts`)[0][0]
	broken.Store(false)
	status, done, words := s.operate(t, "retry", id, "--yes")
	require.Equal(t, []any{0, 1}, []any{status, done.Changed}, words)
	select {
	case <-asked:
	case <-time.After(patience):
		require.Fail(t, "the worker did not send")
	}
	for range 2 {
		status, done, words = s.operate(t, "retry", id, "--yes")
		require.Equal(t, []any{1, 0, 1}, []any{status, done.Changed, done.Skipped})
		require.Equal(t, "sending", string(done.Skips[0].State))
		require.Contains(t, words, "1 receipt was left alone")
	}
	status, done, _ = s.operate(t, "cancel", id, "--yes")
	require.Equal(t, []any{1, 0}, []any{status, done.Changed}, "nor is it cancelled")
	close(answer)
	s.await(t, `SELECT count(*) = 1 FROM carillon.receipts WHERE state = 'sent'`)
	stop()
	require.Len(t, s.sink.Messages(), 1)
	require.Equal(t, [][]string{{"1"}}, s.sql(t, `SELECT count(*) FROM carillon.operation_receipts`))
	shown := string(s.run(t, "receipts", "show", id))
	require.Contains(t, shown, "retry by ann, from failed(exhausted): ticket 12")
	s.run(t, "audit")
}

// A million receipts are listed in pages, so that the memory in use does not grow with them.
func TestAMillionReceiptsAreListedInFlatMemory(t *testing.T) {
	t.Parallel()
	if os.Getenv("CARILLON_PROVE") != "1" {
		t.Skip("a proof that takes half a minute: set CARILLON_PROVE=1, or run make prove")
	}
	const n, enough = 1_000_000, 64 << 20
	dsn := dbtest.DSN(t)
	const chunks = 5
	for range chunks {
		_, err := query(t.Context(), dsn, fmt.Sprintf(`
		INSERT INTO carillon.receipts (id, event_id, tenant, channel, transport, audience, recipient, priority, state, reason, finished_at)
		SELECT carillon.uuid7(), gen_random_uuid(), '', 'email.user', 'email', 'user', i::text, 2, 'sent', 'accepted', now()
		FROM generate_series(1, %d) i; ANALYZE carillon.receipts`, n/chunks))
		require.NoError(t, err)
	}
	for _, form := range []string{"--json", "--csv", ""} {
		out := &counter{}
		a := &app{in: strings.NewReader(""), out: out, err: cli.NewRedactor(os.Stderr), databaseURL: dsn}
		args := []string{"receipts", "list", "--all", "--database-url", dsn}
		if form != "" {
			args = append(args, form)
		}
		began := time.Now()
		require.Equal(t, exitOK, a.run(t.Context(), args))
		t.Logf("%s: %d lines in %s, at most %d MiB in use", form, out.lines, time.Since(began).Round(time.Millisecond), out.most>>20)
		require.GreaterOrEqual(t, out.lines, n)
		require.LessOrEqual(t, out.lines, n+1)
		require.Less(t, out.most, uint64(enough))
	}
}

// counter counts lines, and looks at the memory in use every now and then.
type counter struct {
	lines, writes int
	most          uint64
}

func (c *counter) Write(p []byte) (int, error) {
	c.lines += bytes.Count(p, []byte("\n"))
	if c.writes%5000 == 0 || c.lines%100_000 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.most = max(c.most, m.HeapAlloc)
	}
	c.writes++
	return len(p), nil
}
