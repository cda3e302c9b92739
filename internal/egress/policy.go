package egress

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// MaxURL is the longest URL that a policy accepts, in bytes.
const MaxURL = 2048

// The rules that a policy can name.
const (
	RuleLength   = "length"     // longer than MaxURL
	RuleSyntax   = "syntax"     // not an absolute URL
	RuleScheme   = "scheme"     // not https, nor http where that is allowed
	RuleUserinfo = "userinfo"   // credentials in the URL
	RuleFragment = "fragment"   // a fragment, which would never be sent
	RuleHost     = "host"       // not a full domain name, or not one of Policy.Hosts
	RuleLiteral  = "ip_literal" // an address in place of a name, in whatever spelling
	RulePort     = "port"       // not one of Policy.Ports
	RuleAddress  = "address"    // the address is not public
)

// Policy says where requests may go. The zero value allows https on port 443 to names with public addresses.
type Policy struct {
	// AllowHTTP allows plain http, and with it port 80.
	AllowHTTP bool
	// Ports are the ports that may be named. Defaults to 443, and 80 with AllowHTTP.
	Ports []uint16
	// Hosts, if not empty, are the only hosts allowed: exact names, or "*.example.com" for every name below.
	Hosts []string
	// Allow lists ranges that are allowed although they are not public, for receivers of the operator's own. A URL may
	// name an address in them, and any port there; names without a dot are allowed too.
	Allow []netip.Prefix
}

// CheckURL judges a URL and returns it in its one canonical spelling: ASCII host in lower case, no default port. Call
// it when a URL is saved; every request calls it again. The error is an [*Error] with a rule.
func (p *Policy) CheckURL(raw string) (*url.URL, error) {
	if len(raw) > MaxURL {
		return nil, refuse(RuleLength, "", "the URL has %d bytes (at most %d)", len(raw), MaxURL)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Host == "" {
		// The parser's own error repeats the URL.
		return nil, refuse(RuleSyntax, "", "not an absolute URL (write https://host/path)")
	}
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !p.AllowHTTP):
		return nil, refuse(RuleScheme, "", "only %s is allowed", strings.Join(p.schemes(), " and "))
	case u.User != nil:
		return nil, refuse(RuleUserinfo, "", "the URL must not carry credentials")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, refuse(RuleFragment, "", "a fragment is never sent (leave it out)")
	}
	host, literal, err := p.checkHost(u.Hostname())
	if err != nil {
		return nil, err
	}
	port, err := p.checkPort(u, literal)
	if err != nil {
		return nil, err
	}
	clean := *u
	clean.Host = host + port
	if clean.Path == "" {
		clean.Path = "/"
	}
	if len(clean.String()) > MaxURL {
		return nil, refuse(RuleLength, "", "the URL has more than %d bytes once it is encoded", MaxURL)
	}
	return &clean, nil
}

// CheckAddr judges an address that a name resolved to. The error is an [*Error] with [RuleAddress].
func (p *Policy) CheckAddr(addr netip.Addr) error {
	if p.allowed(addr) || Public(addr) {
		return nil
	}
	return refuse(RuleAddress, "", "the host's address is not public (an operator can allow its range)")
}

func (p *Policy) allowed(addr netip.Addr) bool {
	return addr.Zone() == "" && within(p.Allow, addr.Unmap())
}

func (p *Policy) schemes() []string {
	if p.AllowHTTP {
		return []string{"https", "http"}
	}
	return []string{"https"}
}

// checkHost returns the host as a URL spells it, and whether it is an address.
func (p *Policy) checkHost(raw string) (host string, literal bool, err error) {
	if addr, err := netip.ParseAddr(raw); err == nil {
		addr = addr.Unmap()
		if !p.allowed(addr) || len(p.Hosts) > 0 {
			return "", false, refuse(RuleLiteral, "", "an address is not a name (use the receiver's domain name)")
		}
		if addr.Is6() {
			return "[" + addr.String() + "]", true, nil
		}
		return addr.String(), true, nil
	}
	// The profile of look-ups maps what looks like ASCII to ASCII, so the result is judged, not what was typed.
	host, err = asciiName(raw)
	labels := strings.Split(host, ".")
	switch {
	case err != nil || len(host) > 253 || slices.ContainsFunc(labels, func(l string) bool { return l == "" || len(l) > 63 }):
		return "", false, refuse(RuleHost, "", "the host is not a domain name")
	case endsInNumber(labels[len(labels)-1]):
		return "", false, refuse(RuleLiteral, "", "an address is not a name (use the receiver's domain name)")
	case len(labels) == 1 && len(p.Allow) == 0:
		return "", false, refuse(RuleHost, "", "a name without a dot is not one of the Internet's")
	case len(p.Hosts) > 0 && !slices.ContainsFunc(p.Hosts, func(pattern string) bool { return covers(pattern, host) }):
		return "", false, refuse(RuleHost, host, "the host is not one of those that this service uses")
	}
	return host, false, nil
}

// asciiName is the name as DNS knows it. A name that changes when it is mapped again has no stable meaning.
func asciiName(raw string) (string, error) {
	name, err := idna.Lookup.ToASCII(raw)
	if err != nil {
		return "", err
	}
	again, err := idna.Lookup.ToASCII(name)
	if err != nil || again != name || !utf8.ValidString(raw) {
		return "", errUnstable
	}
	return name, nil
}

var errUnstable = errors.New("a name that changes when it is mapped again")

// endsInNumber is how resolvers tell an address in an old spelling (0x7f000001, 0177.0.0.1, 127.1) from a name.
func endsInNumber(label string) bool {
	digits, hex := strings.CutPrefix(label, "0x")
	if hex {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(digits, "0123456789") == ""
}

func covers(pattern, host string) bool {
	if below, wild := strings.CutPrefix(pattern, "*"); wild {
		return strings.HasSuffix(host, below) && len(host) > len(below)
	}
	return pattern == host
}

// checkPort returns the port as a URL spells it: empty if it is the scheme's own.
func (p *Policy) checkPort(u *url.URL, literal bool) (string, error) {
	own := map[string]uint16{"https": 443, "http": 80}[u.Scheme]
	port := own
	if text := u.Port(); text != "" {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return "", refuse(RulePort, "", "the port is not a number from 1 to 65535")
		}
		port = uint16(n)
	}
	if !literal && !p.portAllowed(port) {
		return "", refuse(RulePort, "", "port %d is not allowed (allowed: %s)", port, p.portList())
	}
	if port == own {
		return "", nil
	}
	return ":" + strconv.Itoa(int(port)), nil
}

func (p *Policy) ports() []uint16 {
	switch {
	case len(p.Ports) > 0:
		return p.Ports
	case p.AllowHTTP:
		return []uint16{443, 80}
	}
	return []uint16{443}
}

func (p *Policy) portAllowed(port uint16) bool { return slices.Contains(p.ports(), port) }

func (p *Policy) portList() string {
	var list []string
	for _, port := range p.ports() {
		list = append(list, strconv.Itoa(int(port)))
	}
	return strings.Join(list, ", ")
}
