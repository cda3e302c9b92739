//go:build fault

package failpoint_test

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/failpoint"
)

const childVariable = "CARILLON_TEST_PASSES"

// TestMain passes the points that the variable asks for when it is a child.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	failpoint.Pass(failpoint.C1)
	for range 3 {
		failpoint.Pass(failpoint.S1, "ann@example.com")
	}
	failpoint.Pass(failpoint.S1, "poison@example.com")
	_, _ = os.Stdout.WriteString("alive")
}

// child runs this program with an armed environment.
func child(t *testing.T, spec string) (output string, took time.Duration, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=1", failpoint.Variable+"="+spec)
	begun := time.Now()
	raw, err := cmd.CombinedOutput()
	return string(raw), time.Since(begun), err
}

func killed(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

func TestAPointKillsAtItsPassOnly(t *testing.T) {
	t.Parallel()
	for spec, dies := range map[string]bool{
		"":                      false,
		"S1=kill:4":             true,
		"S1=kill:5":             false,
		"S1=kill~poison":        true,
		"S1=kill~bob":           false,
		"R1=kill:1,C1=kill:1":   true,
		"R1=kill:1,S7=kill:100": false,
	} {
		output, _, err := child(t, spec)
		require.Equal(t, dies, killed(err), "%s: %s", spec, output)
		if dies {
			require.Contains(t, output, "failpoint: kill at ", spec)
		} else {
			require.Equal(t, "alive", output, spec)
		}
	}
}

func TestAPointBlocksForItsTime(t *testing.T) {
	t.Parallel()
	output, took, err := child(t, "C1=block:1:300ms")
	require.NoError(t, err)
	require.Contains(t, output, "failpoint: block at C1")
	require.Contains(t, output, "alive")
	require.GreaterOrEqual(t, took, 300*time.Millisecond)
}

func TestWhatCannotBeReadPanics(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{"S1", "S1=explode:1", "S1=kill:x", "S1=block:1:later"} {
		output, _, err := child(t, spec)
		require.Error(t, err, spec)
		require.Contains(t, output, "is not POINT=ACTION:PASS", spec)
	}
}
