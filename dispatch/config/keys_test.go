package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	got := strings.Join(config.Keys(), "\n") + "\n"
	golden := filepath.Join("testdata", "keys.golden")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	require.Equal(t, string(testdata(t, "keys.golden")), got)
}

func TestKeysOfTransports(t *testing.T) {
	t.Parallel()
	keys := config.Keys(three()...)
	require.Contains(t, keys, "transports.email.smtp")
	require.Contains(t, keys, "transports.gongs.names[]")
	require.Contains(t, keys, "transports.gongs.extra")
	require.NotContains(t, keys, "transports.email.-")
	require.NotContains(t, keys, "transports.*")
	require.True(t, slices.IsSorted(keys))
}

// Whatever [config.Keys] lists stands in full.yaml, of which TestEveryKeyArrives sees every value arrive.
func TestFullFileHasEveryKey(t *testing.T) {
	t.Parallel()
	var root map[string]any
	require.NoError(t, yaml.Unmarshal(testdata(t, "full.yaml"), &root))
	set := map[string]bool{}
	collect(root, "", set)
	for _, key := range config.Keys(three()...) {
		require.True(t, set[key], "full.yaml does not set %s", key)
	}
}

// collect notes the path of every value, and with * for each name on the way.
func collect(value any, path string, set map[string]bool) {
	set[path] = true
	switch v := value.(type) {
	case map[string]any:
		for key, below := range v {
			prefix := path + "."
			if path == "" {
				prefix = ""
			}
			collect(below, prefix+key, set)
			collect(below, prefix+"*", set)
		}
	case []any:
		for _, below := range v {
			collect(below, path+"[]", set)
		}
	}
}
