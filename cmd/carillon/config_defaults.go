package main

// defaults are those of the packages that the sections are handed to, which say them in the comments of their fields; a
// test compares the two. A key that is not here has no default.
func defaults() map[string]string {
	return map[string]string{
		"worker.senders":            "32",
		"worker.batch":              "200",
		"worker.lease":              "15s",
		"worker.poll_interval":      "200ms",
		"worker.send_timeout":       "180s",
		"worker.grace":              "30s",
		"worker.monitor":            defaultMonitor,
		"worker.retry.base":         "that of the event's retry",
		"worker.retry.cap":          "that of the event's retry",
		"worker.retry.deadline":     "that of the event's retry",
		"worker.retry.max_attempts": "that of the event's retry",

		"transports.slack.username":   "the app's",
		"transports.slack.icon_emoji": "the app's",
		"transports.slack.icon_url":   "the app's",
		"transports.slack.timeout":    "20s",

		"transports.discord.username":   "the webhook's",
		"transports.discord.avatar_url": "the webhook's",
		"transports.discord.timeout":    "20s",

		"transports.bridge.timeout": "20s",

		"transports.sms.provider":        "the one that there is",
		"transports.sms.rate":            "no limit",
		"transports.sms.timeout":         "20s",
		"transports.sms.twilio.validity": "Twilio's, 10h",
		"transports.sms.http.method":     "POST",
		"transports.sms.http.idempotent": "false",

		"transports.email.provider":          "the one that there is",
		"transports.email.resend.timeout":    "30s",
		"transports.email.return_path":       "the message's sender",
		"transports.email.message_id_domain": "the domain of from",
		"transports.email.helo":              "this machine's name if it has a dot, else the domain of from",
		"transports.email.max_connections":   "8",
		"transports.email.rate":              "no limit",
		"transports.email.idle_timeout":      "30s",
		"transports.email.dial_timeout":      "10s",
		"transports.email.open_timeout":      "30s",
		"transports.email.command_timeout":   "60s",
		"transports.email.block_timeout":     "60s",
		"transports.email.reply_timeout":     "120s",
		"transports.email.send_timeout":      "180s",

		"transports.webhook.source":          "/carillon",
		"transports.webhook.format":          "native",
		"transports.webhook.excerpt":         "false",
		"transports.webhook.timeout":         "20s",
		"transports.webhook.connect_timeout": "10s",
		"transports.webhook.concurrency":     "32",
		"transports.webhook.allow_http":      "false",

		"transports.web_push.public_key":  "that of private_key",
		"transports.web_push.timeout":     "20s",
		"transports.web_push.concurrency": "32",
		"transports.web_push.allow_http":  "false",
	}
}
