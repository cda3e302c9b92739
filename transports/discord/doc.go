// Package discord is the transport that posts messages to Discord: by webhooks, or by a bot.
//
// An event is an embed, in the colour of its notification type. What a title or a message says stays text: it is escaped
// for Discord's markdown, and the list of those who may be mentioned is part of every message, and empty unless the
// channel declares somebody. Markup and mentions come from the option markdown, into which values are written escaped.
//
// Bodies are made of discordgo's types, and sent through the guarded way out. The library's own requests are not used:
// its rate limiter sleeps inside a call while it holds a lock, whatever the context says, it repeats a POST after a 5xx,
// its map of limits only grows, and neither its MessageSend knows a nonce nor its WebhookParams enforce one.
//
// A bot's messages bear the receipt as a nonce, which Discord enforces for a few minutes: a message that is sent again
// within them is not posted twice. Webhooks know no such thing.
//
// Ten thousand refusals in ten minutes get an address banned, so a webhook that is gone is asked once and no more, and
// after a thousand refusals all sends of the process wait.
package discord
