package main

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/cli"
	"github.com/carillon-notify/carillon/receipts"
)

func TestMomentsAreDaysTimesOrAges(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 10, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2026-01-31": "2026-01-31T00:00:00Z", "2026-01-31T08:00:00+02:00": "2026-01-31T06:00:00Z",
		"90m": "2026-07-10T10:30:00Z", "7d": "2026-07-03T12:00:00Z", "0s": "2026-07-10T12:00:00Z",
	} {
		got, err := parseMoment("since", text, now)
		require.NoError(t, err, text)
		require.Equal(t, want, got.UTC().Format(time.RFC3339), text)
	}
	none, err := parseMoment("since", "", now)
	require.NoError(t, err)
	require.Nil(t, none)
	for _, text := range []string{"soon", "-1h", "-7d", "d", "1.5d", "99999999d", "2026-13-01", "7 d"} {
		_, err := parseMoment("since", text, now)
		var usage *usageError
		require.ErrorAs(t, err, &usage, text)
	}
}

// /dev/null is a device like a terminal, but nobody sits there.
func TestTheEndOfTheInputIsNoConsent(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer func() { require.NoError(t, null.Close()) }()
	var words bytes.Buffer
	o := &operate{
		app: &app{in: null, err: cli.NewRedactor(&words), watched: true}, action: receipts.ActionRetry,
		flags: &operateFlags{}, result: operated{Matched: 3},
	}
	var usage *usageError
	require.ErrorAs(t, o.confirm(t.Context()), &usage)
	require.Equal(t, "carillon: retry 3 receipts? [y/N] ", words.String())
	o.flags.yes = true
	require.NoError(t, o.confirm(t.Context()))
}

func TestProgressIsOnlyForThoseWhoWatch(t *testing.T) {
	t.Parallel()
	for watched, want := range map[bool]string{
		false: "",
		true: "\rcarillon: retry [..............................] 0 of 4" +
			"\rcarillon: retry [#######.......................] 1 of 4" +
			"\rcarillon: retry [##############################] 4 of 4\n",
	} {
		var words bytes.Buffer
		o := &operate{app: &app{err: cli.NewRedactor(&words), watched: watched}, action: receipts.ActionRetry, result: operated{Matched: 4}}
		advance, end := o.bar()
		advance(1)
		advance(3)
		end()
		require.Equal(t, want, words.String())
	}
}
