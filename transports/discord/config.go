package discord

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/internal/chat"
)

// Config describes a [Transport]. It is also the section transports.discord of carillon.yaml. It has at least one of
// webhook_url, webhooks and token.
type Config struct {
	// WebhookURL is a webhook, https://discord.com/api/webhooks/…, for every address that is neither one of webhooks nor,
	// with a token, a channel's id. Its channel was chosen in Discord, so that the address is a mere label. Defaults to
	// none.
	WebhookURL transports.Secret `yaml:"webhook_url"`
	// Webhooks are webhooks by the names that audiences use as addresses. Defaults to none.
	Webhooks map[string]transports.Secret `yaml:"webhooks"`
	// Token is a bot's; addresses are then the ids of channels that it may write in. Defaults to none.
	Token transports.Secret `yaml:"token"`
	// Application names the bot in what operators see, and shares the rate among the workers that use the same name.
	// Defaults to none.
	Application string `yaml:"application"`
	// Username is the name that a webhook's messages bear. Defaults to the webhook's.
	Username string `yaml:"username"`
	// AvatarURL is the picture beside a webhook's messages. Defaults to the webhook's.
	AvatarURL string `yaml:"avatar_url"`
	// APIURL is where the API is: Discord's, or a server on this machine. Defaults to https://discord.com/api/v10.
	APIURL string `yaml:"api_url"`
	// Timeout bounds one Send; at most 60s. Defaults to 20s.
	Timeout time.Duration `yaml:"timeout"`

	// NowFunc replaces the clock in tests. Defaults to [time.Now].
	NowFunc func() time.Time `yaml:"-"`
}

const (
	defaultAPIURL  = "https://discord.com/api/v10"
	defaultTimeout = 20 * time.Second
)

func hosts() []string {
	return []string{"discord.com", "discordapp.com", "canary.discord.com", "ptb.discord.com"}
}

// webhookPath is that of a webhook: its id and its token. https://discord.com/developers/docs/resources/webhook
var webhookPath = regexp.MustCompile(`^/api(/v\d+)?/webhooks/[0-9]+/[A-Za-z0-9_-]+$`)

func checkHook(u *url.URL) error {
	if !webhookPath.MatchString(u.Path) {
		return errors.New("is not the URL of a webhook (https://discord.com/api/webhooks/ID/TOKEN)")
	}
	return nil
}

// check returns the configuration with its defaults and what leads to Discord, or every problem at once.
func (c Config) check() (Config, *chat.Base, error) {
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	if c.NowFunc == nil {
		c.NowFunc = time.Now
	}
	base, err := chat.New(&chat.Config{
		Transport: transports.Discord, Title: "Discord",
		WebhookURL: c.WebhookURL, Webhooks: c.Webhooks, HookHosts: hosts(), CheckHookFunc: checkHook,
		Token: c.Token, TokenHint: " (leave out the word Bot)", APIURL: cmp.Or(c.APIURL, defaultAPIURL), APIHosts: hosts(),
		Rooms: channel, RoomsHint: "no channel's id",
		Timeout: c.Timeout, NowFunc: c.NowFunc,
	})
	if problem := checkUsername(c.Username); problem != nil {
		err = errors.Join(err, fmt.Errorf("discord: username %w", problem))
	}
	return c, base, err
}

// checkUsername says what Discord would refuse in a name.
// https://discord.com/developers/docs/resources/user#usernames-and-nicknames
func checkUsername(name string) error {
	lower := strings.ToLower(name)
	for _, word := range []string{"discord", "clyde"} {
		if strings.Contains(lower, word) {
			return fmt.Errorf("contains %q, which Discord allows nobody", word)
		}
	}
	if chat.Width(name) > maxUsername {
		return fmt.Errorf("has more than %d characters", maxUsername)
	}
	return nil
}

// channel is the id of a channel. https://discord.com/developers/docs/reference#snowflakes
var channel = regexp.MustCompile(`^[0-9]{15,20}$`)
