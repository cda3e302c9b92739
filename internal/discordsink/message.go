package discordsink

import (
	"strings"
	"unicode/utf16"
)

// Message is one that was accepted.
type Message struct {
	// Webhook is the name of the webhook that it came by; empty for the bot.
	Webhook string `json:"-"`
	// Channel is where the bot wrote.
	Channel string `json:"-"`
	// ID is the message's own.
	ID string `json:"-"`
	// Raw is the body of the request.
	Raw []byte `json:"-"`

	Content         string    `json:"content"`
	Embeds          []Embed   `json:"embeds"`
	AllowedMentions *Mentions `json:"allowed_mentions"`
	Flags           int       `json:"flags"`
	Username        string    `json:"username"`
	AvatarURL       string    `json:"avatar_url"`
	Nonce           string    `json:"nonce"`
	EnforceNonce    bool      `json:"enforce_nonce"`
}

// Mentions says who may be notified.
type Mentions struct {
	Parse []string `json:"parse"`
	Roles []string `json:"roles"`
	Users []string `json:"users"`
}

// Embed is the card below a message.
type Embed struct {
	Title       string  `json:"title"`
	Description string  `json:"description"`
	URL         string  `json:"url"`
	Color       int     `json:"color"`
	Timestamp   string  `json:"timestamp"`
	Fields      []Field `json:"fields"`
}

// Field is a short text in an embed.
type Field struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Inline bool   `json:"inline"`
}

// Texts lists every text in which Discord looks for markup.
func (m Message) Texts() []string {
	all := []string{m.Content}
	for _, e := range m.Embeds {
		all = append(all, e.Title, e.Description)
		for _, f := range e.Fields {
			all = append(all, f.Name, f.Value)
		}
	}
	return all
}

// Unescape reads text as people do: without the backslashes before what would be markup, and without the blank of no
// width that keeps an @ from being a mention.
func Unescape(text string) string {
	var b strings.Builder
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		switch {
		case runes[i] == '\\' && i+1 < len(runes) && isPunctuation(runes[i+1]):
			i++
			b.WriteRune(runes[i])
		case runes[i] == '\u200b' && i > 0 && runes[i-1] == '@':
		default:
			b.WriteRune(runes[i])
			continue
		}
		if runes[i] == '@' && i+1 < len(runes) && runes[i+1] == '\u200b' {
			i++
		}
	}
	return b.String()
}

func isPunctuation(r rune) bool {
	return r < 0x80 && strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", r)
}

// Bare removes everything that is escaped from a text: what is left is what Discord may act on.
func Bare(text string) string {
	var b strings.Builder
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		if runes[i] == '\\' && i+1 < len(runes) && isPunctuation(runes[i+1]) {
			i++
			continue
		}
		b.WriteRune(runes[i])
	}
	return b.String()
}

// width counts as the strictest reader of "characters" would.
func width(text string) int { return len(utf16.Encode([]rune(text))) }
