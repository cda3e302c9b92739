package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/receipts"
)

// demoRoot is a root with the flags that the demo takes from its own.
func demoRoot(out, words io.Writer, args ...string) *cobra.Command {
	root := &cobra.Command{Use: "carillon", SilenceErrors: true, SilenceUsage: true}
	root.PersistentFlags().Bool("json", false, "")
	root.PersistentFlags().String("database-url", "", "")
	root.AddCommand(newDemoCommand())
	root.SetOut(out)
	root.SetErr(words)
	root.SetArgs(args)
	return root
}

func TestDemoOnceJSON(t *testing.T) {
	t.Parallel()
	dsn := dbtest.DSN(t)
	seen := map[string]bool{}
	for range 2 { // The second run finds what the first has left.
		var out, words bytes.Buffer
		require.NoError(t, demoRoot(&out, &words, "demo", "--once", "--json", "--database-url", dsn).ExecuteContext(t.Context()))
		states := demoStates(t, out.Bytes(), seen)
		require.Equal(t, "skipped(opted_out) 0", states["incidents.reported email.dispatchers pavel"])
		require.Equal(t, "sent(accepted) 1", states["incidents.reported in_app.dispatchers pavel"])
		require.Equal(t, "sent(accepted) 1", states["assignments.assigned email.hero teo"], "calls are mandatory")
		require.Equal(t, "sent(accepted) 1", states["incidents.resolved email.reporter noor"])
		require.Len(t, states, 16)
		for key := range states {
			require.NotContains(t, key, "olga", "she is off duty")
		}
		require.Contains(t, words.String(), "using the database ")
		require.Contains(t, words.String(), "tenant demo-")
		require.NotContains(t, words.String(), "://", "no URL, so no password")
	}
}

// demoStates reads the lines and notes their ids, none of which may come twice.
func demoStates(t *testing.T, out []byte, seen map[string]bool) map[string]string {
	t.Helper()
	states := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		var line map[string]any
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		for _, name := range []string{"event", "channel", "transport", "recipient", "state", "reason", "attempts", "id", "event_id"} {
			require.Contains(t, line, name)
		}
		var r demoReceipt
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
		require.NotEqual(t, receipts.Expanded, r.State)
		require.Equal(t, r.Transport == "email" && r.State == receipts.Sent, r.MessageID != "")
		require.Equal(t, r.Event == "incidents.resolved" && r.Transport == "email", r.SendAt != nil)
		require.False(t, seen[r.ID.String()])
		seen[r.ID.String()] = true
		count, err := json.Marshal(r.Attempts)
		require.NoError(t, err)
		states[strings.Join([]string{r.Event, r.Channel, r.Recipient}, " ")] = stateOf(r) + " " + string(count)
	}
	require.NoError(t, lines.Err())
	return states
}

func TestDemoRefusesArguments(t *testing.T) {
	t.Parallel()
	var usage *usageError
	require.ErrorAs(t, demoRoot(io.Discard, io.Discard, "demo", "now").ExecuteContext(t.Context()), &usage)
}

// watched is an output that calls a function once it holds a text.
type watched struct {
	mu   sync.Mutex
	text strings.Builder
	on   string
	do   func()
	once sync.Once
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.text.Write(p)
	if strings.Contains(w.text.String(), w.on) {
		w.once.Do(w.do)
	}
	return n, err
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func TestDemoStaysUpOnAPrivateDatabase(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	up := make(chan struct{})
	out := &watched{on: "carillon preferences set", do: func() { close(up) }}
	words := &watched{on: "stopping", do: func() {}}
	ended := make(chan error, 1)
	d := &demo{out: out, err: words, deadline: demoDeadline}
	go func() { ended <- d.run(ctx) }()
	select {
	case <-up:
	case err := <-ended:
		require.NoError(t, err)
		require.FailNow(t, "it ended", out.String())
	}

	text := out.String()
	require.Contains(t, text, "refused, and no event of it")
	require.NotContains(t, text, "  NO  ")
	require.Contains(t, text, "carillon receipts list\n")
	require.Regexp(t, `carillon why [0-9a-f]{8} --recipient pavel\n`, text)
	dsn := regexp.MustCompile(`export DATABASE_URL='([^']+)'`).FindStringSubmatch(text)
	require.Len(t, dsn, 2)
	conn, err := pgx.Connect(ctx, dsn[1])
	require.NoError(t, err, "the database stays up")
	require.NoError(t, conn.Close(ctx))

	cancel()
	require.NoError(t, <-ended, "being interrupted is how it ends")
	require.Contains(t, words.String(), "using a private database")
	_, err = pgx.Connect(t.Context(), dsn[1])
	require.Error(t, err, "the database is gone")
}

func TestDemoStayingUpWithJSONNamesTheDatabase(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dsn := dbtest.DSN(t)
	out := &watched{on: `"database_url"`, do: cancel}
	d := &demo{out: out, err: io.Discard, json: true, databaseURL: dsn, deadline: demoDeadline}
	require.NoError(t, d.run(ctx))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var last map[string]string
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	require.Equal(t, dsn, last["database_url"])
	require.Contains(t, last["tenant"], "demo-")
}

// What an interrupted run leaves is delivered by the next one, and is not counted as its own.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &watched{on: "help is there", do: cancel}
	d := &demo{out: out, err: io.Discard, once: true, databaseURL: dbtest.DSN(t), deadline: demoDeadline}
	require.ErrorIs(t, d.run(ctx), context.Canceled)

	d.out = io.Discard
	require.NoError(t, d.run(t.Context()))
}

func TestDemoGivesUpAtItsDeadline(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	d := &demo{out: &out, err: io.Discard, once: true, databaseURL: dbtest.DSN(t), deadline: 1}
	err := d.run(t.Context())
	require.ErrorContains(t, err, "checks failed")
	require.ErrorContains(t, err, "if another worker runs on this database")
	require.ErrorContains(t, err, "every receipt has ended: ")
	require.Regexp(t, `incidents.resolved email.reporter to \S.* is \w+`, err.Error(), "it says which")
	require.Contains(t, out.String(), "  NO  every receipt has ended")
}

func TestDemoWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	d := &demo{out: io.Discard, err: io.Discard, once: true, databaseURL: "postgres://carillon:hush@127.0.0.1:1/none", deadline: demoDeadline}
	err := d.run(t.Context())
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hush")
}
