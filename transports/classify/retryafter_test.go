package classify_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports/classify"
)

func TestRetryAfterInAllItsForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const (
		date  = "Sun, 01 Mar 2026 09:00:00 GMT" // the provider's clock is three hours behind
		later = "Sun, 01 Mar 2026 09:02:00 GMT"
	)
	tests := map[string]struct {
		value, date string
		want        time.Duration
	}{
		"Seconds":                {"120", "", 2 * time.Minute},
		"SecondsWithBlanks":      {" 120 ", "", 2 * time.Minute},
		"Fractional":             {"1.5", "", 1500 * time.Millisecond},
		"FractionalDiscord":      {"0.352", "", 352 * time.Millisecond},
		"RoundedUp":              {"0.0001", "", time.Millisecond},
		"DotInFront":             {".5", "", 500 * time.Millisecond},
		"DotBehind":              {"5.", "", 5 * time.Second},
		"Zero":                   {"0", "", 0},
		"Date":                   {later, date, 2 * time.Minute},
		"DateInTheZoneOfRFC850":  {"Sunday, 01-Mar-26 09:02:00 GMT", date, 2 * time.Minute},
		"DateAsANSI":             {"Sun Mar  1 09:02:00 2026", date, 2 * time.Minute},
		"DateAgainstOurClock":    {"Sun, 01 Mar 2026 12:02:00 GMT", "", 2 * time.Minute},
		"DateAgainstGarbageDate": {"Sun, 01 Mar 2026 12:02:00 GMT", "yesterday", 2 * time.Minute},
		"DatePast":               {date, later, 0},
		"DateNow":                {date, date, 0},
		"DateFar":                {"Sun, 01 Mar 2099 09:02:00 GMT", date, classify.MaxRetryAfter},
		"DateVeryFar":            {"Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", classify.MaxRetryAfter},
		"Day":                    {"86400", "", classify.MaxRetryAfter},
		"DayAndMore":             {"86401", "", classify.MaxRetryAfter},
		"ABillion":               {"1000000000", "", classify.MaxRetryAfter},
		"TooManyDigits":          {strings.Repeat("9", 64), "", classify.MaxRetryAfter},
		"TooLong":                {strings.Repeat("9", 65), "", 0},
		"Negative":               {"-5", "", 0},
		"Signed":                 {"+5", "", 0},
		"Exponent":               {"1e3", "", 0},
		"Hexadecimal":            {"0x10", "", 0},
		"Infinity":               {"Inf", "", 0},
		"NotANumber":             {"NaN", "", 0},
		"Underscore":             {"1_000", "", 0},
		"TwoDots":                {"1.2.3", "", 0},
		"OnlyADot":               {".", "", 0},
		"Unit":                   {"5s", "", 0},
		"List":                   {"5, 10", "", 0},
		"OtherDigits":            {"٣", "", 0},
		"Empty":                  {"", date, 0},
		"Garbage":                {"soon", date, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, classify.RetryAfter(tt.value, tt.date, now))
		})
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "1", "1.5", "-1", "1000000000", "Sun, 01 Mar 2026 09:02:00 GMT", "soon", "0x1p4"} {
		f.Add(seed, "Sun, 01 Mar 2026 09:00:00 GMT", int64(1e9))
	}
	f.Fuzz(func(t *testing.T, value, date string, unix int64) {
		now := time.Unix(unix%(1<<40), 0)
		wait := classify.RetryAfter(value, date, now)
		if wait < 0 || wait > classify.MaxRetryAfter || wait%time.Millisecond != 0 {
			t.Fatalf("%q is %s", value, wait)
		}
		if wait != classify.RetryAfter(" "+value+" ", date, now) && len(strings.TrimSpace(value)) < 60 {
			t.Fatalf("blanks change %q", value)
		}
		n, err := strconv.ParseUint(value, 10, 16)
		if err == nil && len(value) < 60 && wait != min(time.Duration(n)*time.Second, classify.MaxRetryAfter) {
			t.Fatalf("%q seconds are %s", value, wait)
		}
	})
}

// FuzzClassify asks every table about anything at all.
func FuzzClassify(f *testing.F) {
	f.Add("answer", "", 429, "ratelimited", "slow down", int64(time.Second), true, 1, 1)
	f.Add("RCPT", "", 550, "5.7.1", "5.7.1 no", int64(0), false, 3, 10)
	f.Add("end of DATA", "timeout", 0, "", "", int64(-1), false, -1, -1)
	f.Fuzz(func(t *testing.T, stage, fault string, status int, code, text string, wait int64, keyed bool, attempt, row int) {
		o := classify.Outcome{
			Stage: classify.Stage(stage), Fault: classify.Fault(fault), Status: status, Code: code, Text: text,
			RetryAfter: max(0, time.Duration(wait)), Keyed: keyed, Attempt: attempt, InARow: row,
		}
		for _, table := range classify.Tables() {
			e := table.Classify(o)
			_, listed := table.Find(o)
			if e.Detail == "" || e.Class == "" || e.Unclassified == listed || e.RetryAfter < 0 {
				t.Fatalf("%s: %+v is %+v", table.Name(), o, e)
			}
			if strings.ContainsAny(e.Code, "\r\n@ \t") && !strings.HasPrefix(e.Code, strconv.Itoa(status)+" ") {
				t.Fatalf("%s: the code is %q", table.Name(), e.Code)
			}
		}
	})
}
