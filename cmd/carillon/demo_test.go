package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/examples/herodispatch"
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
		require.Equal(t, "sent(accepted) 2", states["assignments.assigned email.hero mara"], "refused once, then taken")
		require.Equal(t, "sent(accepted) 1", states["heroes.duty_changed in_app.hero teo"])
		require.Equal(t, "sent(accepted) 1", states["incidents.reopened in_app.reporter noor"])
		require.Equal(t, "sent(accepted) 1", states["incidents.reported slack.room #dispatch"])
		require.Equal(t, "sent(accepted) 1", states["incidents.resolved slack.room #dispatch"])
		require.Equal(t, "sent(accepted) 1", states["incidents.closed discord.fans "+herodispatch.FanChannel])
		require.Equal(t, "sent(accepted) 1", states["assignments.assigned sms.hero teo"])
		require.Equal(t, "sent(accepted) 1", states["incidents.in_progress web_push.reporter noor"], "two devices are one receipt")
		// Two changes of duty tell the same three people, so that their lines have the same key.
		require.Len(t, states, 32)
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
	out := &watched{on: "carillon receipts show", do: func() { close(up) }}
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
	requireTheDay(t, text)
	export := regexp.MustCompile(`export DATABASE_URL='([^']+)'`).FindStringSubmatch(text)
	require.Len(t, export, 2)
	requireCommands(t, text, export[0])

	cancel()
	require.NoError(t, <-ended, "being interrupted is how it ends")
	require.Contains(t, words.String(), "using a private database")
	_, err := pgx.Connect(t.Context(), export[1])
	require.Error(t, err, "the database is gone")
}

func TestDemoStaysUpOnADatabaseOfOthers(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dsn := dbtest.DSN(t)
	up := make(chan struct{})
	out := &watched{on: "carillon receipts show", do: func() { close(up) }}
	ended := make(chan error, 1)
	d := &demo{out: out, err: io.Discard, databaseURL: dsn, deadline: demoDeadline}
	go func() { ended <- d.run(ctx) }()
	select {
	case <-up:
	case err := <-ended:
		require.NoError(t, err)
		require.FailNow(t, "it ended", out.String())
	}
	require.Contains(t, out.String(), "(with DATABASE_URL set to the database that this runs on)")
	require.NotContains(t, out.String(), dsn, "whose database it is knows the URL, and its password")
	require.Regexp(t, `carillon why \w{8} --recipient pavel --tenant demo-\w{8}\n`, out.String())
	requireCommands(t, out.String(), "export DATABASE_URL='"+dsn+"'")
	cancel()
	require.NoError(t, <-ended)
}

// requireTheDay looks for what people are to see, in its order.
func requireTheDay(t *testing.T, text string) {
	t.Helper()
	rest := text
	for _, pattern := range []string{
		`A day at the office`,
		`  08:00  teo has a cold.*\n(?: +sent\(accepted\) +in_app +\w+ +heroes.duty_changed\n){3}`,
		`  09:12  noor reports`,
		` +skipped\(opted_out\) +email +pavel +incidents.reported\n`,
		`  09:14  ines sends out mara`,
		` +waiting\(retry\) +email +mara +assignments.assigned, try 1 was refused\n`,
		`  09:16  .*: refused, and no event of it\n`,
		`  09:31  help is there\n(?: +sent\(accepted\) +(?:in_app|web_push) +noor +incidents.in_progress\n){2}`,
		`  11:45  the incident is resolved`,
		` +waiting\(delayed\) +email +.* +incidents.resolved\n`,
		`  17:40  .* reopened`,
		` +sent\(accepted\) +email +noor +incidents.resolved\n`,
		`to pavel: skipped\(opted_out\), because the person switched off category "News of incidents"\n`,
		`  To: "Mara Lindqvist" <mara@demo-\w+.example>\n  Subject: Northwind, you are needed at Old Bridge\n  Date: `,
		`\n\n  Mara Lindqvist, it is a case of bridge collapse, priority critical`,
		`  slack to #dispatch:\n    bridge collapse at Old Bridge\n    Priority critical, reported by noor: The middle arch is in the river & the tram <number 9>`,
		`  slack to #dispatch, in a thread:\n    All is well\n`,
		`  discord to channel 220000000000000001:\n    Another day saved\n`,
		`  sms to \+4915112345678:\n    Northwind, you are needed at Old Bridge`,
		`  webhook to the city hall, signature verified:\n    {"type":"incidents.reported",`,
		`  web_push to the browser on a (?:laptop|phone), decrypted there:\n    Help is there\n    It has come to Old Bridge and is at work.\n`,
		`  ok  each browser of a person showed what receipts call sent`,
		`  ok  exactly one receipt needed a second try`,
		`stays up until Ctrl-C`,
	} {
		at := regexp.MustCompile(pattern).FindStringIndex(rest)
		require.NotNil(t, at, "%s is not in\n%s", pattern, rest)
		rest = rest[at[1]:]
	}
	require.Regexp(t, ` +sent\(accepted\) +email +mara +assignments.assigned, at try 2\n`, text)
	require.NotContains(t, text, "  NO  ")
	require.NotContains(t, text, "\x1b", "colours are for terminals")
}

// requireCommands types what the demo has printed into a shell, while the demo is up.
func requireCommands(t *testing.T, text, export string) {
	t.Helper()
	_, goOn, found := strings.Cut(text, "To go on")
	require.True(t, found)
	commands := regexp.MustCompile(`(?m)^  (carillon .*)$`).FindAllStringSubmatch(goOn, -1)
	require.Len(t, commands, 3, goOn)
	for i, wants := range [][]string{
		{"skipped", "opted_out", "in_app.released"},
		{"email.dispatchers to pavel: skipped(opted_out)", `switched off category "News of incidents"`},
		{"451 4.7.1", "accepted", "Northwind"},
	} {
		shell := exec.CommandContext(t.Context(), "sh", "-e", "-c", export+"\n"+commands[i][1])
		answer, err := shell.CombinedOutput()
		require.NoError(t, err, "%s: %s", commands[i][1], answer)
		for _, want := range wants {
			require.Contains(t, string(answer), want, commands[i][1])
		}
	}
}

func TestDemoColoursAreForTerminals(t *testing.T) {
	t.Parallel()
	for colours, want := range map[bool]string{
		false: "           sent(accepted)        email    noor         a.b\n",
		true:  "           \x1b[32msent(accepted)       \x1b[0m email    noor         a.b\n",
	} {
		var out bytes.Buffer
		p := &demoPrinter{out: &out, paint: &app{colours: colours}}
		p.passing(demoReceipt{Event: "a.b", Transport: "email", Recipient: "noor", State: receipts.Sent, Reason: receipts.Accepted})
		require.Equal(t, want, out.String())
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	require.False(t, wantsColours(file))
	require.NoError(t, file.Close())
	require.False(t, wantsColours(io.Discard))
}

func TestDemoIsCalledAsItCanBe(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	require.Equal(t, "carillon", commandName(self, self))
	require.Equal(t, "go run ./cmd/carillon", commandName("/tmp/go-build1/b001/exe/carillon", ""))
	require.Equal(t, "/opt/carillon", commandName("/opt/carillon", self), "another one is on PATH")
	require.Equal(t, `'/opt/it'\''s here/carillon'`, commandName("/opt/it's here/carillon", ""))
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
