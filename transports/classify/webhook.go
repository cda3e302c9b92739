package classify

import (
	"slices"
	"time"

	"github.com/carillon-notify/carillon/transports"
)

// Webhook is the table of our own webhooks: POSTs to an endpoint that somebody registered, whose repetitions it can tell
// by their id. [transports.Address] means that the endpoint is gone and is to be disabled; Failing is the endpoint's.
//
// A receiver's bugs get mended, so what a service's 400 means for good is worth the whole schedule here. The rules follow
// Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
func Webhook() Table { return webhookTable }

var webhookTable = Table{name: "Webhook", rules: slices.Concat(exchange, []Rule{
	{Name: "NoHost", Faults: []Fault{FaultNoHost}, Class: transports.Transient, Detail: "the endpoint's host name does not exist"},
	{
		Name: "NoTLS", Faults: []Fault{FaultCertificate, FaultTLS}, Class: transports.Transient,
		Failing: 24 * time.Hour, Then: transports.Configuration, Detail: "the endpoint's TLS or its certificate is not valid",
	},
	{Name: "Redirects", Status: []int{3}, Class: transports.Transient, Detail: "the endpoint redirects, which is not followed"},
	{Name: "Gone", Status: []int{410}, Class: transports.Address, Detail: "the endpoint wants nothing any more"},
	{Name: "RateLimited", Status: []int{429}, Class: transports.Rate, Detail: "the endpoint limits our rate"},
	{Name: "Overloaded", Status: []int{503}, Told: true, Class: transports.Rate, Detail: "the endpoint asks to wait"},
	{Name: "Failed", Status: []int{408, 425, 5}, Class: transports.Transient, Detail: "the endpoint failed"},
	{Name: "Rejected", Status: []int{4}, Class: transports.Transient, Detail: "the endpoint rejects the request"},
})}
