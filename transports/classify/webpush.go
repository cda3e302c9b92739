package classify

import (
	"slices"

	"github.com/carillon-notify/carillon/transports"
)

// WebPush is the table of push services. [transports.Address] means that the subscription is gone and is to be deleted.
// InARow counts the refusals of a push host: one says that the subscription is not ours, many that our keys are wrong.
// https://www.rfc-editor.org/rfc/rfc8030#section-5
func WebPush() Table { return pushTable }

var pushTable = Table{name: "Web push", rules: slices.Concat(exchange, service, []Rule{
	{Name: "Gone", Status: []int{404, 410}, Class: transports.Address, Detail: "the subscription is gone"},
	{
		Name: "Keys", Status: []int{401, 403}, Class: transports.Address, InARow: refusedInARow, Then: transports.Configuration,
		Detail: "the push service refuses our keys for this subscription",
	},
	{Name: "RateLimitedPush", Status: []int{406, 429}, Class: transports.Rate, Detail: "the push service limits our rate"},
	{Name: "Rejected", Status: []int{400, 413}, Class: transports.Permanent, Detail: "the push service rejects the message"},
	// A repetition replaces the one that is pending, so nothing is unknown about a failure.
	{Name: "FailedPush", Status: []int{5}, Class: transports.Transient, Detail: "the push service failed"},
})}
