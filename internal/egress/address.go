package egress

import "net/netip"

// reserved4 are the IPv4 ranges of IANA's special-purpose registry that are not globally reachable, plus those that
// carry anycast services or multicast: none of them is a place where a stranger's server can be.
var reserved4 = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
)

// global6 is all that IANA has given out for unicast. What lies outside is refused without a list of its own:
// loopback, mapped and translated IPv4, unique local, link local, multicast, and whatever comes next.
var global6 = netip.MustParsePrefix("2000::/3")

// reserved6 are the special ranges inside global6; the first includes Teredo, ORCHID and benchmarking, 2002::/16
// wraps any IPv4 address.
var reserved6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")

func prefixes(all ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(all))
	for i, p := range all {
		parsed[i] = netip.MustParsePrefix(p)
	}
	return parsed
}

// Public says whether the address can belong to a server on the open Internet. An IPv4 address in IPv6 clothes is
// judged as IPv4; an address with a zone never is public.
func Public(addr netip.Addr) bool {
	if !addr.IsValid() || addr.Zone() != "" {
		return false
	}
	addr = addr.Unmap()
	if addr.Is4() {
		return !within(reserved4, addr)
	}
	return global6.Contains(addr) && !within(reserved6, addr)
}

func within(ranges []netip.Prefix, addr netip.Addr) bool {
	for _, p := range ranges {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
