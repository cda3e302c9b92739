package discord

import (
	"cmp"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/internal/chat"
)

// Discord's limits, in characters.
// https://discord.com/developers/docs/resources/message#embed-object-embed-limits
const (
	maxContent     = 2000
	maxTitle       = 256
	maxDescription = 4096
	maxFieldName   = 256
	maxFieldValue  = 1024
	maxEmbed       = 6000 // title, description, names and values of fields together
	maxUsername    = 80
	maxURL         = 2048
	minField       = 100 // what a field is worth showing for
)

// colors are those of notification types.
var colors = map[string]int{"info": 0x5865f2, "success": 0x57f287, "warning": 0xffff00, "error": 0xed4245}

// post is the body of both ways. AllowedMentions is always there, because its absence allows every mention.
type post struct {
	Content         string                            `json:"content,omitempty"`
	Embeds          []*discordgo.MessageEmbed         `json:"embeds"`
	AllowedMentions *discordgo.MessageAllowedMentions `json:"allowed_mentions"`
	Flags           discordgo.MessageFlags            `json:"flags,omitempty"`
	Username        string                            `json:"username,omitempty"`
	AvatarURL       string                            `json:"avatar_url,omitempty"`
	Nonce           string                            `json:"nonce,omitempty"`
	EnforceNonce    bool                              `json:"enforce_nonce,omitempty"`
}

// nonce stands for a receipt in the 25 characters that Discord takes: 24 of them hold all but the first byte of its id,
// which is the same for decades. https://discord.com/developers/docs/resources/message#create-message
func nonce(id uuid.UUID) string { return base32.HexEncoding.EncodeToString(id[1:]) }

// compose makes the body. Its error is permanent.
func (t *Transport) compose(m transports.Message, to chat.Room) ([]byte, error) {
	o, err := transports.Options[transports.DiscordOptions](m)
	if err != nil {
		return nil, err
	}
	if err := o.CheckOptions(); err != nil {
		return nil, transports.Errorf(transports.Permanent, "an option does not fit: it was checked when it was declared")
	}
	p := post{AllowedMentions: mentions(o.Mention), Content: o.Markdown}
	if chat.Width(p.Content) > maxContent {
		// Cut anywhere, markup may mean something else.
		return nil, transports.Errorf(transports.Permanent, "markdown is longer than the %d characters that Discord takes", maxContent)
	}
	if o.Silent {
		p.Flags = discordgo.MessageFlagsSuppressNotifications
	}
	embed, err := embedOf(m, o)
	if err != nil {
		return nil, err
	}
	p.Embeds = []*discordgo.MessageEmbed{embed}
	if to.Hook != nil {
		name := chat.Fit(strings.Join(strings.Fields(cmp.Or(o.Username, t.cfg.Username)), " "), maxUsername, nil)
		if err := checkUsername(name); err != nil {
			return nil, transports.Errorf(transports.Permanent, "the username %s", err)
		}
		p.Username, p.AvatarURL = name, cmp.Or(o.AvatarURL, t.cfg.AvatarURL)
	} else {
		p.Nonce, p.EnforceNonce = nonce(m.ReceiptID), true
	}
	body, err := json.Marshal(p)
	if err != nil {
		return nil, transports.Errorf(transports.Permanent, "the message cannot be encoded")
	}
	return body, nil
}

// mentions allows those who are declared, and nobody else. Parse is there even if it is empty.
func mentions(declared []string) *discordgo.MessageAllowedMentions {
	allowed := &discordgo.MessageAllowedMentions{Parse: []discordgo.AllowedMentionType{}}
	for _, who := range declared {
		kind, id, _ := strings.Cut(who, ":")
		switch kind {
		case "role":
			allowed.Roles = append(allowed.Roles, id)
		case "user":
			allowed.Users = append(allowed.Users, id)
		default:
			allowed.Parse = append(allowed.Parse, discordgo.AllowedMentionTypeEveryone)
		}
	}
	return allowed
}

func embedOf(m transports.Message, o transports.DiscordOptions) (*discordgo.MessageEmbed, error) {
	c := m.Content
	if strings.TrimSpace(c.Message) == "" {
		return nil, transports.Errorf(transports.Permanent, "the message is blank")
	}
	embed := &discordgo.MessageEmbed{
		Type: discordgo.EmbedTypeRich, Color: colors[m.NotificationType], Timestamp: m.RenderedAt.UTC().Format(time.RFC3339),
		Title: chat.Fit(c.Title, maxTitle, transports.EscapeDiscord),
	}
	if o.Color != "" {
		color, _ := strconv.ParseInt(o.Color, 16, 32) // CheckOptions has tried it.
		embed.Color = int(color)
	}
	link := ""
	if c.ActionURL != "" {
		if chat.Width(c.ActionURL) > maxURL {
			return nil, transports.Errorf(transports.Permanent, "the link is longer than the %d characters that Discord takes", maxURL)
		}
		embed.URL = c.ActionURL
		label := chat.Fit(cmp.Or(c.ActionLabel, "Open"), maxTitle, transports.EscapeDiscord)
		link = fmt.Sprintf("\n\n[%s](%s)", label, linkTarget(c.ActionURL))
		if chat.Width(link) > maxDescription/2 {
			return nil, transports.Errorf(transports.Permanent, "the link is too long once it is encoded")
		}
	}
	embed.Description = chat.Fit(c.Message, maxDescription-chat.Width(link), transports.EscapeDiscord) + link
	left := maxEmbed - chat.Width(embed.Title) - chat.Width(embed.Description)
	for _, name := range slices.Sorted(maps.Keys(o.Fields)) {
		if strings.TrimSpace(o.Fields[name]) == "" || left < minField {
			continue // Discord refuses empty ones, and what does not fit any more is left out.
		}
		field := &discordgo.MessageEmbedField{Name: chat.Fit(name, min(maxFieldName, left/2), transports.EscapeDiscord), Inline: true}
		field.Value = chat.Fit(o.Fields[name], min(maxFieldValue, left-chat.Width(field.Name)), transports.EscapeDiscord)
		left -= chat.Width(field.Name) + chat.Width(field.Value)
		embed.Fields = append(embed.Fields, field)
	}
	return embed, nil
}

// linkTarget is a URL between parentheses.
func linkTarget(u string) string {
	return strings.NewReplacer("(", "%28", ")", "%29", "<", "%3C", ">", "%3E", " ", "%20", "\\", "%5C", "\n", "", "\r", "").Replace(u)
}
