package bridge

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"

	"github.com/carillon-notify/carillon/transports"
)

// Config describes a [Transport]. It is also the section transports.bridge of carillon.yaml.
type Config struct {
	// URLs are where messages go, by the names that audiences use as addresses: such as ntfy://ntfy.sh/shop or
	// telegram://TOKEN@telegram?chats=@shop. Required. https://shoutrrr.nickfedor.com has the form of each service.
	URLs map[string]transports.Secret `yaml:"urls"`
	// Timeout bounds one Send; 1s to 60s. What takes longer may have arrived. Defaults to 20s.
	Timeout time.Duration `yaml:"timeout"`
}

const (
	defaultTimeout = 20 * time.Second
	maxTimeout     = time.Minute
)

// name is what a URL may be called.
var name = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// elsewhere are services of the library that have a better place, or none.
var elsewhere = map[string]string{
	"slack":   "has a transport of its own, slack, in which values are no markup",
	"discord": "has a transport of its own, discord, in which values are no markup",
	"smtp":    "has a transport of its own, email",
	"logger":  "writes messages into logs, where they do not belong",
}

// callsHome are services that log in when they are made, which is no business of a check at start.
var callsHome = map[string]bool{"matrix": true}

// check returns the routes by name, or every problem at once.
func (c Config) check() (map[string]*route, time.Duration, error) {
	var errs []error
	problem := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("bridge: %s %s", field, fmt.Sprintf(format, args...)))
	}
	if len(c.URLs) == 0 {
		problem("urls", "is required (such as ops: ntfy://ntfy.sh/shop)")
	}
	routes := map[string]*route{}
	for _, called := range slices.Sorted(maps.Keys(c.URLs)) {
		if !name.MatchString(called) {
			problem("urls", "has a name that is none (letters, digits and ._-, at most 64)")
			continue
		}
		r, err := newRoute(called, c.URLs[called])
		if err != nil {
			problem("urls", "%s: %s", called, err)
			continue
		}
		routes[called] = r
	}
	timeout := cmp.Or(c.Timeout, defaultTimeout)
	if timeout < time.Second || timeout > maxTimeout {
		problem("timeout", "is %s (1s to %s)", timeout, maxTimeout)
	}
	return routes, timeout, errors.Join(errs...)
}

// newRoute checks a URL. The error does not repeat it, and so not the library's words either.
func newRoute(called string, raw transports.Secret) (*route, error) {
	u, err := url.Parse(raw.Reveal())
	if err != nil || u.Scheme == "" {
		return nil, errors.New("is no URL (such as ntfy://ntfy.sh/shop)")
	}
	scheme, _, _ := strings.Cut(u.Scheme, "+")
	if why, better := elsewhere[scheme]; better {
		return nil, errors.New("this service " + why)
	}
	var services router.ServiceRouter
	if _, err := services.NewService(scheme); err != nil {
		return nil, fmt.Errorf("begins with no service that there is (services: %s)", strings.Join(known(), ", "))
	}
	r := &route{name: called, scheme: scheme, url: raw, turn: make(chan struct{}, 1)}
	if callsHome[scheme] {
		return r, nil
	}
	if r.service, err = locate(raw); err != nil {
		return nil, fmt.Errorf("is not what a URL of %s looks like (see https://shoutrrr.nickfedor.com)", scheme)
	}
	return r, nil
}

// known lists the services that a URL may begin with.
func known() []string {
	var services router.ServiceRouter
	all := slices.DeleteFunc(services.ListServices(), func(s string) bool { return elsewhere[s] != "" })
	slices.Sort(all)
	return all
}
