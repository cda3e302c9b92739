package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
)

// FuzzParse feeds anything: nothing panics, every problem has a place, and the same text gives the same again.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.yaml")
	require.NoError(f, err)
	for _, path := range paths {
		source, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(source)
	}
	for _, source := range []string{
		"a: &x [*x]\n<<: *x\n", "? [q]\n: 3\n", "a: !!binary x", "{a: {b: [", "events: {a.b: {sample: {x: .nan}}}",
		"%YAML 1.2\n---\n", "database_url: ${", "a: |2-\n  b", "- ? - &a *a", "&a : *a", "worker: {lease: 99999999999999999999d}",
	} {
		f.Add([]byte(source))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		first, err := config.Parse("c.yaml", source, three(), environment)
		second, again := config.Parse("c.yaml", source, three(), environment)
		if err != nil {
			require.EqualError(t, again, err.Error())
			var all config.Problems
			require.ErrorAs(t, err, &all)
			for _, p := range all {
				require.Positive(t, p.Line)
				require.Positive(t, p.Column)
				require.NotEmpty(t, p.Message)
			}
			return
		}
		require.NoError(t, again)
		require.Equal(t, first.DatabaseURL, second.DatabaseURL)
		require.Equal(t, first.Worker, second.Worker)
		require.Len(t, second.Transports, len(first.Transports))
		events, others := first.Dispatcher.Registry().Events(), second.Dispatcher.Registry().Events()
		require.Len(t, others, len(events))
		for i, event := range events {
			require.Equal(t, event.Wire, others[i].Wire)
			require.Equal(t, event.Fields, others[i].Fields)
		}
	})
}
