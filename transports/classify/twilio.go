package classify

import (
	"slices"
	"time"

	"github.com/carillon-notify/carillon/transports"
)

// Twilio is the table of Twilio's messages, both of its answers and of the error codes that a status callback brings.
// There is no idempotency key: a repetition after a failure may be a second message.
// https://www.twilio.com/docs/api/errors
func Twilio() Table { return twilioTable }

// queueDrains is how long a sender's full queue needs at the least.
const queueDrains = 10 * time.Minute

var twilioTable = Table{name: "Twilio", rules: slices.Concat(exchange, service, []Rule{
	{Name: "OptedOut", Codes: []string{"21610"}, Class: transports.Address, Detail: "the recipient has opted out"},
	{
		Name:  "Number",
		Codes: []string{"21211", "21214", "21217", "21614", "30005", "30006"},
		Class: transports.Address, Detail: "the number does not exist or takes no messages",
	},
	{
		Name: "Message", Codes: []string{"21612", "21617", "21619", "30004", "30007"},
		Class: transports.Permanent, Detail: "the message is rejected or filtered",
	},
	{
		Name:  "Account",
		Codes: []string{"20003", "21408", "21606", "21608", "21212", "30002", "30034"},
		Class: transports.Configuration, Detail: "the account, its sender or its permissions are not in order",
	},
	{
		Name: "QueueFull", Codes: []string{"21611"}, Wait: queueDrains,
		Class: transports.Rate, Detail: "the sender's queue is full",
	},
	{
		Name: "RateLimitedByCode", Codes: []string{"20429", "30001", "30022", "14107"},
		Class: transports.Rate, Detail: "Twilio limits our rate",
	},
	{
		Name: "Carrier", Codes: []string{"30003", "30008", "30017"}, Tries: 2, Then: transports.Permanent,
		Class: transports.Transient, Detail: "the phone or its carrier cannot be reached",
	},
	{
		Name: "Internal", Codes: []string{"20500"},
		Class: transports.Unknown, Detail: "Twilio failed, perhaps after it had taken the message",
	},
}, statuses)}
