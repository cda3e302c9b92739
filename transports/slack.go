package transports

import (
	"encoding/json"
	"errors"
	"strings"
)

// Slack is the name of the Slack transport.
const Slack = "slack"

// SlackOptions are the options of a Slack channel.
type SlackOptions struct {
	// Mrkdwn replaces the message by text in Slack's markup.
	Mrkdwn string `yaml:"mrkdwn" template:"slack" doc:"the message in Slack's own markup, in place of the plain one: mentions and links are those that the template writes, never those of a value"`
	// Blocks replaces the whole layout: a JSON array of Block Kit blocks.
	Blocks string `yaml:"blocks" template:"slack_blocks" doc:"a JSON array of Block Kit blocks, in place of title, message and link; values stand inside of its strings"`
	// Thread gathers what is about one resource in a thread of its channel.
	Thread bool `yaml:"thread" doc:"whether messages about the same resource gather in a thread; needs a bot token"`
	// Broadcast shows a reply in the channel, too.
	Broadcast bool `yaml:"broadcast" doc:"whether a reply in a thread shows in the channel, too"`
	// Username is the name that a bot's message bears.
	Username string `yaml:"username" template:"true" doc:"the name that a bot's message bears, in place of the configured one"`
	// IconEmoji is a bot's picture.
	IconEmoji string `yaml:"icon_emoji" doc:"the picture beside a bot's message, such as :bell:"`
	// IconURL is a bot's picture.
	IconURL string `yaml:"icon_url" doc:"the picture beside a bot's message, as a URL"`
	// Unfurl shows what links lead to.
	Unfurl bool `yaml:"unfurl" doc:"whether links show a preview of where they lead"`
}

// CheckOptions says what the tags cannot.
func (o SlackOptions) CheckOptions() error {
	var errs []error
	if o.Mrkdwn != "" && o.Blocks != "" {
		errs = append(errs, errors.New("mrkdwn has no place beside blocks (write it into a block)"))
	}
	if o.Blocks != "" && !strings.Contains(o.Blocks, "{{") {
		var blocks []map[string]any
		if err := json.Unmarshal([]byte(o.Blocks), &blocks); err != nil || len(blocks) == 0 {
			errs = append(errs, errors.New("blocks is no JSON array of objects"))
		}
	}
	if o.Broadcast && !o.Thread {
		errs = append(errs, errors.New("broadcast is about replies in a thread (set thread)"))
	}
	if o.IconEmoji != "" && o.IconURL != "" {
		errs = append(errs, errors.New("icon_url has no place beside icon_emoji (choose one)"))
	}
	return errors.Join(errs...)
}

// SlackSpec is the spec of the Slack transport.
func SlackSpec() Spec {
	return Spec{
		Name:     Slack,
		Doc:      "a message in Slack, by an incoming webhook or a bot",
		Address:  AddressChat,
		Retry:    RetryChat,
		Required: []string{FieldMessage},
		Uses:     []string{FieldTitle, FieldActionURL, FieldActionLabel},
		Options:  SlackOptions{},
	}
}
