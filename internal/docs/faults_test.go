package docs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fault is what the page tells of a row of internal/faulttest/results.json.
type fault struct {
	Row      string   `json:"row"`
	What     string   `json:"what"`
	Size     string   `json:"size"`
	Form     string   `json:"form"`
	Seeds    int      `json:"seeds"`
	Lost     int      `json:"lost"`
	Invented int      `json:"invented"`
	Dup      int      `json:"dup"`
	Bound    int      `json:"bound"`
	Settle   float64  `json:"settle_seconds"`
	Facts    []string `json:"facts"`
	Verdict  string   `json:"verdict"`
	Why      string   `json:"why"`
}

// not parallel: with -update it writes the page that others read.
func TestFaultsAreThoseOfTheHarness(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, "internal", "faulttest", "results.json"))
	require.NoError(t, err)
	var faults []fault
	require.NoError(t, json.Unmarshal(raw, &faults))
	page := read(t, filepath.Join(root, "docs", "reliability.md"))
	first, last := page.generated(t, "faults")
	page.expect(t, first, last, faultTable(faults))
}

var rowID = regexp.MustCompile(`\bid: "(F-\d+)"`)

// Every row of the harness is in the table, with its result or the reason why there is none.
func TestEveryRowOfTheHarnessIsInTheTable(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(root, "internal", "faulttest")
	raw, err := os.ReadFile(filepath.Join(dir, "results.json"))
	require.NoError(t, err)
	var faults []fault
	require.NoError(t, json.Unmarshal(raw, &faults))
	var listed, written []string
	for _, f := range faults {
		listed = append(listed, f.Row)
	}
	sources, err := filepath.Glob(filepath.Join(dir, "rows*.go"))
	require.NoError(t, err)
	for _, path := range sources {
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range rowID.FindAllSubmatch(source, -1) {
			written = append(written, string(m[1]))
		}
	}
	require.Greater(t, len(written), 30)
	require.ElementsMatch(t, written, listed)
}

func faultTable(faults []fault) string {
	var b strings.Builder
	b.WriteString("\n| row | fault | size | seeds | lost | invented | dup / bound | settled | verdict | measured |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, f := range faults {
		if f.Seeds == 0 {
			fmt.Fprintf(&b, "| %s | %s | | | | | | | %s: %s | |\n", f.Row, f.What, f.Verdict, f.Why)
			continue
		}
		size := f.Size
		if f.Form == "short" {
			size += " (short form)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d | %d | %d / %d | %.1f s | %s | %s |\n",
			f.Row, f.What, size, f.Seeds, f.Lost, f.Invented, f.Dup, f.Bound, f.Settle, f.Verdict, strings.Join(f.Facts, "; "))
	}
	b.WriteString("\n")
	return b.String()
}
