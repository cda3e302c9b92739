package rig_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/rig"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
)

// replies are the answers by which a service says what a rule is about; none for rules about requests without an answer.
func replies(table string, r classify.Rule) []rig.Reply {
	var all []rig.Reply
	header := map[string]string{}
	if r.Told {
		header["Retry-After"] = "7"
	}
	for _, code := range r.Codes {
		reply := rig.Reply{Status: 400, Header: header, Body: fmt.Sprintf(`{"code":%s,"message":"no"}`, code)}
		switch {
		case table == "Slack":
			reply.Status, reply.Body = 200, fmt.Sprintf(`{"ok":false,"error":%q}`, code)
		case table == "Slack incoming webhook":
			reply.Body = code
		case r.Name == "QueueFull":
			reply.Status = 429
		case len(r.Status) > 0:
			reply.Status = r.Status[0]
		}
		all = append(all, reply)
	}
	if len(r.Codes) > 0 {
		return all
	}
	for _, status := range r.Status {
		if status < 10 {
			// A whole hundred, of which others have rules of their own.
			status = map[int]int{3: 302, 4: 418, 5: 500}[status]
		}
		all = append(all, rig.Reply{Status: status, Header: header})
	}
	return all
}

// shadowed tells that an earlier rule of the table decides about all that a rule is about.
func shadowed(table classify.Table, r classify.Rule, reply rig.Reply) bool {
	if len(r.Codes) > 0 {
		return false
	}
	for _, keyed := range []bool{false, true} {
		o := classify.Outcome{Stage: classify.StageAnswer, Status: reply.Status, Keyed: keyed}
		if r.Told {
			o.RetryAfter = time.Second
		}
		if found, _ := table.Find(o); found.Name == r.Name {
			return false
		}
	}
	return true
}

// codes finds the service's own word in a reply.
var codes = regexp.MustCompile(`"(?:code|error)":"?(\w+)|^(\w+)$`)

// said is a reply in a word or two.
func said(reply rig.Reply) string {
	text := fmt.Sprint(reply.Status)
	if m := codes.FindStringSubmatch(reply.Body); m != nil {
		text += " `" + m[1] + m[2] + "`"
	}
	if reply.Header["Retry-After"] != "" {
		text += " with Retry-After"
	}
	return text
}

var (
	ended = regexp.MustCompile(`now receipt [^\n]* (\w+\(\w+\)) attempts=(\d+)\n`)
	tried = regexp.MustCompile(`now attempt \d+ \w+ (\w+)\n`)
	shut  = regexp.MustCompile(`now disabled ([^\n]+)\n`)
)

// outcome is what a receipt, its attempts, and what is switched off come to.
func outcome(t *testing.T, story string) (line, class string) {
	t.Helper()
	end, try, disabled := ended.FindStringSubmatch(story), tried.FindStringSubmatch(story), "–"
	require.NotNil(t, end, story)
	require.NotNil(t, try, story)
	if off := shut.FindStringSubmatch(story); off != nil {
		disabled = off[1]
	}
	return fmt.Sprintf("%s | %s | %s", end[1], end[2], disabled), try[1]
}

// TestOutcomesOfAnswers drives the stand-ins through every row about an answer, and the two ways to lose one, of each
// table that a transport of the registry goes by. docs/transports.md shows what it writes down.
func TestOutcomesOfAnswers(t *testing.T) {
	t.Parallel()
	pages := make([]string, len(transports.Builtin()))
	t.Run("tables", func(t *testing.T) {
		for i, spec := range transports.Builtin() {
			t.Run(spec.Name, func(t *testing.T) {
				t.Parallel()
				pages[i] = setup(t, spec).outcomes(t)
			})
		}
	})
	got := "| what the service says | outcome | attempts used | disabled |\n| --- | --- | --- | --- |\n" + strings.Join(pages, "")
	path := filepath.Join("testdata", "outcomes.md")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// outcomes are the rows of a transport's tables.
func (s *stage) outcomes(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, table := range classify.Tables() {
		if _, goes := s.rig.Ways[table.Name()]; !goes {
			continue
		}
		fmt.Fprintf(&b, "| **%s** | | | |\n", table.Name())
		for _, r := range table.Rules() {
			var lines []string
			says := map[string][]string{}
			for _, reply := range replies(table.Name(), r) {
				if shadowed(table, r, reply) {
					continue
				}
				line, class := s.outcomeOf(t, table, reply)
				if r.Name == "Failed" && class == string(transports.Unknown) || r.Name == "FailedUnkeyed" && class == string(transports.Transient) {
					continue // The other one of the two is what this service goes by.
				}
				require.Equal(t, string(r.Class), class, "%s: %s by %d %s", table.Name(), r.Name, reply.Status, reply.Body)
				if !slices.Contains(lines, line) {
					lines = append(lines, line)
				}
				says[line] = append(says[line], said(reply))
			}
			for _, line := range lines {
				fmt.Fprintf(&b, "| %s: %s | %s |\n", strings.Join(says[line], ", "), r.Detail, line)
			}
		}
		lost, class := s.outcomeOf(t, table, rig.Reply{})
		require.Equal(t, string(transports.Unknown), class)
		fmt.Fprintf(&b, "| no answer to a request that was sent | %s |\n", lost)
	}
	return b.String()
}

// outcomeOf is what becomes of a message that is answered so; the zero reply is none.
func (s *stage) outcomeOf(t *testing.T, table classify.Table, reply rig.Reply) (line, class string) {
	t.Helper()
	if s.spec.Address == transports.AddressChat {
		s.rig = rig.New(t, s.spec.Name, s.pool) // It remembers rooms that are gone.
	}
	play := s.full()
	play.address, play.answer = s.rig.Ways[table.Name()], rig.Lose
	if reply.Status != 0 {
		play.answer = rig.Scripted
		s.rig.Script(reply)
	}
	return outcome(t, s.told(t, play))
}
