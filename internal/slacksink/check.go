package slacksink

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf16"
)

// Limits of https://docs.slack.dev/reference/block-kit/blocks and of the methods' own pages.
const (
	maxBlocks  = 50     // https://docs.slack.dev/reference/block-kit/blocks
	maxText    = 40_000 // https://docs.slack.dev/reference/methods/chat.postMessage
	maxSection = 3000   // https://docs.slack.dev/reference/block-kit/blocks/section-block
	maxHeader  = 150    // https://docs.slack.dev/reference/block-kit/blocks/header-block
	maxBlockID = 255
	maxURL     = 3000 // https://docs.slack.dev/reference/block-kit/block-elements/button-element
)

// width counts as the strictest reader of "characters" would.
func width(text string) int { return len(utf16.Encode([]rune(text))) }

// read decodes a body, and says by which name Slack would refuse it; "" if it would not.
func read(r *http.Request, body []byte) (m Message, refusal string) {
	// https://docs.slack.dev/apis/web-api#post-bodies
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return m, "invalid_post_type"
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, "invalid_json"
	}
	m.Raw = body
	switch {
	case m.Text == "" && len(m.Blocks) == 0:
		return m, "no_text"
	case width(m.Text) > maxText:
		return m, "msg_too_long"
	case len(m.Blocks) > maxBlocks:
		return m, "invalid_blocks"
	case m.Metadata.EventType != "" && len(m.Metadata.EventPayload) == 0:
		// https://docs.slack.dev/messaging/message-metadata
		return m, "invalid_metadata_format"
	}
	for _, block := range m.Blocks {
		if !isBlock(block) {
			return m, "invalid_blocks"
		}
	}
	return m, ""
}

// blockTypes are those that messages may have. https://docs.slack.dev/reference/block-kit/blocks
var blockTypes = map[string]bool{
	"actions": true, "context": true, "divider": true, "file": true, "header": true, "image": true, "markdown": true,
	"rich_text": true, "section": true, "table": true, "video": true,
}

func isBlock(block map[string]any) bool {
	kind, _ := block["type"].(string)
	id, _ := block["block_id"].(string)
	text, hasText := block["text"].(map[string]any)
	switch {
	case !blockTypes[kind] || width(id) > maxBlockID:
		return false
	case kind == "header":
		return isText(text, maxHeader) && text["type"] == "plain_text"
	case kind == "section" && hasText:
		return isText(text, maxSection)
	case kind == "section":
		return block["fields"] != nil
	}
	return true
}

// isText checks a text object. https://docs.slack.dev/reference/block-kit/composition-objects/text-object
func isText(object map[string]any, limit int) bool {
	text, _ := object["text"].(string)
	kind, _ := object["type"].(string)
	_, emoji := object["emoji"]
	_, verbatim := object["verbatim"]
	switch {
	case text == "" || width(text) > limit:
		return false
	case kind == "plain_text":
		return !verbatim
	}
	return kind == "mrkdwn" && !emoji
}
