package docs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// not parallel: with -update it writes the page that others read.
func TestOutcomesAreThoseOfTheStandIns(t *testing.T) {
	table, err := os.ReadFile(filepath.Join(root, "internal", "rig", "testdata", "outcomes.md"))
	require.NoError(t, err)
	page := read(t, filepath.Join(root, "docs", "transports.md"))
	first, last := page.generated(t, "outcomes")
	page.expect(t, first, last, "\n"+string(table)+"\n")
}
