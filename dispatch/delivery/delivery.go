// Package delivery says where messages go that leave the house: to their recipients, or, in a program that is not to
// reach real people, to one address, to some, or to nobody.
//
// It is a setting of the worker, which the pipeline obeys: no transport has a test mode of its own, and none can forget.
package delivery

import (
	"fmt"
	"maps"
	"net/mail"
	"net/url"
	"slices"
	"strings"

	"github.com/carillon-notify/carillon/transports"
)

// Mode says where messages go that leave the house.
type Mode string

// The modes.
const (
	// Live sends to the recipients. It is the zero value, too.
	Live Mode = "live"
	// Redirect sends everything to one address of each transport, but for what is allowed. A transport that has no such
	// address is captured.
	Redirect Mode = "redirect"
	// Capture sends nothing but what is allowed.
	Capture Mode = "capture"
)

// Modes lists them.
func Modes() []Mode { return []Mode{Live, Redirect, Capture} }

// Config is for programs that are not to reach real people: on a developer's machine, in staging. Whatever the mode,
// everything up to the send happens as it would live, and nothing that was not sent is ever recorded as sent: what is
// captured ends as skipped(captured).
//
// Transports that write into the database, such as in_app, are not concerned: what they write stays in the house.
type Config struct {
	// Mode defaults to [Live].
	Mode Mode `yaml:"mode"`
	// Redirect maps transports to the address that takes the place of every other. The receipt names it.
	Redirect map[string]string `yaml:"redirect"`
	// Allow maps transports to what is delivered to as it is: whole addresses, the domains of email addresses, the hosts
	// of URLs. Case does not count.
	Allow map[string][]string `yaml:"allow"`
	// Capture is the folder that captured messages are written into, in one of each transport: TRANSPORT/RECEIPT.json,
	// or the transport's own format, such as .eml. It is made if it is not there. Defaults to writing none.
	Capture string `yaml:"capture"`
}

// Problem is one thing wrong with a [Config].
type Problem struct {
	// Key is its place as in carillon.yaml: mode, redirect.email, allow.email[0].
	Key string
	// Message says what is wrong and the way out.
	Message string
}

// Check reports everything that is wrong, in the order of the keys. The specs are those of the transports in use; nil
// leaves out what only they could tell.
func (d *Config) Check(specs []transports.Spec) []Problem {
	if d == nil {
		return nil
	}
	var problems []Problem
	add := func(key, format string, args ...any) {
		problems = append(problems, Problem{Key: key, Message: fmt.Sprintf(format, args...)})
	}
	if d.Mode != "" && !slices.Contains(Modes(), d.Mode) {
		add("mode", "unknown mode %q (one of live, redirect, capture)", d.Mode)
	}
	if d.Mode == Redirect && len(d.Redirect) == 0 {
		add("redirect", "mode redirect needs an address (such as redirect: { email: dev@example.com })")
	}
	for _, name := range slices.Sorted(maps.Keys(d.Redirect)) {
		i := slices.IndexFunc(specs, func(s transports.Spec) bool { return s.Name == name })
		switch address := d.Redirect[name]; {
		case strings.TrimSpace(address) == "":
			add("redirect."+name, "the address is empty")
		case i < 0:
		case specs[i].InDatabase || specs[i].PersonOnly:
			add("redirect."+name, "transport %s stays in the house, which no mode concerns (remove it)", name)
		case specs[i].Address == transports.AddressEmail && domainOf(address) == "":
			add("redirect."+name, "is no email address (write it as user@example.com)")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Allow)) {
		for i, entry := range d.Allow[name] {
			if strings.TrimSpace(entry) == "" {
				add(fmt.Sprintf("allow.%s[%d]", name, i), "the entry is empty")
			}
		}
	}
	return problems
}

// Live says that nothing is held back. A nil config is live.
func (d *Config) Live() bool { return d == nil || d.Mode == "" || d.Mode == Live }

// Allows says whether an address of a transport is delivered to as it is, whatever the mode.
func (d *Config) Allows(transport, address string) bool {
	for _, entry := range d.Allow[transport] {
		entry = strings.TrimPrefix(strings.TrimSpace(entry), "@")
		if entry == "" {
			continue
		}
		for _, form := range []string{address, domainOf(address), hostOf(address)} {
			if form != "" && strings.EqualFold(form, entry) {
				return true
			}
		}
	}
	return false
}

// domainOf is the domain of what is exactly one bare email address; empty for anything else.
func domainOf(address string) string {
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address {
		return ""
	}
	return address[strings.LastIndexByte(address, '@')+1:]
}

// hostOf is the host of an absolute URL without credentials; empty for anything else.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || u.User != nil {
		return ""
	}
	return u.Hostname()
}
