package webhook

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/carillon-notify/carillon/internal/egress"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webhook/endpoints"
	"github.com/carillon-notify/carillon/transports/webhook/signature"
)

// Config is the section transports.webhook. Its zero value sends to public https endpoints.
type Config struct {
	// Source is the source of CloudEvents: a URI reference that names this application. Defaults to /carillon.
	Source string `yaml:"source"`
	// EncryptionKeys seal the secrets of endpoints at rest: 32 random bytes each, in base64. The first seals, all open.
	// Without any, secrets stand in the database as they are.
	EncryptionKeys []transports.Secret `yaml:"encryption_keys"`
	// Keys sign what goes to fixed URLs: whsec_… or whsk_…. Without any, nothing goes there.
	Keys []transports.Secret `yaml:"keys"`
	// Format is that of fixed URLs: native or cloudevents. Defaults to native.
	Format string `yaml:"format"`
	// Excerpt keeps the beginning of each answer on the attempt: up to 400 printable characters. Defaults to false.
	Excerpt bool `yaml:"excerpt"`
	// Timeout bounds a try; 1s to 60s. Defaults to 20s.
	Timeout time.Duration `yaml:"timeout"`
	// ConnectTimeout bounds looking up and connecting, and again the TLS handshake. Defaults to 10s.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	// Concurrency is how many connections are kept open while idle. Defaults to 32.
	Concurrency int `yaml:"concurrency"`
	// AllowHTTP allows plain http, for development. Defaults to false.
	AllowHTTP bool `yaml:"allow_http"`
	// Ports are the ports that URLs may name; without any, 443, and 80 with allow_http.
	Ports []int `yaml:"ports"`
	// Allow lists ranges of addresses that are allowed although they are not public, such as "10.20.0.0/16", and on any
	// port if the URL names the address. Defaults to none.
	Allow []string `yaml:"allow"`
	// Proxy connects for us, such as http://proxy.internal:3128, and has to guard addresses then. Defaults to none; the
	// environment's proxies are never asked.
	Proxy transports.Secret `yaml:"proxy"`

	// RootCAs are who may sign receivers' certificates. Defaults to the system's.
	RootCAs *x509.CertPool `yaml:"-"`
	// NowFunc replaces the clock of timestamps in tests. Defaults to that of the database, as [transports.Message] has it, or
	// to [time.Now].
	NowFunc func() time.Time `yaml:"-"`
}

// Defaults of a try.
const (
	defaultTimeout        = 20 * time.Second
	defaultConnectTimeout = 10 * time.Second
	maxTimeout            = 60 * time.Second
)

// settings are a config that was found right.
type settings struct {
	source  string
	keys    []signature.Key
	format  endpoints.Format
	excerpt bool
	nowFunc func() time.Time
	// fixedClock means that nowFunc goes before all other clocks.
	fixedClock bool
	client     *egress.Client
	store      *endpoints.Store
}

func (c *Config) settings() (*settings, error) {
	var errs []error
	refuse := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("webhook: "+key+" "+format, args...))
	}
	s := &settings{
		source: cmp.Or(c.Source, "/carillon"), format: endpoints.Format(cmp.Or(c.Format, string(endpoints.Native))),
		excerpt: c.Excerpt, nowFunc: c.NowFunc,
	}
	s.fixedClock = c.NowFunc != nil
	if s.nowFunc == nil {
		s.nowFunc = time.Now
	}
	if _, err := url.Parse(s.source); err != nil || len(s.source) > 255 {
		refuse("source", "is no URI reference (such as /shop or https://shop.example.com)")
	}
	if s.format != endpoints.Native && s.format != endpoints.CloudEvents {
		refuse("format", "is unknown (one of native, cloudevents)")
	}
	for i, text := range c.Keys {
		key, err := signature.ParseKey(text.Reveal())
		if err != nil || !key.CanSign() {
			refuse("keys", "has at %d what cannot sign (a key is whsec_ or whsk_ and base64)", i)
			continue
		}
		s.keys = append(s.keys, key)
	}
	policy := c.policy(refuse)
	for key, d := range map[string]time.Duration{"timeout": c.Timeout, "connect_timeout": c.ConnectTimeout} {
		if d != 0 && (d < time.Second || d > maxTimeout) {
			refuse(key, "is out of range (1s to 60s)")
		}
	}
	if c.Concurrency < 0 || c.Concurrency > 10_000 {
		refuse("concurrency", "is out of range (1 to 10000)")
	}
	var err error
	if s.store, err = endpoints.New(&endpoints.Config{CheckURLFunc: policy.CheckURL, EncryptionKeys: c.EncryptionKeys}); err != nil {
		refuse("encryption_keys", "is refused: %s", err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if s.client, err = egress.New(c.egress(policy)); err != nil {
		return nil, errors.New("webhook: proxy is not the URL of an HTTP proxy (write http://host:port)")
	}
	return s, nil
}

// policy is where requests may go.
func (c *Config) policy(refuse func(key, format string, args ...any)) *egress.Policy {
	p := &egress.Policy{AllowHTTP: c.AllowHTTP}
	for _, port := range c.Ports {
		if port < 1 || port > 65535 {
			refuse("ports", "has %d (1 to 65535)", port)
			continue
		}
		p.Ports = append(p.Ports, uint16(port))
	}
	for _, text := range c.Allow {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			refuse("allow", "is a list of ranges such as 10.20.0.0/16")
			continue
		}
		p.Allow = append(p.Allow, prefix.Masked())
	}
	return p
}

func (c *Config) egress(policy *egress.Policy) *egress.Config {
	timeout := cmp.Or(c.Timeout, defaultTimeout)
	connect := cmp.Or(c.ConnectTimeout, defaultConnectTimeout)
	return &egress.Config{
		Policy: *policy, Concurrency: c.Concurrency, ConnectTimeout: connect, TLSTimeout: connect,
		// The whole time is the limit: which part of it a slow receiver takes is its own affair.
		AnswerTimeout: timeout, Timeout: timeout, MaxBody: maxAnswer, Proxy: c.Proxy.Reveal(), RootCAs: c.RootCAs,
	}
}

// maxAnswer is how much of an answer is read, in bytes: enough to keep the connection, and for an excerpt.
const maxAnswer = 16 << 10
