package transporttest_test

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports/transporttest"
)

// viceEnv names the vice of the transport that TestVice runs the suite on, in a process of its own.
const viceEnv = "CARILLON_TRANSPORTTEST_VICE"

// not parallel: the suite looks for goroutines that were left behind
func TestPagerConforms(t *testing.T) {
	transporttest.Run(t, pagerHarness(""))
}

// TestVice fails by intention; only TestSuiteFindsVices starts it.
//
// not parallel: the suite looks for goroutines that were left behind
func TestVice(t *testing.T) {
	vice := os.Getenv(viceEnv)
	if vice == "" {
		t.Skip("it is started by TestSuiteFindsVices")
	}
	transporttest.Run(t, pagerHarness(vice))
}

func TestSuiteFindsVices(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{ // vice: the checks that must fail, and no others
		"another name":             {"Spec"},
		"deaf to the context":      {"CancelledBefore", "CancelledDuring", "DeadlineDuring"},
		"truncates in bytes":       {"WholeRunes"},
		"random content":           {"SameOnEveryTry"},
		"clock in the content":     {"SameOnEveryTry"},
		"random key":               {"SameOnEveryTry"},
		"one key for all":          {"Concurrent", "DifferentReceipts"},
		"interprets":               {"HostileText"},
		"leaves a goroutine":       {"NoGoroutineLeft"},
		"any address":              {"HostileAddress", "NoAddress"},
		"wrong class":              {"Classifies"},
		"reads for ever":           {"BoundedAnswers"},
		"leaves connections":       {"NoConnectionLeft"},
		"careless about options":   {"Options"},
		"an option goes elsewhere": {"Options"},
		"any fixed address":        {"Addresses"},
		"address in the check":     {"Addresses"},
		"sends twice":              nil, // everywhere, so only the first is required below
		"secret in the error":      nil,
		"address in the error":     nil,
		"secret in the result":     nil,
	}
	first := map[string]string{
		"sends twice": "Delivers", "secret in the error": "Classifies",
		"address in the error": "Classifies", "secret in the result": "Delivers",
	}
	failed := regexp.MustCompile(`(?m)^ {4}--- FAIL: TestVice/(\w+) `)
	for vice, want := range tests {
		t.Run(vice, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestVice$", "-test.v")
			cmd.Env = append(os.Environ(), viceEnv+"="+vice)
			output, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "the suite passed a transport that %s:\n%s", vice, output)

			var got []string
			for _, m := range failed.FindAllSubmatch(output, -1) {
				got = append(got, string(m[1]))
			}
			if want == nil {
				require.Contains(t, got, first[vice], "%s", output)
				return
			}
			slices.Sort(got)
			require.Equal(t, want, got, "%s", output)
		})
	}
}
