package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersionIsReadFromTheBuild(t *testing.T) {
	t.Parallel()
	info := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "3772a45"}, {Key: "vcs.time", Value: "2026-11-20T14:00:00Z"}, {Key: "vcs.modified", Value: "true"},
	}}
	v := versionOf(info, 3)
	require.Equal(t, "3772a45", v.Revision)
	require.Equal(t, "2026-11-20T14:00:00Z", v.Time)
	require.True(t, v.Modified)
	v.Go = "go1.26"
	require.Equal(t, "carillon v1.2.3 (3772a45 modified, 2026-11-20T14:00:00Z, go1.26)\nschema   level 1, 3 migrations\n", v.String())

	for _, info := range []*debug.BuildInfo{nil, {}, {Main: debug.Module{Version: "(devel)"}}} {
		require.Equal(t, "devel", versionOf(info, 3).Version)
	}
}
