package classify

import (
	"slices"

	"github.com/carillon-notify/carillon/transports"
)

// Slack is the table of Slack's Web API, which answers with status 200 and an error's name, the Code here.
// https://docs.slack.dev/reference/methods/chat.postMessage
func Slack() Table { return slackTable }

// SlackWebhook is the table of Slack's incoming webhooks, whose error is the answer's body, the Code here.
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
func SlackWebhook() Table { return slackWebhookTable }

var slackTable = Table{name: "Slack", rules: slices.Concat(exchange, service, []Rule{
	{
		Name: "RateLimitedByName", Codes: []string{"ratelimited", "rate_limited", "message_limit_exceeded"},
		Class: transports.Rate, Detail: "Slack limits our rate",
	},
	{
		Name: "Message",
		Codes: []string{
			"msg_too_long", "msg_blocks_too_long", "no_text", "invalid_blocks", "invalid_blocks_format", "invalid_arguments",
			"invalid_metadata_format", "metadata_too_large", "too_many_attachments", "cannot_reply_to_message", "thread_not_found",
		},
		Class: transports.Permanent, Detail: "Slack rejects the message",
	},
	{
		Name: "Channel",
		Codes: []string{
			"channel_not_found", "is_archived", "not_in_channel", "restricted_action", "restricted_action_read_only_channel",
			"restricted_action_thread_only_channel", "user_not_found", "messages_tab_disabled",
		},
		Class: transports.Address, Detail: "the channel is gone or not ours to write in",
	},
	{
		Name: "Token",
		Codes: []string{
			"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope", "no_permission",
			"not_allowed_token_type", "access_denied", "org_login_required", "ekm_access_denied", "team_access_not_granted",
		},
		Class: transports.Configuration, Detail: "Slack refuses the token or what it may do",
	},
	{
		Name: "Unavailable", Codes: []string{"service_unavailable", "request_timeout"},
		Class: transports.Transient, Detail: "Slack is not available",
	},
	{
		Name: "Internal", Codes: []string{"internal_error", "fatal_error"},
		Class: transports.Unknown, Detail: "Slack failed, perhaps after it had posted the message",
	},
}, statuses)}

var slackWebhookTable = Table{name: "Slack incoming webhook", rules: slices.Concat(exchange, service, []Rule{
	{
		Name: "Payload", Codes: []string{"invalid_payload", "no_text", "invalid_blocks", "too_many_attachments"},
		Class: transports.Permanent, Detail: "Slack rejects the message",
	},
	{
		Name: "Forbidden", Codes: []string{"action_prohibited", "invalid_token", "posting_to_general_channel_denied", "team_disabled"},
		Class: transports.Configuration, Detail: "Slack refuses the webhook",
	},
	{
		Name:  "Hook",
		Codes: []string{"no_service", "no_active_hooks", "no_team", "user_not_found", "channel_not_found", "channel_is_archived"},
		Class: transports.Address, Detail: "the webhook or its channel is gone",
	},
	{Name: "Gone", Status: []int{410}, Class: transports.Address, Detail: "the webhook or its channel is gone"},
	{Name: "Rollup", Codes: []string{"rollup_error"}, Class: transports.Transient, Detail: "Slack could not take the message"},
}, statuses)}
