package classify_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
)

// example is an outcome with the rule that must decide about it, and what that rule must say.
type example struct {
	rule  string
	in    classify.Outcome
	class transports.Class
	wait  time.Duration
}

// Short names, since each row is one of a hundred.
const (
	again = transports.Transient
	slow  = transports.Rate
	never = transports.Permanent
	gone  = transports.Address
	ours  = transports.Configuration
	maybe = transports.Unknown
)

type outcome = classify.Outcome

func reply(at classify.Stage, status int, code string) outcome {
	return outcome{Stage: at, Status: status, Code: code, Attempt: 1, InARow: 1}
}

func broken(at classify.Stage, fault classify.Fault) outcome {
	return outcome{Stage: at, Fault: fault, Attempt: 1, InARow: 1}
}

// answered is an HTTP answer to a request with a key.
func answered(status int, code string) outcome {
	return outcome{Stage: classify.StageAnswer, Status: status, Code: code, Keyed: true, Attempt: 1, InARow: 1}
}

func (o example) with(change func(*classify.Outcome)) example {
	change(&o.in)
	return o
}

func saying(text string) func(*outcome)      { return func(o *outcome) { o.Text = text } }
func attempt(n int) func(*outcome)           { return func(o *outcome) { o.Attempt = n } }
func inARow(n int) func(*outcome)            { return func(o *outcome) { o.InARow = n } }
func failing(d time.Duration) func(*outcome) { return func(o *outcome) { o.Failing = d } }
func unkeyed(o *outcome)                     { o.Keyed = false }
func told(o *outcome)                        { o.RetryAfter = time.Second }

