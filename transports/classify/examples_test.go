package classify_test

import (
	"maps"
	"slices"
	"time"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
)

// names makes an example of each code of each rule.
func names(codes map[string][]string, status int, class map[string]transports.Class) []example {
	var all []example
	for _, rule := range slices.Sorted(maps.Keys(codes)) {
		for _, code := range codes[rule] {
			all = append(all, example{rule: rule, in: answered(status, code), class: class[rule]})
		}
	}
	return all
}

func smtpExamples() []example {
	const wait = time.Minute
	all := []example{
		{"EndLost", broken(classify.StageEnd, classify.FaultLost), maybe, 0},
		{"EndTimeout", broken(classify.StageEnd, classify.FaultTimeout), maybe, 0},
		{"EndDeadline", broken(classify.StageEnd, classify.FaultDeadline), maybe, 0},
		{"EndCancelled", broken(classify.StageEnd, classify.FaultCancelled), maybe, 0},
		{"EndGarbage", broken(classify.StageEnd, classify.FaultProtocol), maybe, 0},
		{"Deadline", broken(classify.StageRcpt, classify.FaultDeadline), again, 0},
		{"Cancelled", broken(classify.StageConnect, classify.FaultCancelled), again, 0},
		{"NoHost", broken(classify.StageConnect, classify.FaultNoHost), again, 0},
		example{"NoHost", broken(classify.StageConnect, classify.FaultNoHost), again, 0}.with(attempt(2)),
		example{"NoHost", broken(classify.StageConnect, classify.FaultNoHost), ours, 0}.with(attempt(3)),
		{"NotResolved", broken(classify.StageConnect, classify.FaultResolve), again, 0},
		{"Certificate", broken(classify.StageTLS, classify.FaultCertificate), ours, 0},
		{"Handshake", broken(classify.StageTLS, classify.FaultTLS), ours, 0},
		{"NoStartTLS", broken(classify.StageTLS, classify.FaultNoTLS), ours, 0},
		{"NoLogin", broken(classify.StageAuth, classify.FaultNoAuth), ours, 0},
		{"NoUTF8", broken(classify.StageCheck, classify.FaultNoUTF8), never, 0},
		{"OverSize", broken(classify.StageCheck, classify.FaultTooBig), never, 0},
		{"Unreachable", broken(classify.StageConnect, classify.FaultLost), again, 0},
		{"Lost", broken(classify.StageMail, classify.FaultLost), again, 0},
		{"Lost", broken(classify.StageBody, classify.FaultLost), again, 0},
		{"Timeout", broken(classify.StageGreeting, classify.FaultTimeout), again, 0},
		{"Timeout", broken(classify.StageConnect, classify.FaultTimeout), again, 0},
		{"Garbage", broken(classify.StageHello, classify.FaultProtocol), again, 0},
		{"Busy", reply(classify.StageEnd, 421, "4.3.2"), slow, 0},
		{"Busy", reply(classify.StageGreeting, 421, ""), slow, 0},
		example{"Throttled", reply(classify.StageEnd, 454, ""), slow, 0}.with(saying("throttling failure: maximum sending rate exceeded.")),
		example{"Throttled", reply(classify.StageEnd, 452, "4.3.1"), slow, 0}.with(saying("4.3.1 throttled")),
		{"Credentials", reply(classify.StageAuth, 535, "5.7.8"), ours, 0},
		{"Credentials", reply(classify.StageAuth, 534, "5.7.9"), ours, 0},
		{"Credentials", reply(classify.StageAuth, 538, "5.7.11"), ours, 0},
		{"Credentials", reply(classify.StageMail, 530, "5.7.0"), ours, 0},
		{"LoginRefused", reply(classify.StageAuth, 504, "5.5.4"), ours, 0},
		{"LoginLater", reply(classify.StageAuth, 454, "4.7.0"), again, 0},
		{"StartTLSRefused", reply(classify.StageTLS, 501, "5.5.4"), ours, 0},
		{"StartTLSLater", reply(classify.StageTLS, 454, "4.7.0"), again, 0},
		{"GreetingRefused", reply(classify.StageGreeting, 554, "5.7.1"), again, 0},
		{"GreetingRefused", reply(classify.StageHello, 450, ""), again, 0},
		{"SenderLater", reply(classify.StageMail, 451, "4.1.8"), again, 0},
		{"SenderRefused", reply(classify.StageMail, 550, "5.1.8"), never, 0},
		{"SenderRefused", reply(classify.StageMail, 553, "5.7.1"), never, 0},
		example{"SenderRefused", reply(classify.StageMail, 553, "5.7.1"), ours, 0}.with(inARow(10)),
		{"MailboxFull", reply(classify.StageRcpt, 552, "5.2.2"), again, wait},
		example{"MailboxFull", reply(classify.StageEnd, 552, "5.2.2"), again, wait}.with(attempt(2)),
		example{"MailboxFull", reply(classify.StageEnd, 552, "5.2.2"), never, 0}.with(attempt(3)),
		{"MailboxDisabled", reply(classify.StageRcpt, 550, "5.2.1"), never, 0},
		{"Exchange", reply(classify.StageRcpt, 550, "5.4.1"), never, 0},
		{"TooBig", reply(classify.StageEnd, 552, "5.3.4"), never, 0},
		{"Policy", reply(classify.StageRcpt, 550, "5.7.1"), never, 0},
		{"Policy", reply(classify.StageEnd, 554, "5.7.1"), never, 0},
		{"Policy", reply(classify.StageEnd, 550, "5.7.26"), never, 0},
		example{"Policy", reply(classify.StageEnd, 550, "5.7.26"), never, 0}.with(inARow(9)),
		example{"Policy", reply(classify.StageEnd, 550, "5.7.26"), ours, 0}.with(inARow(10)),
		{"NotHere", reply(classify.StageRcpt, 551, ""), gone, 0},
		{"NotHere", reply(classify.StageRcpt, 553, "5.0.0"), gone, 0},
		example{"TooBigBare", reply(classify.StageEnd, 552, ""), never, 0}.with(saying("message size exceeds fixed limit")),
		{"StorageExceeded", reply(classify.StageRcpt, 552, ""), again, wait},
		example{"StorageExceeded", reply(classify.StageRcpt, 552, ""), never, 0}.with(attempt(3)),
		{"RefusedForGood", reply(classify.StageRcpt, 550, ""), never, 0},
		{"RefusedForGood", reply(classify.StageEnd, 554, "5.0.0"), never, 0},
		example{"RefusedForGood", reply(classify.StageEnd, 554, ""), ours, 0}.with(inARow(10)),
		{"Greylisted", reply(classify.StageRcpt, 450, ""), again, wait},
		{"Greylisted", reply(classify.StageRcpt, 451, "4.7.1"), again, wait},
		{"Greylisted", reply(classify.StageRcpt, 452, "4.2.2"), again, wait},
		{"Greylisted", reply(classify.StageRcpt, 452, "4.5.3"), again, wait},
		{"RefusedForNow", reply(classify.StageEnd, 451, "4.3.0"), again, 0},
		{"RefusedForNow", reply(classify.StageData, 454, "4.7.0"), again, 0},
		{"RefusedForNow", reply(classify.StageRcpt, 454, "4.7.0"), again, 0},
	}
	for _, code := range []string{"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"} {
		for _, stage := range []classify.Stage{classify.StageRcpt, classify.StageData, classify.StageEnd} {
			all = append(all, example{"NoRecipient", reply(stage, 550, code), gone, 0})
		}
	}
	return all
}

