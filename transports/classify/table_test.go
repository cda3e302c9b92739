package classify_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
)

var classes = []transports.Class{
	transports.Transient, transports.Rate, transports.Permanent, transports.Address, transports.Configuration,
	transports.Unknown,
}

var faults = []classify.Fault{
	classify.FaultNone, classify.FaultNoHost, classify.FaultResolve, classify.FaultLost, classify.FaultTimeout,
	classify.FaultDeadline, classify.FaultCancelled, classify.FaultProtocol, classify.FaultCertificate,
	classify.FaultTLS, classify.FaultBlocked, classify.FaultNoTLS, classify.FaultNoAuth, classify.FaultNoUTF8,
	classify.FaultTooBig, "a fault of tomorrow",
}

func TestEveryRuleIsWellFormed(t *testing.T) {
	t.Parallel()
	for _, table := range classify.Tables() {
		require.NotEmpty(t, table.Name())
		seen := map[string]bool{}
		for _, r := range table.Rules() {
			name := table.Name() + "/" + r.Name
			require.False(t, seen[r.Name], "%s is there twice", name)
			seen[r.Name] = true
			require.Contains(t, classes, r.Class, name)
			require.NotEmpty(t, r.Detail, name)
			require.NotEmpty(t, r.When(), "%s applies to everything", name)
			limits := 0
			for _, limited := range []bool{r.Tries > 0, r.InARow > 0, r.Failing > 0} {
				if limited {
					limits++
				}
			}
			require.LessOrEqual(t, limits, 1, "%s has one limit at most", name)
			require.Equal(t, limits == 1, r.Then != "", "%s has a limit and what follows, or neither", name)
			require.Equal(t, limits == 1, r.Limit() != "", name)
			for _, w := range r.Words {
				require.Equal(t, strings.ToLower(w), w, name)
			}
		}
	}
}

// TestEveryTableIsTotal asks about every stage, fault and status: there is always a class and words, and what no rule
// fits is transient and says so.
func TestEveryTableIsTotal(t *testing.T) {
	t.Parallel()
	stages := append(classify.SMTPStages(), classify.StageRequest, classify.StageAnswer, "", "a stage of tomorrow")
	cause := errors.New("SECRET")
	for _, table := range classify.Tables() {
		require.NotPanics(t, func() {
			for _, stage := range stages {
				for _, fault := range faults {
					for status := 0; status < 700; status++ {
						if fault != classify.FaultNone && status > 0 {
							break
						}
						o := classify.Outcome{Stage: stage, Fault: fault, Status: status, Text: "secret", Err: cause}
						check(t, table, o, table.Classify(o))
					}
				}
			}
		})
	}
}

func check(t *testing.T, table classify.Table, o classify.Outcome, e *transports.Error) {
	_, listed := table.Find(o)
	// Not by require for each part: there are tens of thousands of them.
	ok := slices.Contains(classes, e.Class) && e.Detail != "" && !strings.Contains(strings.ToLower(e.Error()), "secret") &&
		e.RetryAfter >= 0 && e.Unclassified == !listed && (listed || e.Class == transports.Transient) && errors.Is(e, o.Err)
	require.True(t, ok, "%s: %+v is %+v", table.Name(), o, e)
}

func TestNothingAfterTheDotIsCertain(t *testing.T) {
	t.Parallel()
	for _, fault := range []classify.Fault{
		classify.FaultLost, classify.FaultTimeout, classify.FaultDeadline, classify.FaultCancelled, classify.FaultProtocol,
	} {
		require.Equal(t, transports.Unknown, classify.SMTP().Classify(classify.Outcome{Stage: classify.StageEnd, Fault: fault}).Class)
		require.Equal(t, transports.Transient, classify.SMTP().Classify(classify.Outcome{Stage: classify.StageBody, Fault: fault}).Class)
		for _, table := range classify.Tables()[1:] {
			after := table.Classify(classify.Outcome{Stage: classify.StageAnswer, Fault: fault}).Class
			require.Equal(t, transports.Unknown, after, "%s: %s", table.Name(), fault)
			before := table.Classify(classify.Outcome{Stage: classify.StageRequest, Fault: fault}).Class
			require.Equal(t, transports.Transient, before, "%s: %s", table.Name(), fault)
		}
	}
}

func TestTheProvidersWaitIsKept(t *testing.T) {
	t.Parallel()
	limited := classify.Outcome{Stage: classify.StageAnswer, Status: 429, RetryAfter: 90 * time.Second}
	require.Equal(t, 90*time.Second, classify.HTTP().Classify(limited).RetryAfter)
	full := classify.Outcome{Stage: classify.StageAnswer, Status: 429, Code: "21611", RetryAfter: 90 * time.Second}
	require.Equal(t, 10*time.Minute, classify.Twilio().Classify(full).RetryAfter, "the rule's wait is the least")
	full.RetryAfter = time.Hour
	require.Equal(t, time.Hour, classify.Twilio().Classify(full).RetryAfter)
	rejected := classify.Outcome{Stage: classify.StageAnswer, Status: 400, RetryAfter: time.Hour}
	require.Zero(t, classify.HTTP().Classify(rejected).RetryAfter, "there is no next time")
	odd := classify.Outcome{Stage: classify.StageAnswer, Status: 299, RetryAfter: time.Minute}
	require.Equal(t, time.Minute, classify.HTTP().Classify(odd).RetryAfter, "an answer that is not listed may ask, too")
}

func TestACodeIsShownOnlyIfItLooksLikeOne(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"channel_not_found": "404 channel_not_found", "21211": "404 21211", "5.1.1": "404 5.1.1", "": "404",
		"xoxb secret": "404", "carla@example.com": "404", "a\r\nb": "404", strings.Repeat("x", 65): "404", "漢": "404",
	} {
		e := classify.HTTP().Classify(classify.Outcome{Stage: classify.StageAnswer, Status: 404, Code: code})
		require.Equal(t, want, e.Code, "%q", code)
	}
	lost := classify.HTTP().Classify(classify.Outcome{Fault: classify.FaultLost, Status: 200})
	require.Empty(t, lost.Code, "no answer has no code")
}

func TestRulesAreDescribed(t *testing.T) {
	t.Parallel()
	r := classify.Rule{
		Stages: []classify.Stage{classify.StageRcpt, classify.StageEnd}, Status: []int{550, 4}, Codes: []string{"5.7.", "5.1.1"},
		Bare: true, Words: []string{"a", "b"}, Told: true, Unkeyed: true, Then: transports.Permanent, Tries: 3,
	}
	require.Equal(t, "at RCPT, end of DATA; 550, 4xx; `5.7.*`, `5.1.1`; without a finer code; says “a”, “b”; with Retry-After; "+
		"of a request without an idempotency key", r.When())
	require.Equal(t, "permanent at attempt 3", r.Limit())
	require.Equal(t, "host unknown, timeout", classify.Rule{Faults: []classify.Fault{classify.FaultNoHost, classify.FaultTimeout}}.When())
}
