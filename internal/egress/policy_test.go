package egress_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/egress"
)

// spellings are ways to write 127.0.0.1, ::1 or localhost.
var spellings = []string{
	"127.0.0.1", "2130706433", "0x7f000001", "0X7F000001", "017700000001", "0177.0.0.1", "0x7f.0.0.1", "127.1",
	"127.0.1", "127.0.0.1.", "[::1]", "[::ffff:7f00:1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "[::1%25lo]",
	"[fe80::1%25eth0]", "localhost", "localhost.", "LOCALHOST", "１２７.0.0.1", "①②⑦.⓪.⓪.①", "127。0。0。1",
	"127｡0｡0｡1", "loc\u00adalhost", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "%31%32%37.0.0.1", "0", "0.0.0.0", "[::]",
}

func TestSpellingsOfThisMachine(t *testing.T) {
	t.Parallel()
	strict := egress.Policy{AllowHTTP: true}
	for _, host := range spellings {
		_, err := strict.CheckURL("http://" + host + "/hook")
		var e *egress.Error
		require.ErrorAs(t, err, &e, "%s", host)
		require.Contains(t, []string{egress.RuleLiteral, egress.RuleHost, egress.RuleSyntax}, e.Rule, "%s", host)
	}
}

func TestURLPolicy(t *testing.T) {
	t.Parallel()
	plain := egress.Policy{}
	dev := egress.Policy{AllowHTTP: true, Allow: ranges("127.0.0.0/8", "fd00::/8")}
	ports := egress.Policy{Ports: []uint16{443, 8443}}
	pinned := egress.Policy{Hosts: []string{"hooks.example.com", "*.push.example"}, Allow: ranges("127.0.0.0/8")}
	for _, c := range []struct {
		name   string
		policy egress.Policy
		url    string
		want   string // the canonical URL, or the rule in capitals
	}{
		{"ACanonicalSpelling", plain, "HTTPS://Hooks.Example.COM:443/a?b=c", "https://hooks.example.com/a?b=c"},
		{"APathIsAdded", plain, "https://example.com", "https://example.com/"},
		{"NamesBecomeASCII", plain, "https://bücher.example/x", "https://xn--bcher-kva.example/x"},
		{"FullWidthLettersAreNames", plain, "https://ｅxample.com/", "https://example.com/"},
		{"PlainHTTPIsRefused", plain, "http://example.com/", "SCHEME"},
		{"PlainHTTPByOption", dev, "http://example.com:80/", "http://example.com/"},
		{"OtherSchemes", dev, "ftp://example.com/", "SCHEME"},
		{"Files", dev, "file:///etc/passwd", "SYNTAX"},
		{"Opaque", plain, "https:example.com", "SYNTAX"},
		{"Relative", plain, "/hook", "SYNTAX"},
		{"Nothing", plain, "", "SYNTAX"},
		{"ControlCharacters", plain, "https://example.com/\r\nX: y", "SYNTAX"},
		{"Backslashes", plain, `https://example.com\@127.0.0.1/`, "SYNTAX"},
		{"Credentials", plain, "https://user:pw@example.com/", "USERINFO"},
		{"AnEmptyUser", plain, "https://@example.com/", "USERINFO"},
		{"Fragments", plain, "https://example.com/#a", "FRAGMENT"},
		{"AnEmptyFragment", plain, "https://example.com/#", "FRAGMENT"},
		{"OtherPorts", plain, "https://example.com:22/", "PORT"},
		{"PortZero", plain, "https://example.com:0/", "PORT"},
		{"PortTooHigh", plain, "https://example.com:65536/", "PORT"},
		{"PortsByOption", ports, "https://example.com:8443/", "https://example.com:8443/"},
		{"PostgresStaysRefused", ports, "https://example.com:5432/", "PORT"},
		{"SingleLabels", plain, "https://intranet/", "HOST"},
		{"SingleLabelsByOption", dev, "http://receiver/", "http://receiver/"},
		{"TrailingDots", plain, "https://example.com./", "HOST"},
		{"EmptyLabels", plain, "https://example..com/", "HOST"},
		{"Underscores", plain, "https://a_b.example.com/", "HOST"},
		{"ALongLabel", plain, "https://" + strings.Repeat("a", 64) + ".com/", "HOST"},
		{"APublicAddress", plain, "https://8.8.8.8/", "IP_LITERAL"},
		{"AnAllowedAddressOnAnyPort", dev, "http://127.0.0.1:9000/x", "http://127.0.0.1:9000/x"},
		{"AnAllowedAddressInDisguise", dev, "http://[::ffff:127.0.0.1]:9000/x", "http://127.0.0.1:9000/x"},
		{"AnAllowedIPv6Address", dev, "https://[FD00::1]/", "https://[fd00::1]/"},
		{"AnAddressOutsideTheAllowed", dev, "http://10.0.0.1/", "IP_LITERAL"},
		{"OldSpellingsStayRefused", dev, "http://127.1/", "IP_LITERAL"},
		{"APinnedHost", pinned, "https://hooks.example.com/x", "https://hooks.example.com/x"},
		{"BelowAPinnedHost", pinned, "https://a.b.push.example/x", "https://a.b.push.example/x"},
		{"NotBelowAPinnedHost", pinned, "https://evilpush.example/x", "HOST"},
		{"AnotherHost", pinned, "https://hooks.example.com.evil.net/x", "HOST"},
		{"AnAddressWherePinned", pinned, "https://127.0.0.1/x", "IP_LITERAL"},
		{"TheLongest", plain, "https://example.com/" + strings.Repeat("a", 2028), "https://example.com/" + strings.Repeat("a", 2028)},
		{"TooLong", plain, "https://example.com/" + strings.Repeat("a", 2029), "LENGTH"},
		{"TooLongOnceEncoded", plain, "https://example.com/" + strings.Repeat("ä", 900), "LENGTH"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			u, err := c.policy.CheckURL(c.url)
			if rule := strings.ToLower(c.want); rule != c.want {
				refused(t, err, rule)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, u.String())
			again, err := c.policy.CheckURL(u.String())
			require.NoError(t, err)
			require.Equal(t, u, again, "the canonical spelling is its own")
		})
	}
}

func TestRefusalsRepeatNothing(t *testing.T) {
	t.Parallel()
	p := egress.Policy{}
	for _, raw := range []string{
		"https://user:hunter2@example.com/", "https://example.com/hunter2#x", "http://example.com/hunter2",
		"https://127.0.0.1/hunter2", "https://example.com:22/hunter2", "https://exa mple.com/hunter2", "%zz://hunter2",
	} {
		_, err := p.CheckURL(raw)
		require.Error(t, err, raw)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// FuzzCheckURL: what is accepted is canonical, and names no address that is not allowed.
func FuzzCheckURL(f *testing.F) {
	for _, host := range spellings {
		f.Add("https://" + host + "/x")
	}
	for _, seed := range []string{"https://example.com:443/a?b=c#d", "https://bücher.example", "http://10.1.2.3:99/", "//x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p := egress.Policy{Allow: ranges("10.1.0.0/16")}
		u, err := p.CheckURL(raw)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		again, err := p.CheckURL(u.String())
		require.NoError(t, err, "%q became %q", raw, u)
		require.Equal(t, u.String(), again.String())
		require.Equal(t, "https", u.Scheme)
		require.Nil(t, u.User)
		require.Empty(t, u.Fragment)
		require.LessOrEqual(t, len(u.String()), egress.MaxURL)
		for _, r := range u.Host {
			require.Less(t, r, rune(0x80))
		}
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
			require.NoError(t, p.CheckAddr(addr))
		}
	})
}