// examples are for each table what its rules decide; every rule has at least one, and each limit has both its sides.
func examples() map[string][]example {
	return map[string][]example{
		"SMTP": smtpExamples(),
		"HTTP": append(append(exchangeExamples(), serviceExamples()...), statusExamples()...),
		"Webhook": append(exchangeExamples(), []example{
			{"NoHost", broken(classify.StageRequest, classify.FaultNoHost), again, 0},
			{"NoTLS", broken(classify.StageRequest, classify.FaultCertificate), again, 0},
			{"NoTLS", broken(classify.StageRequest, classify.FaultTLS), again, 0},
			example{"NoTLS", broken(classify.StageRequest, classify.FaultTLS), again, 0}.with(failing(23 * time.Hour)),
			example{"NoTLS", broken(classify.StageRequest, classify.FaultTLS), ours, 0}.with(failing(24 * time.Hour)),
			{"Redirects", answered(301, ""), again, 0},
			{"Redirects", answered(308, ""), again, 0},
			{"Gone", answered(410, ""), gone, 0},
			{"RateLimited", answered(429, ""), slow, 0},
			example{"Overloaded", answered(503, ""), slow, time.Second}.with(told),
			{"Failed", answered(503, ""), again, 0},
			{"Failed", answered(500, ""), again, 0},
			{"Failed", answered(505, ""), again, 0},
			{"Failed", answered(408, ""), again, 0},
			{"Failed", answered(425, ""), again, 0},
			{"Rejected", answered(400, ""), again, 0},
			{"Rejected", answered(401, ""), again, 0},
			{"Rejected", answered(404, ""), again, 0},
			{"Rejected", answered(413, ""), again, 0},
		}...),
		"Slack": append(append(append(exchangeExamples(), serviceExamples()...), statusExamples()...), names(map[string][]string{
			"RateLimitedByName": {"ratelimited", "rate_limited"},
			"Message":           {"msg_too_long", "no_text", "invalid_blocks", "invalid_arguments"},
			"Channel":           {"channel_not_found", "is_archived", "not_in_channel", "restricted_action"},
			"Token":             {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope"},
			"Unavailable":       {"service_unavailable", "request_timeout"},
			"Internal":          {"internal_error", "fatal_error"},
		}, 200, map[string]transports.Class{
			"RateLimitedByName": slow, "Message": never, "Channel": gone, "Token": ours, "Unavailable": again, "Internal": maybe,
		})...),
		"Slack incoming webhook": append(append(append(exchangeExamples(), serviceExamples()...), statusExamples()...), []example{
			{"Payload", answered(400, "invalid_payload"), never, 0},
			{"Forbidden", answered(403, "action_prohibited"), ours, 0},
			{"Forbidden", answered(403, "invalid_token"), ours, 0},
			{"Hook", answered(404, "no_service"), gone, 0},
			{"Hook", answered(404, "no_active_hooks"), gone, 0},
			{"Hook", answered(404, "channel_not_found"), gone, 0},
			{"Hook", answered(410, "channel_is_archived"), gone, 0},
			{"Gone", answered(410, ""), gone, 0},
			{"Rollup", answered(500, "rollup_error"), again, 0},
		}...),
		"Discord": append(append(append(exchangeExamples(), serviceExamples()...), statusExamples()...), []example{
			{"Gone", answered(404, "10015"), gone, 0},
			{"Gone", answered(404, "10003"), gone, 0},
			{"Token", answered(401, "50027"), ours, 0},
			{"Channel", answered(403, "50001"), gone, 0},
			{"Channel", answered(403, "50013"), gone, 0},
			{"Channel", answered(403, "50007"), gone, 0},
			{"Message", answered(400, "50006"), never, 0},
			{"Message", answered(400, "50035"), never, 0},
			{"Message", answered(413, "40005"), never, 0},
		}...),
		"Discord webhook": append(append(append(exchangeExamples(), serviceExamples()...), webhookStatuses()...), []example{
			{"Gone", answered(404, "10015"), gone, 0},
			{"Gone", answered(401, "50027"), gone, 0},
			{"Gone", answered(404, ""), gone, 0},
			{"Refused", answered(403, "50013"), gone, 0},
			{"Refused", answered(400, "10003"), gone, 0},
			{"Message", answered(400, "50006"), never, 0},
			{"Message", answered(400, "50035"), never, 0},
			{"Message", answered(413, "40005"), never, 0},
		}...),
		"Twilio":   append(append(append(exchangeExamples(), serviceExamples()...), statusExamples()...), twilioExamples()...),
		"Resend":   append(append(append(exchangeExamples(), serviceExamples()...), statusExamples()...), resendExamples()...),
		"Web push": append(append(exchangeExamples(), serviceExamples()...), pushExamples()...),
	}
}

// webhookStatuses are the examples of statuses, but for those that mean the webhook's end.
func webhookStatuses() []example {
	return slices.DeleteFunc(statusExamples(), func(e example) bool { return e.in.Status == 401 || e.in.Status == 404 })
}

func TestEveryRuleDecidesItsExamples(t *testing.T) {
	t.Parallel()
	all := examples()
	require.Len(t, all, len(classify.Tables()))
	for _, table := range classify.Tables() {
		t.Run(table.Name(), func(t *testing.T) {
			t.Parallel()
			decided := map[string]bool{}
			then := map[string]bool{}
			for _, e := range all[table.Name()] {
				rule, found := table.Find(e.in)
				require.True(t, found, "no rule decides about %+v", e.in)
				require.Equal(t, e.rule, rule.Name, "%+v", e.in)
				got := table.Classify(e.in)
				require.Equal(t, e.class, got.Class, "%s: %+v", e.rule, e.in)
				require.Equal(t, e.wait, got.RetryAfter, "%s: %+v", e.rule, e.in)
				require.Equal(t, rule.Detail, got.Detail)
				require.False(t, got.Unclassified)
				if got.Class == rule.Class {
					decided[e.rule] = true
				} else {
					then[e.rule] = true
				}
			}
			for _, r := range table.Rules() {
				require.True(t, decided[r.Name], "%s has no example", r.Name)
				require.Equal(t, r.Then != "", then[r.Name], "%s has no example past its limit", r.Name)
			}
		})
	}
}

func TestWhatIsNotListedIsTransientAndMarked(t *testing.T) {
	t.Parallel()
	for name, outcomes := range map[string][]outcome{
		"SMTP":   {reply(classify.StageRcpt, 599, "5.9.9"), reply(classify.StageEnd, 500, "5.5.2"), reply(classify.StageMail, 250, "")},
		"HTTP":   {answered(418, ""), answered(302, ""), answered(200, ""), broken(classify.StageRequest, classify.FaultNoTLS)},
		"Slack":  {answered(200, "an_error_of_tomorrow"), answered(200, "")},
		"Twilio": {answered(402, "29999")},
	} {
		for _, table := range classify.Tables() {
			if table.Name() != name {
				continue
			}
			for _, o := range outcomes {
				got := table.Classify(o)
				require.True(t, got.Unclassified, "%s: %+v", name, o)
				require.Equal(t, again, got.Class)
			}
		}
	}
}
