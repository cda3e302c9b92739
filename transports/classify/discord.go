package classify

import (
	"slices"

	"github.com/carillon-notify/carillon/transports"
)

// Discord is the table of Discord's API and its webhooks. Code is the number in the answer's body. One dead webhook must
// be disabled at its first answer: invalid answers by the thousand get an address banned.
// https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
func Discord() Table { return discordTable }

var discordTable = Table{name: "Discord", rules: slices.Concat(exchange, service, []Rule{
	{Name: "Gone", Codes: []string{"10015", "10003"}, Class: transports.Address, Detail: "the webhook or the channel is gone"},
	{Name: "Token", Codes: []string{"50027"}, Class: transports.Configuration, Detail: "Discord refuses the token"},
	{
		Name: "Channel", Codes: []string{"50001", "50013", "50007"},
		Class: transports.Address, Detail: "the channel or the person is not ours to write to",
	},
	{
		Name: "Message", Codes: []string{"50006", "50035", "40005"},
		Class: transports.Permanent, Detail: "Discord rejects the message",
	},
}, statuses)}

// DiscordWebhook is the table of Discord's webhooks, whose URL is both the address and the credential: what is refused
// for either is gone, and must not be asked again.
// https://discord.com/developers/docs/resources/webhook#execute-webhook
func DiscordWebhook() Table { return discordWebhookTable }

var discordWebhookTable = Table{name: "Discord webhook", rules: slices.Concat(exchange, service, []Rule{
	{Name: "Gone", Status: []int{401, 404}, Class: transports.Address, Detail: "the webhook is gone"},
	{
		Name: "Refused", Codes: []string{"10015", "10003", "50027", "50001", "50013"}, Class: transports.Address,
		Detail: "the webhook or its channel is gone",
	},
	{
		Name: "Message", Codes: []string{"50006", "50035", "40005"},
		Class: transports.Permanent, Detail: "Discord rejects the message",
	},
}, statuses)}
