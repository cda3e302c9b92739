package classify

import (
	"slices"

	"github.com/carillon-notify/carillon/transports"
)

// HTTP is the table of a provider's API over HTTP, for services without a table of their own. Keyed must be set where the
// request bears an idempotency key: without one a server's 500 may be a message sent.
func HTTP() Table { return httpTable }

// exchange are the rules about requests that got no answer. They are the same for all that speak HTTP.
var exchange = []Rule{
	{
		Name: "AnswerLost", Stages: []Stage{StageAnswer}, Faults: []Fault{FaultLost, FaultTimeout, FaultProtocol},
		Class: transports.Unknown, Detail: "the request was sent, and its answer was lost",
	},
	{
		Name: "AnswerDeadline", Stages: []Stage{StageAnswer}, Faults: []Fault{FaultDeadline, FaultCancelled},
		Class: transports.Unknown, Detail: "the request was sent, and the send ended before its answer came",
	},
	{Name: "Deadline", Faults: []Fault{FaultDeadline}, Class: transports.Transient, Detail: "the send deadline passed"},
	{Name: "Cancelled", Faults: []Fault{FaultCancelled}, Class: transports.Transient, Detail: "the send was cancelled"},
	{
		Name: "Blocked", Faults: []Fault{FaultBlocked},
		Class: transports.Permanent, Detail: "the destination is not allowed (see the egress settings)",
	},
	{Name: "NotResolved", Faults: []Fault{FaultResolve}, Class: transports.Transient, Detail: "the host cannot be looked up now"},
	{Name: "Lost", Faults: []Fault{FaultLost}, Class: transports.Transient, Detail: "the host cannot be reached"},
	{Name: "Timeout", Faults: []Fault{FaultTimeout}, Class: transports.Transient, Detail: "the host did not answer in time"},
	{Name: "Garbage", Faults: []Fault{FaultProtocol}, Class: transports.Transient, Detail: "the answer could not be understood"},
	{Name: "TooBig", Faults: []Fault{FaultTooBig}, Class: transports.Permanent, Detail: "the message is too big"},
}

// service are the rules about hosts that we were configured with: what is wrong with them is our setting.
var service = []Rule{
	{
		Name: "NoHost", Faults: []Fault{FaultNoHost}, Class: transports.Transient, Tries: 3, Then: transports.Configuration,
		Detail: "the service's host name does not exist",
	},
	{
		Name: "NoTLS", Faults: []Fault{FaultCertificate, FaultTLS},
		Class: transports.Configuration, Detail: "the service's TLS or its certificate is not valid",
	},
}

// statuses are the rules about a service's answers that have nothing more to go by.
var statuses = []Rule{
	{Name: "RateLimited", Status: []int{429}, Class: transports.Rate, Detail: "the service limits our rate"},
	{
		Name: "Credentials", Status: []int{401, 403}, Class: transports.Configuration, Detail: "the service refuses our credentials",
	},
	{
		Name: "Rejected", Status: []int{400, 404, 405, 409, 413, 415, 422},
		Class: transports.Permanent, Detail: "the service rejects the message",
	},
	{Name: "TooEarly", Status: []int{425}, Class: transports.Transient, Detail: "the service did not take the request yet"},
	{
		Name: "FailedUnkeyed", Status: []int{408, 500, 502, 503, 504}, Unkeyed: true,
		Class: transports.Unknown, Detail: "the service failed, perhaps after it had taken the message",
	},
	{
		Name: "Failed", Status: []int{408, 500, 502, 503, 504},
		Class: transports.Transient, Detail: "the service failed",
	},
	{Name: "NotImplemented", Status: []int{501, 505}, Class: transports.Permanent, Detail: "the service cannot do this"},
}

var httpTable = Table{name: "HTTP", rules: slices.Concat(exchange, service, statuses)}
