package classify

import (
	"slices"
	"time"

	"github.com/carillon-notify/carillon/transports"
)

// Resend is the table of Resend's API, whose errors have names, the Code here. It keeps a key for a day: Keyed must not be
// set for a message that is older. https://resend.com/docs/api-reference/errors
func Resend() Table { return resendTable }

// quotaTurns is how long a quota of a day or a month needs at the least.
const quotaTurns = time.Hour

var resendTable = Table{name: "Resend", rules: slices.Concat(exchange, service, []Rule{
	{Name: "RateLimitedByName", Codes: []string{"rate_limit_exceeded"}, Class: transports.Rate, Detail: "Resend limits our rate"},
	{
		Name: "Quota", Codes: []string{"daily_quota_exceeded", "monthly_quota_exceeded"}, Wait: quotaTurns,
		Class: transports.Rate, Detail: "the account's quota of mails is used up",
	},
	{
		Name: "KeyReused", Codes: []string{"invalid_idempotent_request"},
		Class: transports.Permanent, Detail: "Resend took a mail under this key before, with other content, and may have sent it",
	},
	{
		Name: "UnderWay", Codes: []string{"concurrent_idempotent_requests"},
		Class: transports.Transient, Detail: "Resend is still busy with an earlier try",
	},
	{
		Name:  "Account",
		Codes: []string{"missing_api_key", "invalid_api_key", "restricted_api_key", "invalid_access", "not_found", "method_not_allowed"},
		Class: transports.Configuration, Detail: "Resend refuses the key, what it may do, or where we call",
	},
	{
		Name: "Message", Status: []int{400, 422},
		Codes: []string{
			"validation_error", "missing_required_field", "invalid_attachment", "invalid_from_address", "invalid_parameter",
			"invalid_idempotency_key",
		},
		Class: transports.Permanent, Detail: "Resend rejects the mail",
	},
	{
		Name: "Domain", Status: []int{403}, Codes: []string{"validation_error"},
		Class: transports.Configuration, Detail: "the sender's domain is not verified at Resend",
	},
	{Name: "Security", Codes: []string{"security_error"}, Class: transports.Permanent, Detail: "Resend holds the mail to be harmful"},
}, statuses)}
