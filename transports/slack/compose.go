package slack

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/slack-go/slack"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/internal/chat"
)

// Slack's limits, in characters. https://docs.slack.dev/reference/block-kit/blocks and
// https://docs.slack.dev/reference/methods/chat.postMessage
const (
	maxHeader   = 150
	maxSection  = 3000
	maxBlocks   = 50
	maxFallback = 4000 // what chat.postMessage asks texts to stay below
	maxUsername = 80
	maxLabelled = 1000
)

// metadataType names the message's metadata. https://docs.slack.dev/messaging/message-metadata
const metadataType = "carillon_receipt"

// post is the body of chat.postMessage and of an incoming webhook. link_names and parse are always there, because their
// absence leaves the choice to Slack.
type post struct {
	Channel     string               `json:"channel,omitempty"`
	Text        string               `json:"text"`
	Blocks      []any                `json:"blocks"`
	Metadata    *slack.SlackMetadata `json:"metadata"`
	LinkNames   bool                 `json:"link_names"`
	Parse       string               `json:"parse"`
	UnfurlLinks bool                 `json:"unfurl_links"`
	UnfurlMedia bool                 `json:"unfurl_media"`
	ThreadTS    string               `json:"thread_ts,omitempty"`
	Broadcast   bool                 `json:"reply_broadcast,omitempty"`
	Username    string               `json:"username,omitempty"`
	IconEmoji   string               `json:"icon_emoji,omitempty"`
	IconURL     string               `json:"icon_url,omitempty"`
}

// compose makes the body. Its error is permanent.
func (t *Transport) compose(m transports.Message, to chat.Room) ([]byte, error) {
	options, err := transports.Options[transports.SlackOptions](m)
	if err != nil {
		return nil, err
	}
	p := post{
		Text: fallback(m), Parse: "none", UnfurlLinks: options.Unfurl, UnfurlMedia: options.Unfurl,
		Metadata: &slack.SlackMetadata{EventType: metadataType, EventPayload: map[string]any{
			"receipt_id": m.ReceiptID.String(), "event": m.Event,
		}},
	}
	if p.Blocks, err = blocks(m, options); err != nil {
		return nil, err
	}
	if to.Hook == nil {
		p.Channel = to.Name
		p.Username = chat.Fit(oneLine(cmp.Or(options.Username, t.cfg.Username)), maxUsername, nil)
		p.IconEmoji, p.IconURL = options.IconEmoji, options.IconURL
		if p.IconEmoji == "" && p.IconURL == "" {
			p.IconEmoji, p.IconURL = t.cfg.IconEmoji, t.cfg.IconURL
		}
		if root, ok := m.Target.(string); ok && root != "" {
			p.ThreadTS, p.Broadcast = root, options.Broadcast
		}
	}
	body, err := json.Marshal(p)
	if err != nil {
		return nil, transports.Errorf(transports.Permanent, "the message cannot be encoded")
	}
	return body, nil
}

// fallback is what notifications and screen readers show.
func fallback(m transports.Message) string {
	text := strings.TrimSpace(m.Content.Message)
	if m.Content.Title != "" {
		text = m.Content.Title + "\n" + text
	}
	return chat.Fit(text, maxFallback, transports.EscapeSlack)
}

func blocks(m transports.Message, options transports.SlackOptions) ([]any, error) {
	if options.Blocks != "" {
		return ownBlocks(options.Blocks)
	}
	var all []any
	c := m.Content
	if strings.TrimSpace(c.Title) != "" {
		all = append(all, slack.NewHeaderBlock(plain(c.Title, maxHeader)))
	}
	switch {
	case strings.TrimSpace(options.Mrkdwn) != "":
		if chat.Width(options.Mrkdwn) > maxSection {
			// Cut anywhere, markup may mean something else.
			return nil, transports.Errorf(transports.Permanent, "mrkdwn is longer than the %d characters that Slack takes", maxSection)
		}
		all = append(all, slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, options.Mrkdwn, false, true), nil, nil))
	case strings.TrimSpace(c.Message) != "":
		all = append(all, slack.NewSectionBlock(plain(c.Message, maxSection), nil, nil))
	default:
		return nil, transports.Errorf(transports.Permanent, "the message is blank")
	}
	if c.ActionURL != "" {
		link := "<" + linkTarget(c.ActionURL) + "|" + chat.Fit(cmp.Or(c.ActionLabel, "Open"), maxLabelled, transports.EscapeSlack) + ">"
		if chat.Width(link) > maxSection {
			return nil, transports.Errorf(transports.Permanent, "the link is longer than Slack takes")
		}
		all = append(all, slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, link, false, true), nil, nil))
	}
	return all, nil
}

// plain is text in which Slack finds nothing: no markup and no emoji.
func plain(text string, limit int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, chat.Fit(text, limit, transports.EscapeSlack), false, false)
}

// linkTarget is a URL between < and |.
func linkTarget(u string) string {
	return strings.NewReplacer("&", "&amp;", "<", "%3C", ">", "%3E", "|", "%7C", " ", "%20", "\n", "", "\r", "").Replace(u)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// ownBlocks reads the blocks of a channel's template. In texts of markup Slack finds no links, names or channels by
// itself, unless the template says so.
func ownBlocks(source string) ([]any, error) {
	var all []any
	if err := json.Unmarshal([]byte(source), &all); err != nil {
		return nil, transports.Errorf(transports.Permanent, "the option blocks is no JSON array")
	}
	if len(all) == 0 || len(all) > maxBlocks {
		return nil, transports.Errorf(transports.Permanent, "the option blocks has %d blocks (1 to %d)", len(all), maxBlocks)
	}
	for _, block := range all {
		if object, ok := block.(map[string]any); !ok || object["type"] == nil {
			return nil, transports.Errorf(transports.Permanent, "the option blocks has an element that is no block")
		}
		verbatim(block)
	}
	return all, nil
}

func verbatim(value any) {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			verbatim(element)
		}
	case map[string]any:
		if _, said := v["verbatim"]; v["type"] == slack.MarkdownType && !said {
			v["verbatim"] = true
		}
		for _, element := range v {
			verbatim(element)
		}
	}
}
