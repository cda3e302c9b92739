package transports_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
)

func TestLimitsAreReadAndWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]transports.Limit{
		"10/s": {Count: 10, Per: time.Second}, "300/min": {Count: 300, Per: time.Minute}, "5000/h": {Count: 5000, Per: time.Hour},
		"1/d": {Count: 1, Per: 24 * time.Hour}, "": {},
	} {
		var got transports.Limit
		require.NoError(t, got.UnmarshalText([]byte(text)))
		require.Equal(t, want, got)
		back, err := got.MarshalText()
		require.NoError(t, err)
		require.Equal(t, text, string(back))
	}
	for _, text := range []string{"10", "/s", "0/s", "-1/s", "10/w", "1.5/s", "10/s/s", "99999999/s"} {
		var got transports.Limit
		require.ErrorContains(t, got.UnmarshalText([]byte(text)), "such as 10/s", text)
	}
	require.Equal(t, 200*time.Millisecond, transports.Limit{Count: 300, Per: time.Minute}.Period())
	require.Zero(t, transports.Limit{}.Period())
}
