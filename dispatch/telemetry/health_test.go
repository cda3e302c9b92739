package telemetry_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/telemetry"
)

// clocked is a telemetry with one lane, and its clock.
func clocked(t *testing.T) (tel *telemetry.Telemetry, pass func(time.Duration)) {
	t.Helper()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tel, err := telemetry.New(&telemetry.Config{NowFunc: func() time.Time { return now }})
	require.NoError(t, err)
	return tel, func(d time.Duration) { now = now.Add(d) }
}

func TestAWorkerThatHasNotBegunIsAliveAndNotStarted(t *testing.T) {
	t.Parallel()
	tel, pass := clocked(t)
	tel.Lane("email_default", 1)
	pass(time.Hour)
	require.True(t, tel.Health().Alive())
	require.False(t, tel.Health().Started)
	require.True(t, (*telemetry.Telemetry)(nil).Health().Alive())
}

func TestALaneThatNobodyLooksAtIsStuckWhileTheDatabaseAnswers(t *testing.T) {
	t.Parallel()
	tel, pass := clocked(t)
	tel.Lane("email_default", 1)
	tel.Beat(nil)
	require.True(t, tel.Health().Started)
	pass(telemetry.LaneLimit)
	tel.Beat(nil)
	require.True(t, tel.Health().Alive(), "at the limit")
	pass(time.Second)
	tel.Beat(nil)
	require.False(t, tel.Health().Alive())
	require.Equal(t, []telemetry.LaneHealth{{Lane: "email_default", Age: telemetry.LaneLimit + time.Second, Stuck: true}}, tel.Health().Lanes)
	tel.Looked("email_default")
	require.True(t, tel.Health().Alive())
}

func TestWithoutADatabaseNoLaneIsStuck(t *testing.T) {
	t.Parallel()
	tel, pass := clocked(t)
	tel.Lane("email_default", 1)
	tel.Beat(nil)
	for range 100 {
		pass(30 * time.Second)
		tel.Beat(errors.New("no database"))
		require.True(t, tel.Health().Alive())
		require.False(t, tel.Health().Started)
	}
	tel.Beat(nil)
	require.True(t, tel.Health().Alive(), "the lanes have their time from when the database is back")
	require.True(t, tel.Health().Started)
}

func TestAnUpkeepThatDoesNotComeBackIsStuck(t *testing.T) {
	t.Parallel()
	tel, pass := clocked(t)
	tel.Beat(nil)
	pass(telemetry.PulseLimit)
	require.True(t, tel.Health().Alive())
	pass(time.Second)
	require.False(t, tel.Health().Alive())
	tel.Beat(errors.New("it came back, with bad news"))
	require.True(t, tel.Health().Alive())
}
