// Package slacksink is a Slack on loopback that keeps what it is sent: chat.postMessage and incoming webhooks, with the
// answers of the real one. Tests and the demo post to it.
//
// It refuses what Slack's documentation refuses: a missing or wrong token, a channel that it does not have, a message
// without text, blocks that are no blocks or too many or too long, metadata out of bounds. Each check cites its page.
package slacksink
