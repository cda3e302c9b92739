package transports

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Markup names the language of an option's template. Values are written into it so that they mean nothing in it: only
// what the template itself says is a mention, a link, or a block.
type Markup string

// The languages. An option names one in the template tag of its field.
const (
	// MarkupNone writes values as they are.
	MarkupNone Markup = "true"
	// MarkupSlack is Slack's mrkdwn.
	MarkupSlack Markup = "slack"
	// MarkupSlackBlocks is JSON whose texts are Slack's mrkdwn. Values may stand inside of its strings only.
	MarkupSlackBlocks Markup = "slack_blocks"
	// MarkupDiscord is Discord's markdown.
	MarkupDiscord Markup = "discord"
)

// Markups lists them.
func Markups() []Markup { return []Markup{MarkupNone, MarkupSlack, MarkupSlackBlocks, MarkupDiscord} }

// Quoted says that values may stand inside of JSON strings only.
func (m Markup) Quoted() bool { return m == MarkupSlackBlocks }

// Escape returns a value as it is written into the markup.
func (m Markup) Escape(value string) string {
	switch m {
	case MarkupSlack:
		return EscapeSlack(value)
	case MarkupSlackBlocks:
		return insideJSON(EscapeSlack(value))
	case MarkupDiscord:
		return EscapeDiscord(value)
	case MarkupNone:
	}
	return value
}

var slackEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// EscapeSlack writes text so that it is no mention and no link in Slack, whose control sequences all stand between <
// and >. https://docs.slack.dev/messaging/formatting-message-text#escaping
func EscapeSlack(text string) string { return slackEscaper.Replace(text) }

// discordActive are the characters that begin markup, a mention, a masked link or a bare one anywhere in a line of
// Discord's markdown; discordLine, those that do at its beginning.
// https://support.discord.com/hc/en-us/articles/210298617
const (
	discordActive = "\\*_~`|[]()<>:"
	discordLine   = "#-+"
)

// EscapeDiscord writes text so that it is no markup, mention or link in Discord. A backslash stands before what would be
// markup. It does not keep an @ from being a mention, so a blank without width stands after the @ of those. An address
// of the Web comes out as text; one that is to be followed belongs in the template.
func EscapeDiscord(text string) string {
	var b strings.Builder
	b.Grow(len(text) + len(text)/8)
	begin := true // of a line, blanks aside
	for i, r := range text {
		if r < 0x80 && (strings.IndexByte(discordActive, byte(r)) >= 0 || begin && strings.IndexByte(discordLine, byte(r)) >= 0) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
		if r == '@' && mentions(text[:i], text[i+1:]) {
			b.WriteRune('\u200b')
		}
		begin = r == '\n' || r == '\r' || begin && (r == ' ' || r == '\t')
	}
	return b.String()
}

func mentions(before, after string) bool {
	return strings.HasSuffix(before, "<") || strings.HasPrefix(after, "everyone") || strings.HasPrefix(after, "here")
}

// insideJSON is text between the quotes of a JSON string.
func insideJSON(text string) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // A string always encodes.
	quoted := bytes.TrimSpace(b.Bytes())
	return string(quoted[1 : len(quoted)-1])
}
