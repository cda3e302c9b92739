package slacksink

import (
	"encoding/json"
	"strings"
)

// Message is one that was accepted.
type Message struct {
	// Webhook is the name of the webhook that it came by; empty for the bot.
	Webhook string
	// TS is the message's own id.
	TS string
	// Raw is the body of the request.
	Raw []byte

	Channel     string           `json:"channel"`
	Text        string           `json:"text"`
	Blocks      []map[string]any `json:"blocks"`
	ThreadTS    string           `json:"thread_ts"`
	Broadcast   bool             `json:"reply_broadcast"`
	Username    string           `json:"username"`
	IconEmoji   string           `json:"icon_emoji"`
	IconURL     string           `json:"icon_url"`
	LinkNames   any              `json:"link_names"`
	Parse       string           `json:"parse"`
	UnfurlLinks any              `json:"unfurl_links"`
	UnfurlMedia any              `json:"unfurl_media"`
	Metadata    struct {
		EventType    string         `json:"event_type"`
		EventPayload map[string]any `json:"event_payload"`
	} `json:"metadata"`
}

// TextOf is what people read in a text object, or in a block that has one.
func TextOf(object map[string]any) string {
	if text, nested := object["text"].(map[string]any); nested {
		return TextOf(text)
	}
	text, _ := object["text"].(string)
	return Unescape(text)
}

// Unescape reads the three entities that Slack knows.
func Unescape(text string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
}

// Active lists what Slack would act on in a message: mentions of people, groups and channels, links and dates, which all
// stand between < and >, wherever in the message.
func (m Message) Active() []string {
	var found []string
	var body any
	_ = json.Unmarshal(m.Raw, &body) // It was read before.
	eachText(body, func(text string) {
		for {
			_, rest, open := strings.Cut(text, "<")
			inner, after, closed := strings.Cut(rest, ">")
			if !open || !closed {
				return
			}
			found = append(found, inner)
			text = after
		}
	})
	return found
}

func eachText(value any, visit func(string)) {
	switch v := value.(type) {
	case string:
		visit(v)
	case []any:
		for _, element := range v {
			eachText(element, visit)
		}
	case map[string]any:
		for _, element := range v {
			eachText(element, visit)
		}
	}
}
