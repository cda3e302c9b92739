package docs_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports/classify"
)

// not parallel: with -update it writes the page that others read.
func TestClassificationIsThatOfTheCode(t *testing.T) {
	var b strings.Builder
	for _, table := range classify.Tables() {
		fmt.Fprintf(&b, "\n## %s\n\n| when | class | then | wait | meaning |\n| --- | --- | --- | --- | --- |\n", table.Name())
		for _, r := range table.Rules() {
			wait := ""
			if r.Wait > 0 {
				wait = strings.TrimSuffix(r.Wait.Truncate(time.Minute).String(), "0s")
			}
			row := fmt.Sprintf("| %s | %s | %s | %s | %s |", r.When(), r.Class, r.Limit(), wait, r.Detail)
			require.NotContains(t, row, "\n")
			for strings.Contains(row, "|  |") {
				row = strings.ReplaceAll(row, "|  |", "| |")
			}
			fmt.Fprintln(&b, row)
		}
	}
	page := read(t, filepath.Join(root, "docs", "classification.md"))
	first, last := page.generated(t, "tables")
	page.expect(t, first, last, b.String()+"\n")
}
