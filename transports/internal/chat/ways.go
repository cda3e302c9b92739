package chat

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/internal/provider"
)

// Config is what the configurations of chat services have in common.
type Config struct {
	// Transport is the transport's name, Title the service's own.
	Transport, Title string

	// WebhookURL is for every address that is neither one of Webhooks nor a room of the bot's.
	WebhookURL transports.Secret
	Webhooks   map[string]transports.Secret
	// HookHosts are where webhooks lead; CheckHookFunc may look at more of them.
	HookHosts     []string
	CheckHookFunc func(u *url.URL) error

	// Token is a bot's, and APIURL where it calls.
	Token    transports.Secret
	APIURL   string
	APIHosts []string
	// TokenHint ends the problem of a token that cannot be one.
	TokenHint string
	// Rooms is how the bot's rooms are spelled, and RoomsHint says so.
	Rooms     *regexp.Regexp
	RoomsHint string

	// Timeout bounds one send.
	Timeout time.Duration
	// NowFunc is the clock.
	NowFunc func() time.Time
}

// Ways are how messages get into the rooms of a service: a webhook has a room of its own, a bot is told the room.
type Ways struct {
	// API is where the bot calls; nil without one.
	API *url.URL

	token     transports.Secret
	rooms     *regexp.Regexp
	roomsHint string
	webhook   *url.URL
	webhooks  map[string]*url.URL
	urls      []*url.URL
	secrets   []string
}

// check returns the ways that are configured, or every problem, by field.
func (c *Config) check() (*Ways, error) {
	w := &Ways{token: c.Token, rooms: c.Rooms, roomsHint: c.RoomsHint, webhooks: map[string]*url.URL{}}
	var errs []error
	problem := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s %s", c.Transport, field, fmt.Sprintf(format, args...)))
	}
	read := func(field, raw string, hosts []string, check func(u *url.URL) error) *url.URL {
		u, err := provider.ParseURL(raw, hosts)
		if err == nil && check != nil {
			err = check(u)
		}
		if err != nil {
			problem(field, "%s", err)
			return nil
		}
		w.urls = append(w.urls, u)
		return u
	}
	if c.WebhookURL == "" && len(c.Webhooks) == 0 && c.Token == "" {
		problem("token", "is required, or webhook_url or webhooks")
	}
	if c.WebhookURL != "" {
		w.webhook = read("webhook_url", c.WebhookURL.Reveal(), c.HookHosts, c.CheckHookFunc)
		w.secrets = append(w.secrets, c.WebhookURL.Reveal())
	}
	for name, hook := range c.Webhooks {
		if err := CheckLabel(name); err != nil {
			problem("webhooks", "has a name that %s", err)
		}
		w.webhooks[name] = read("webhooks", hook.Reveal(), c.HookHosts, c.CheckHookFunc)
		w.secrets = append(w.secrets, hook.Reveal())
	}
	if c.Token != "" {
		w.secrets = append(w.secrets, c.Token.Reveal())
		if strings.ContainsFunc(c.Token.Reveal(), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			problem("token", "has a blank or a character that no token has%s", c.TokenHint)
		}
		w.API = read("api_url", c.APIURL, c.APIHosts, nil)
	}
	if err := provider.CheckTimeout(c.Timeout); err != nil {
		problem("timeout", "%s", err)
	}
	return w, errors.Join(errs...)
}

// Room finds where an address leads. The error does not repeat it.
func (w *Ways) Room(address string) (Room, error) {
	if hook := w.webhooks[address]; hook != nil {
		return hookRoom(address, hook), nil
	}
	if err := CheckLabel(address); err != nil {
		return Room{}, errors.New("the address " + err.Error())
	}
	switch {
	case w.API != nil && w.rooms.MatchString(address):
		return Room{Name: address, Key: "bot:" + fingerprint(w.token.Reveal()) + ":" + address}, nil
	case w.webhook != nil:
		return hookRoom(address, w.webhook), nil
	case w.API != nil:
		return Room{}, errors.New("the address is " + w.roomsHint + " and none of webhooks")
	}
	return Room{}, errors.New("the address is none of webhooks (and there is no webhook_url)")
}

func hookRoom(name string, hook *url.URL) Room {
	return Room{Name: name, Hook: hook, Key: "webhook:" + fingerprint(hook.String())}
}
