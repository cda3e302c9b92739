package slack

import (
	"cmp"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/internal/chat"
)

// Config describes a [Transport]. It is also the section transports.slack of carillon.yaml. It has at least one of
// webhook_url, webhooks and token.
type Config struct {
	// WebhookURL is an incoming webhook, https://hooks.slack.com/services/…, for every address that is neither one of
	// webhooks nor, with a token, a channel. Its channel was chosen in Slack, so that the address is a mere label.
	// Defaults to none.
	WebhookURL transports.Secret `yaml:"webhook_url"`
	// Webhooks are incoming webhooks by the names that audiences use as addresses. Defaults to none.
	Webhooks map[string]transports.Secret `yaml:"webhooks"`
	// Token is a bot's, xoxb-…, with the scope chat:write; addresses are then channels (#orders, C012AB3CD) and members
	// (U012AB3CD). A name of its own needs chat:write.customize. Defaults to none.
	Token transports.Secret `yaml:"token"`
	// Workspace names the account in what operators see, and shares the rate among the workers that use the same name.
	// Defaults to none.
	Workspace string `yaml:"workspace"`
	// Username is the name that a bot's messages bear. Defaults to the app's.
	Username string `yaml:"username"`
	// IconEmoji is the picture beside a bot's messages, such as :bell:. Defaults to the app's.
	IconEmoji string `yaml:"icon_emoji"`
	// IconURL is the same as a URL; one of the two. Defaults to the app's.
	IconURL string `yaml:"icon_url"`
	// APIURL is where the Web API is: Slack's, GovSlack's, or a server on this machine. Defaults to https://slack.com/api/.
	APIURL string `yaml:"api_url"`
	// Timeout bounds one Send; at most 60s. Defaults to 20s.
	Timeout time.Duration `yaml:"timeout"`

	// NowFunc replaces the clock in tests. Defaults to [time.Now].
	NowFunc func() time.Time `yaml:"-"`
}

const (
	defaultAPIURL  = "https://slack.com/api/"
	defaultTimeout = 20 * time.Second
)

// hookHosts and apiHosts are Slack's own. https://docs.slack.dev/govslack
func hookHosts() []string { return []string{"hooks.slack.com", "hooks.slack-gov.com"} }

func apiHosts() []string { return []string{"slack.com", "slack-gov.com"} }

// check returns the configuration with its defaults and what leads to Slack, or every problem at once.
func (c Config) check() (Config, *chat.Base, error) {
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	if c.NowFunc == nil {
		c.NowFunc = time.Now
	}
	base, err := chat.New(&chat.Config{
		Transport: transports.Slack, Title: "Slack",
		WebhookURL: c.WebhookURL, Webhooks: c.Webhooks, HookHosts: hookHosts(),
		Token: c.Token, APIURL: strings.TrimSuffix(cmp.Or(c.APIURL, defaultAPIURL), "/") + "/", APIHosts: apiHosts(),
		Rooms: channel, RoomsHint: "no channel (#name or C012AB3CD), no member (U012AB3CD)",
		Timeout: c.Timeout, NowFunc: c.NowFunc,
	})
	if c.IconEmoji != "" && c.IconURL != "" {
		err = errors.Join(err, errors.New("slack: icon_url has no place beside icon_emoji (choose one)"))
	}
	return c, base, err
}

// channel is how Slack spells an address: an id, or the name of a public channel.
var channel = regexp.MustCompile(`^(#[^\s#@<>&]{1,80}|[CDGUW][A-Z0-9]{5,20})$`)
