package webpush

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/internal/egress"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

// Config is the section transports.web_push.
type Config struct {
	// PrivateKey signs requests (VAPID): 32 bytes in base64url; carillon keys vapid makes a pair. Required.
	PrivateKey transports.Secret `yaml:"private_key"`
	// PublicKey is the one that pages subscribe with; if it is given it is compared. Defaults to that of private_key.
	PublicKey string `yaml:"public_key"`
	// Subject is whom a push service can turn to about us: mailto:ops@example.com, or an https URL. Required.
	Subject string `yaml:"subject"`
	// Hosts are push services beyond those of the big browsers: names, "*.example.com" for all below, or "*" for any host
	// with a public address. Defaults to none.
	Hosts []string `yaml:"hosts"`
	// Timeout bounds a request; 1s to 60s. Defaults to 20s.
	Timeout time.Duration `yaml:"timeout"`
	// Concurrency is how many connections are kept open while idle. Defaults to 32.
	Concurrency int `yaml:"concurrency"`
	// AllowHTTP allows plain http, for development. Defaults to false.
	AllowHTTP bool `yaml:"allow_http"`
	// Allow lists ranges of addresses that are allowed although they are not public, such as "127.0.0.0/8", for
	// development. Defaults to none.
	Allow []string `yaml:"allow"`
	// Proxy connects for us, such as http://proxy.internal:3128, and has to guard addresses then. Defaults to none; the
	// environment's proxies are never asked.
	Proxy transports.Secret `yaml:"proxy"`

	// RootCAs are who may sign push services' certificates. Defaults to the system's.
	RootCAs *x509.CertPool `yaml:"-"`
	// NowFunc replaces the clock in tests. Defaults to [time.Now].
	NowFunc func() time.Time `yaml:"-"`
}

const (
	defaultTimeout = 20 * time.Second
	maxTimeout     = 60 * time.Second
)

// services are the push services of the big browsers: Chrome and those built on it, Firefox, Safari, Edge. Anybody can
// claim to have subscribed anywhere, so that no other is asked unless the configuration says so.
func services() []string {
	return []string{"fcm.googleapis.com", "updates.push.services.mozilla.com", "web.push.apple.com", "*.notify.windows.com"}
}

// settings are a config that was found right.
type settings struct {
	keys    Keys
	subject string
	nowFunc func() time.Time
	client  *egress.Client
	store   *subscriptions.Store
}

func (c *Config) settings() (*settings, error) {
	var errs []error
	refuse := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("web_push: "+key+" "+format, args...))
	}
	s := &settings{nowFunc: c.NowFunc}
	if s.nowFunc == nil {
		s.nowFunc = time.Now
	}
	var err error
	switch s.keys, err = pair(c.PrivateKey); {
	case c.PrivateKey == "":
		refuse("private_key", "is required (make a pair with: carillon keys vapid)")
	case err != nil:
		refuse("private_key", "%s", err)
	case c.PublicKey != "" && strings.TrimRight(c.PublicKey, "=") != s.keys.Public:
		refuse("public_key", "is not that of private_key (leave it out, or make a pair with: carillon keys vapid)")
	}
	if s.subject, err = subjectOf(c.Subject); err != nil {
		refuse("subject", "%s", err)
	}
	if c.Timeout != 0 && (c.Timeout < time.Second || c.Timeout > maxTimeout) {
		refuse("timeout", "is out of range (1s to 60s)")
	}
	if c.Concurrency < 0 || c.Concurrency > 10_000 {
		refuse("concurrency", "is out of range (1 to 10000)")
	}
	policy := c.policy(refuse)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	timeout := cmp.Or(c.Timeout, defaultTimeout)
	s.client, err = egress.New(&egress.Config{
		Policy: *policy, Concurrency: c.Concurrency, Timeout: timeout, AnswerTimeout: timeout, MaxBody: maxAnswer,
		Proxy: c.Proxy.Reveal(), RootCAs: c.RootCAs, Secrets: []string{c.PrivateKey.Reveal()},
	})
	if err != nil {
		return nil, errors.New("web_push: proxy is not the URL of an HTTP proxy (write http://host:port)")
	}
	s.store = subscriptions.New(&subscriptions.Config{CheckURLFunc: policy.CheckURL})
	return s, nil
}

// maxAnswer is how much of an answer is read, in bytes. Nothing of it is kept.
const maxAnswer = 4 << 10

// subjectOf is the subject as the library takes it: it writes mailto: itself.
// https://www.rfc-editor.org/rfc/rfc8292#section-2.1
func subjectOf(subject string) (string, error) {
	if address, isMail := strings.CutPrefix(subject, "mailto:"); isMail {
		parsed, err := mail.ParseAddress(address)
		if err != nil || parsed.Address != address {
			return "", errors.New("is not mailto: and an address (such as mailto:ops@example.com)")
		}
		return address, nil
	}
	u, err := url.Parse(subject)
	switch {
	case subject == "":
		return "", errors.New("is required (mailto:ops@example.com, or an https URL: whom a push service can turn to)")
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil:
		return "", errors.New("is neither mailto:ops@example.com nor an https URL")
	}
	return subject, nil
}

// policy is where requests may go.
func (c *Config) policy(refuse func(key, format string, args ...any)) *egress.Policy {
	p := &egress.Policy{AllowHTTP: c.AllowHTTP, Hosts: append(services(), c.Hosts...)}
	if slices.Contains(c.Hosts, "*") {
		p.Hosts = nil
	}
	for _, host := range c.Hosts {
		name := strings.TrimPrefix(host, "*.")
		if host != "*" && (name == "" || strings.ContainsAny(name, "*/:@ ") || name != strings.ToLower(name)) {
			refuse("hosts", `has what is neither a name in lower case, nor "*.example.com", nor "*"`)
			break
		}
	}
	for _, text := range c.Allow {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			refuse("allow", "is a list of ranges such as 127.0.0.0/8")
			continue
		}
		p.Allow = append(p.Allow, prefix.Masked())
	}
	return p
}
