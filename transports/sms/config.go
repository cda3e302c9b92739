package sms

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/internal/provider"
)

// Config describes a [Transport]. It is also the section transports.sms of carillon.yaml. It has at least one of twilio
// and http.
type Config struct {
	// Provider names which one sends, twilio or http, if there are both. Defaults to the one that there is.
	Provider string `yaml:"provider"`
	// From is the sender of channels that name none: a number (+4930123456), a short code, or up to 11 letters and digits.
	// Twilio can do without if it has a messaging service. Defaults to none.
	From string `yaml:"from"`
	// AllowPrefixes are the only beginnings of numbers that are sent to, such as +49; without any, all are. It bounds what
	// somebody can cost you who makes your application send texts.
	AllowPrefixes []string `yaml:"allow_prefixes"`
	// DenyPrefixes are beginnings of numbers that nothing is sent to. Defaults to none.
	DenyPrefixes []string `yaml:"deny_prefixes"`
	// Account names the account in what operators see, and shares the rate among the workers that use the same name.
	// Defaults to none.
	Account string `yaml:"account"`
	// Rate is how many texts all workers together may send as one sender, such as 1/s. Defaults to no limit.
	Rate transports.Limit `yaml:"rate"`
	// Timeout bounds one Send; at most 60s. Defaults to 20s.
	Timeout time.Duration `yaml:"timeout"`
	// Twilio is an account at Twilio.
	Twilio *TwilioConfig `yaml:"twilio"`
	// HTTP is any other service.
	HTTP *HTTPConfig `yaml:"http"`

	// Service is a provider of the application's own, in place of the others.
	Service Provider `yaml:"-"`
	// NowFunc replaces the clock in tests. Defaults to [time.Now].
	NowFunc func() time.Time `yaml:"-"`
}

const defaultTimeout = 20 * time.Second

// Names of the providers.
const (
	providerTwilio = "twilio"
	providerHTTP   = "http"
)

// check returns the configuration with its defaults and its provider, or every problem at once.
func (c Config) check() (Config, Provider, error) {
	var errs []error
	problem := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("sms: %s %s", field, fmt.Sprintf(format, args...)))
	}
	if c.From != "" {
		if err := transports.CheckSMSSender(c.From); err != nil {
			problem("from", "%s", err)
		}
	}
	for field, all := range map[string][]string{"allow_prefixes": c.AllowPrefixes, "deny_prefixes": c.DenyPrefixes} {
		if slices.ContainsFunc(all, func(p string) bool { return len(p) < 2 || p[0] != '+' || strings.Trim(p[1:], "0123456789") != "" }) {
			problem(field, "has an entry that is no beginning of a number (write +49)")
		}
	}
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	if err := provider.CheckTimeout(c.Timeout); err != nil {
		problem("timeout", "%s", err)
	}
	if c.NowFunc == nil {
		c.NowFunc = time.Now
	}
	chosen := c.provider(problem)
	if err := errors.Join(errs...); err != nil {
		return c, nil, err
	}
	return c, chosen, nil
}

// provider checks every section that there is, and returns the chosen one's provider.
func (c Config) provider(problem func(field, format string, args ...any)) Provider {
	built, only := map[string]Provider{}, ""
	if c.Twilio != nil {
		built[providerTwilio], only = newTwilio(c, problem), providerTwilio
	}
	if c.HTTP != nil {
		built[providerHTTP], only = newService(c, problem), providerHTTP
	}
	chosen := cmp.Or(c.Provider, only)
	_, there := built[chosen]
	switch {
	case c.Service != nil:
		return c.Service
	case len(built) == 0:
		problem("twilio", "is required, or http")
	case !there:
		problem("provider", "names none of the sections that there are (twilio, http)")
	case c.Provider == "" && len(built) > 1:
		problem("provider", "is required beside several sections (twilio or http)")
	}
	return built[chosen]
}