func exchangeExamples() []example {
	return []example{
		{"AnswerLost", broken(classify.StageAnswer, classify.FaultLost), maybe, 0},
		{"AnswerLost", broken(classify.StageAnswer, classify.FaultTimeout), maybe, 0},
		{"AnswerLost", broken(classify.StageAnswer, classify.FaultProtocol), maybe, 0},
		{"AnswerDeadline", broken(classify.StageAnswer, classify.FaultDeadline), maybe, 0},
		{"AnswerDeadline", broken(classify.StageAnswer, classify.FaultCancelled), maybe, 0},
		{"Deadline", broken(classify.StageRequest, classify.FaultDeadline), again, 0},
		{"Cancelled", broken(classify.StageRequest, classify.FaultCancelled), again, 0},
		{"Blocked", broken(classify.StageRequest, classify.FaultBlocked), never, 0},
		{"NotResolved", broken(classify.StageRequest, classify.FaultResolve), again, 0},
		{"Lost", broken(classify.StageRequest, classify.FaultLost), again, 0},
		{"Timeout", broken(classify.StageRequest, classify.FaultTimeout), again, 0},
		{"Garbage", broken(classify.StageRequest, classify.FaultProtocol), again, 0},
		{"TooBig", broken(classify.StageRequest, classify.FaultTooBig), never, 0},
	}
}

