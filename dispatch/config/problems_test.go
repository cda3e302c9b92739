package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

func TestAllProblemsTogether(t *testing.T) {
	t.Parallel()
	got := strings.Join(problems(t, string(testdata(t, "wrong.yaml")), two()), "\n") + "\n"
	golden := filepath.Join("testdata", "wrong.golden")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	require.Equal(t, string(testdata(t, "wrong.golden")), got)
	require.NotContains(t, got, "hunter2")
}
