package transports

import (
	"errors"
	"fmt"
	"regexp"
)

// Discord is the name of the Discord transport.
const Discord = "discord"

// DiscordOptions are the options of a Discord channel.
type DiscordOptions struct {
	// Markdown goes before the embed.
	Markdown string `yaml:"markdown" template:"discord" doc:"text in Discord's markdown above the embed: mentions and links are those that the template writes, never those of a value"`
	// Fields are the embed's, by name, in the order of their names.
	Fields map[string]string `yaml:"fields" template:"true" doc:"short texts below the message, by their titles"`
	// Mention lists who may be notified by mentions in Markdown.
	Mention []string `yaml:"mention" doc:"who may be notified where the markdown mentions them: everyone, role:ID, user:ID; without it nobody"`
	// Color is the embed's.
	Color string `yaml:"color" doc:"the embed's colour as RRGGBB, in place of that of the notification type"`
	// Username is the name that a webhook's message bears.
	Username string `yaml:"username" template:"true" doc:"the name that a webhook's message bears, in place of the configured one"`
	// AvatarURL is a webhook's picture.
	AvatarURL string `yaml:"avatar_url" doc:"the picture beside a webhook's message, as a URL"`
	// Silent makes no sound.
	Silent bool `yaml:"silent" doc:"whether the message makes no sound and lights no screen"`
}

var (
	discordMention = regexp.MustCompile(`^(everyone|(role|user):[0-9]{15,20})$`)
	discordColor   = regexp.MustCompile(`^[0-9A-Fa-f]{6}$`)
)

// maxDiscordFields and maxDiscordMentions are Discord's.
// https://discord.com/developers/docs/resources/message#embed-object-embed-limits
const (
	maxDiscordFields   = 25
	maxDiscordMentions = 100
)

// CheckOptions says what the tags cannot.
func (o DiscordOptions) CheckOptions() error {
	var errs []error
	for _, who := range o.Mention {
		if !discordMention.MatchString(who) {
			errs = append(errs, errors.New("mention has an entry that is none of everyone, role:ID and user:ID"))
			break
		}
	}
	if len(o.Mention) > maxDiscordMentions {
		errs = append(errs, fmt.Errorf("mention has %d entries (at most %d)", len(o.Mention), maxDiscordMentions))
	}
	if len(o.Fields) > maxDiscordFields {
		errs = append(errs, fmt.Errorf("fields has %d entries (at most %d)", len(o.Fields), maxDiscordFields))
	}
	if o.Color != "" && !discordColor.MatchString(o.Color) {
		errs = append(errs, errors.New("color is not six hexadecimal digits"))
	}
	return errors.Join(errs...)
}

// DiscordSpec is the spec of the Discord transport.
func DiscordSpec() Spec {
	return Spec{
		Name:     Discord,
		Doc:      "a message in Discord, by a webhook or a bot",
		Address:  AddressChat,
		Retry:    RetryChat,
		Required: []string{FieldMessage},
		Uses:     []string{FieldTitle, FieldActionURL, FieldActionLabel},
		Options:  DiscordOptions{},
	}
}
