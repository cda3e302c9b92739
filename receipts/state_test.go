package receipts_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/receipts"
)

func words(states []receipts.State) []string {
	all := make([]string, len(states))
	for i, s := range states {
		all[i] = string(s)
	}
	return all
}

func TestTheConstraintKnowsExactlyTheStates(t *testing.T) {
	t.Parallel()
	b := setup(t)
	def := read[string](b, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'receipts_state'")
	var found []string
	for _, m := range regexp.MustCompile(`'([a-z_]+)'::text`).FindAllStringSubmatch(def, -1) {
		found = append(found, m[1])
	}
	slices.Sort(found)
	require.ElementsMatch(t, words(receipts.States()), slices.Compact(found))
}

// The constraint is asked with rows: what a state may not be without is refused.
func TestTheConstraintHoldsStatesToTheirColumns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.owed()
	for _, state := range append(receipts.States(), "nonsense") {
		for i := range 8 {
			leased, reasoned, finished := i&1 != 0, i&2 != 0, i&4 != 0
			fits := slices.Contains(receipts.States(), state) && leased == state.Leased() && finished == state.Terminal() &&
				(reasoned || receipts.Reasons(state) == nil)
			tx, err := b.db.Begin(b.ctx())
			require.NoError(t, err)
			_, err = tx.Exec(b.ctx(), `UPDATE carillon.receipts SET state = $2,
				lease_token = CASE WHEN $3 THEN gen_random_uuid() END, reason = CASE WHEN $4 THEN 'x' END,
				finished_at = CASE WHEN $5 THEN now() END WHERE id = $1`, id, string(state), leased, reasoned, finished)
			require.Equal(t, fits, err == nil, "%s leased=%t reasoned=%t finished=%t: %v", state, leased, reasoned, finished, err)
			require.NoError(t, tx.Rollback(b.ctx()))
		}
	}
}

func TestEveryWaitingAndTerminalStateHasReasons(t *testing.T) {
	t.Parallel()
	owners := map[receipts.Reason]receipts.State{}
	for _, s := range receipts.States() {
		require.Equal(t, s.Terminal() || s == receipts.Waiting, len(receipts.Reasons(s)) > 0, s)
		for _, r := range receipts.Reasons(s) {
			require.NotContains(t, owners, r, "a reason belongs to one state")
			owners[r] = s
		}
	}
	require.Empty(t, receipts.Reasons("nonsense"))
}

func TestTheTableOfMovesIsSound(t *testing.T) {
	t.Parallel()
	reached := []receipts.State{receipts.Pending}
	left := map[receipts.State]bool{}
	seen := map[receipts.Transition]bool{}
	for _, m := range receipts.Transitions() {
		require.Contains(t, receipts.States(), m.From)
		require.Contains(t, receipts.States(), m.To)
		require.False(t, seen[m], "%v is listed twice", m)
		seen[m] = true
		require.True(t, receipts.Allowed(m.From, m.To, m.By))
		require.Contains(t, receipts.Sources(m.To, m.By), m.From)
		reached = append(reached, m.To)
		left[m.From] = true
		switch m.By {
		case receipts.ByBind, receipts.ByRecord, receipts.ByReclaim, receipts.ByRelease:
			require.True(t, m.From.Leased(), "%v: only what is leased is moved by its holder or his heir", m)
		case receipts.ByReopen:
			require.True(t, m.From.Terminal())
		case receipts.ByClaim, receipts.ByCancel, receipts.BySendNow:
			require.False(t, m.From.Terminal())
		default:
			t.Fatalf("%v: an unknown mover", m)
		}
	}
	for _, s := range receipts.States() {
		require.Contains(t, reached, s)
		require.True(t, s.Terminal() || left[s], "%s is a dead end", s)
	}
	require.False(t, receipts.Allowed(receipts.Sending, receipts.Cancelled, receipts.ByCancel), "what may have left the house is not cancelled")
	require.False(t, receipts.Allowed(receipts.Sent, receipts.Pending, receipts.ByReopen))
}

func TestTheDiagramAndTheDocsNameEveryState(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	require.NoError(t, err)
	var diagram strings.Builder
	for _, line := range strings.Split(file.Doc.Text(), "\n") {
		if strings.HasPrefix(line, "\t") {
			diagram.WriteString(line + "\n")
		}
	}
	require.NotEmpty(t, diagram.String())
	word := regexp.MustCompile(`[a-z_]+\*?`)
	drawn := word.FindAllString(diagram.String(), -1)
	for _, s := range receipts.States() {
		name := string(s)
		if s.Terminal() {
			name += "*"
		}
		require.Contains(t, drawn, name, "the diagram in doc.go")
	}
	for _, name := range drawn {
		if terminal, marked := strings.CutSuffix(name, "*"); marked {
			require.True(t, receipts.State(terminal).Terminal(), "the diagram marks %s", terminal)
		}
	}
	docs, err := os.ReadFile(filepath.Join("..", "docs", "architecture.md"))
	if err != nil {
		t.Skip("docs/architecture.md is not written yet")
	}
	for _, s := range receipts.States() {
		require.Regexp(t, `\b`+string(s)+`\b`, string(docs), "docs/architecture.md")
	}
}
