package bridge

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/carillon-notify/carillon/transports"
)

var (
	_ transports.Transport      = (*Transport)(nil)
	_ transports.Closer         = (*Transport)(nil)
	_ transports.AddressChecker = (*Transport)(nil)
	_ transports.Router         = (*Transport)(nil)
	_ transports.Previewer      = (*Transport)(nil)
)

// Transport hands messages to shoutrrr. It is safe for concurrent use.
type Transport struct {
	routes  map[string]*route
	timeout time.Duration
	closed  atomic.Bool
}

// New returns a transport. The error lists every problem of the configuration, each with its field, and quotes no URL.
func New(config *Config) (*Transport, error) {
	var c Config
	if config != nil {
		c = *config
	}
	routes, timeout, err := c.check()
	if err != nil {
		return nil, err
	}
	return &Transport{routes: routes, timeout: timeout}, nil
}

// Name is "bridge".
func (t *Transport) Name() string { return transports.Bridge }

// Spec is [transports.BridgeSpec].
func (t *Transport) Spec() transports.Spec { return transports.BridgeSpec() }

// String tells nothing of the URLs.
func (t *Transport) String() string { return "bridge transport" }

// Destination is the URL, by its name; its host is the service.
func (t *Transport) Destination(m transports.Message) transports.Destination {
	r := t.routes[m.Recipient.Address]
	if r == nil {
		return transports.Destination{}
	}
	return transports.Destination{Account: r.name, Host: r.scheme, Key: r.name}
}

// CheckAddress accepts the names of the URLs.
func (t *Transport) CheckAddress(address string) error {
	if t.routes[address] == nil {
		return errors.New("the address is none of the names in urls")
	}
	return nil
}

// Send hands over m. Success means that the service answered as it does when it takes a message.
func (t *Transport) Send(ctx context.Context, m transports.Message) (transports.Result, error) {
	if err := ctx.Err(); err != nil {
		return transports.Result{}, transports.Classify(err)
	}
	if t.closed.Load() {
		return transports.Result{}, transports.Errorf(transports.Transient, "the transport is closed")
	}
	if err := t.CheckAddress(m.Recipient.Address); err != nil {
		return transports.Result{}, transports.Errorf(transports.Address, "%s", err)
	}
	text, err := compose(m)
	if err != nil {
		return transports.Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	r := t.routes[m.Recipient.Address]
	if err := r.send(ctx, text); err != nil {
		return transports.Result{}, err
	}
	return transports.Result{Provider: r.scheme}, nil
}

// Preview is the text as the library gets it.
func (t *Transport) Preview(m transports.Message) (content []byte, extension string, err error) {
	text, err := compose(m)
	return []byte(text), ".txt", err
}

// maxText is where a text is cut, in characters: what the narrowest of the usual services take.
const maxText = 2000

// compose is the title, the message and the link, a line each. The title is no title of the service's, since not all have
// one.
func compose(m transports.Message) (string, error) {
	message := strings.TrimSpace(strings.ToValidUTF8(m.Content.Message, "\uFFFD"))
	if message == "" {
		return "", transports.Errorf(transports.Permanent, "the message is blank")
	}
	text := message
	if title := strings.Join(strings.Fields(strings.ToValidUTF8(m.Content.Title, "\uFFFD")), " "); title != "" {
		text = title + "\n" + message
	}
	link := m.Content.ActionURL
	if link != "" {
		link = "\n" + link
	}
	room := maxText - len([]rune(link))
	if room < 1 {
		return "", transports.Errorf(transports.Permanent, "the link is longer than %d characters", maxText)
	}
	if runes := []rune(text); len(runes) > room {
		text = strings.TrimRight(string(runes[:room-1]), " \n") + "…"
	}
	return text + link, nil
}

// Close makes a later Send fail as transient. It does not wait for what was left behind.
func (t *Transport) Close(context.Context) error {
	t.closed.Store(true)
	return nil
}