func serviceExamples() []example {
	return []example{
		{"NoHost", broken(classify.StageRequest, classify.FaultNoHost), again, 0},
		example{"NoHost", broken(classify.StageRequest, classify.FaultNoHost), ours, 0}.with(attempt(3)),
		{"NoTLS", broken(classify.StageRequest, classify.FaultCertificate), ours, 0},
		{"NoTLS", broken(classify.StageRequest, classify.FaultTLS), ours, 0},
	}
}

func statusExamples() []example {
	all := []example{
		{"RateLimited", answered(429, ""), slow, 0},
		example{"RateLimited", answered(429, ""), slow, time.Second}.with(told),
		{"Credentials", answered(401, ""), ours, 0},
		{"Credentials", answered(403, ""), ours, 0},
		{"TooEarly", answered(425, ""), again, 0},
		{"NotImplemented", answered(501, ""), never, 0},
		{"NotImplemented", answered(505, ""), never, 0},
	}
	for _, status := range []int{400, 404, 405, 409, 413, 415, 422} {
		all = append(all, example{"Rejected", answered(status, ""), never, 0})
	}
	for _, status := range []int{408, 500, 502, 503, 504} {
		all = append(all,
			example{"Failed", answered(status, ""), again, 0},
			example{"FailedUnkeyed", answered(status, ""), maybe, 0}.with(unkeyed))
	}
	return all
}

func twilioExamples() []example {
	all := names(map[string][]string{
		"OptedOut":          {"21610"},
		"Number":            {"21211", "21214", "21217", "21614", "30005", "30006"},
		"Message":           {"21612", "21617", "21619", "30004", "30007"},
		"Account":           {"20003", "21408", "21606", "21608", "21212", "30002", "30034"},
		"RateLimitedByCode": {"20429", "30001", "30022", "14107"},
		"Carrier":           {"30003", "30008", "30017"},
		"Internal":          {"20500"},
	}, 400, map[string]transports.Class{
		"OptedOut": gone, "Number": gone, "Message": never, "Account": ours, "RateLimitedByCode": slow, "Carrier": again,
		"Internal": maybe,
	})
	return append(all,
		example{"QueueFull", answered(429, "21611"), slow, 10 * time.Minute},
		example{"Carrier", answered(400, "30003"), never, 0}.with(attempt(2)))
}

func resendExamples() []example {
	all := []example{
		{"RateLimitedByName", answered(429, "rate_limit_exceeded"), slow, 0},
		{"Quota", answered(429, "daily_quota_exceeded"), slow, time.Hour},
		{"Quota", answered(429, "monthly_quota_exceeded"), slow, time.Hour},
		{"KeyReused", answered(409, "invalid_idempotent_request"), never, 0},
		{"UnderWay", answered(409, "concurrent_idempotent_requests"), again, 0},
		{"Domain", answered(403, "validation_error"), ours, 0},
		{"Security", answered(451, "security_error"), never, 0},
		{"Message", answered(400, "validation_error"), never, 0},
		{"Message", answered(400, "invalid_idempotency_key"), never, 0},
		{"Failed", answered(500, "application_error"), again, 0},
		{"Failed", answered(500, "internal_server_error"), again, 0},
		example{"FailedUnkeyed", answered(500, "application_error"), maybe, 0}.with(unkeyed),
	}
	for status, codes := range map[int][]string{
		401: {"missing_api_key", "restricted_api_key"}, 403: {"invalid_api_key"}, 404: {"not_found"}, 405: {"method_not_allowed"},
	} {
		for _, code := range codes {
			all = append(all, example{"Account", answered(status, code), ours, 0})
		}
	}
	for _, code := range []string{"missing_required_field", "invalid_attachment", "invalid_from_address", "invalid_parameter"} {
		all = append(all, example{"Message", answered(422, code), never, 0})
	}
	return append(all, example{"Account", answered(422, "invalid_access"), ours, 0})
}

func pushExamples() []example {
	return []example{
		{"Gone", answered(404, ""), gone, 0},
		{"Gone", answered(410, ""), gone, 0},
		{"Keys", answered(401, ""), gone, 0},
		{"Keys", answered(403, ""), gone, 0},
		example{"Keys", answered(403, ""), ours, 0}.with(inARow(10)),
		{"RateLimitedPush", answered(406, ""), slow, 0},
		{"RateLimitedPush", answered(429, ""), slow, 0},
		{"Rejected", answered(400, ""), never, 0},
		{"Rejected", answered(413, ""), never, 0},
		{"FailedPush", answered(500, ""), again, 0},
		{"FailedPush", answered(503, ""), again, 0},
	}
}
