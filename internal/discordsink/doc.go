// Package discordsink is a Discord on loopback that keeps what it is sent: messages of a bot and of webhooks, with the
// answers of the real one. Tests and the demo post to it.
//
// It refuses what Discord's documentation refuses: a missing or wrong token, an unknown webhook or channel, an empty
// message, texts, embeds and mentions out of bounds. Each check cites its page.
package discordsink
