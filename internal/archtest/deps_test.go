package archtest_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/archtest"
)

// TestDispatchLinksNoSDK asks the toolchain, where the rule "lean" reads imports.
func TestDispatchLinksNoSDK(t *testing.T) {
	t.Parallel()
	list := func(pkg string) []string {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", pkg).Output()
		require.NoError(t, err)
		return strings.Fields(string(out))
	}
	linked := func(pkg string) []string {
		var found []string
		for _, dep := range list(pkg) {
			for _, library := range archtest.Confined() {
				if dep == library || strings.HasPrefix(dep, library+"/") {
					found = append(found, dep)
				}
			}
		}
		return found
	}
	require.Empty(t, linked("../../dispatch"))
	require.NotEmpty(t, linked("../../transports/slack"), "the search finds what is there")
}
