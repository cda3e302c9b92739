// Package slack is the transport that posts messages to Slack: by incoming webhooks, or by a bot with chat.postMessage.
//
// What an event says is text and stays text: a title and a message stand in blocks of plain text, in which nothing is a
// mention, a link or an emoji. Markup, mentions and blocks come from a channel's options, into which values are written
// escaped. Words that Slack would find by itself are left alone, because every text says verbatim and the message says
// neither parse nor link_names.
//
// Bodies are made of slack-go's types, and sent through the guarded way out: the library's own requests lose the body of
// a webhook's answer, and its errors bear the URL, which is the credential. Its retries are not used for the same reason.
//
// Slack knows no key by which it would recognise a repetition. The receipt's id stands in the message's metadata, where
// the application may find it.
package slack
