package classify

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter is the longest wait that [RetryAfter] tells: a provider that asks for more is asked again after a day.
const MaxRetryAfter = 24 * time.Hour

// RetryAfter reads how long an answer asks to wait. The value is that of the Retry-After field or a provider's own number
// of seconds: whole or fractional seconds, or an HTTP date, which is measured against the answer's own Date field, so
// that the provider's clock need not be ours. Without a readable date it is measured against now.
//
// It is 0 for a value that is empty, cannot be read, or lies in the past: the caller then waits as it would have anyway.
// It is rounded up to a millisecond and is at most [MaxRetryAfter].
func RetryAfter(value, date string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" || len(value) > 64 {
		return 0
	}
	if isDecimal(value) {
		seconds, err := strconv.ParseFloat(value, 64)
		if err != nil || seconds > MaxRetryAfter.Seconds() {
			return MaxRetryAfter // the only error left is a number out of range
		}
		return bounded(time.Duration(seconds * float64(time.Second)))
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if said, err := http.ParseTime(strings.TrimSpace(date)); err == nil {
		now = said
	}
	return bounded(at.Sub(now))
}

// bounded keeps d between 0 and MaxRetryAfter, in whole milliseconds.
func bounded(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return (min(d, MaxRetryAfter) + time.Millisecond - 1).Truncate(time.Millisecond)
}

// isDecimal accepts digits with at most one dot among or after them: ParseFloat alone would take signs, exponents,
// hexadecimals and infinity as well.
func isDecimal(text string) bool {
	digits, dots := 0, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			dots++
		default:
			return false
		}
	}
	return digits > 0 && dots <= 1
}
