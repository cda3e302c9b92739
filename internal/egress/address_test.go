package egress_test

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/egress"
)

// special lists an address of every range that is not the open Internet, at both ends where that tells.
var special = []string{
	"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
	"127.255.255.255", "169.254.0.0", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.255",
	"192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.0", "192.168.255.255", "192.175.48.1",
	"198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
	"255.255.255.254", "255.255.255.255",
	"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:0:7f00:1",
	"64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "100:0:0:1::1", "5f00::1", "fc00::1",
	"fd00:ec2::254", "fdff::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "ffff::1", "4000::1",
	"1fff::1", "2001::1", "2001:1::1", "2001:2::1", "2001:10::1", "2001:1ff:ffff::1", "2001:db8::1", "2002:7f00:1::",
	"2002:808:808::1", "2620:4f:8000::1", "3fff::1", "3fff:fff::1", "2a00:1450::1%lo",
}

// open lists addresses that are public, most of them right beside a special range.
var open = []string{
	"1.0.0.0", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
	"128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0",
	"192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "203.0.112.255", "203.0.114.0",
	"223.255.255.255", "::ffff:8.8.8.8", "2000::1", "2001:200::1", "2001:4860:4860::8888", "2001:db7:ffff::1",
	"2001:db9::1", "2003::1", "2606:4700::1111", "2620:4f:7fff::1", "2620:4f:8001::1", "3ffe::1", "3fff:1000::1",
}

func TestOnlyPublicAddresses(t *testing.T) {
	t.Parallel()
	for _, text := range special {
		require.False(t, egress.Public(netip.MustParseAddr(text)), "%s", text)
	}
	for _, text := range open {
		require.True(t, egress.Public(netip.MustParseAddr(text)), "%s", text)
	}
	require.False(t, egress.Public(netip.Addr{}), "no address")
}

func TestAllowedRanges(t *testing.T) {
	t.Parallel()
	p := egress.Policy{Allow: ranges("10.1.0.0/16", "fd00:1::/32")}
	for _, text := range []string{"10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5", "8.8.8.8"} {
		require.NoError(t, p.CheckAddr(netip.MustParseAddr(text)), text)
	}
	for _, text := range []string{"10.2.0.1", "127.0.0.1", "fd00:2::5", "fd00:1::5%eth0"} {
		refused(t, p.CheckAddr(netip.MustParseAddr(text)), egress.RuleAddress)
	}
}

// FuzzPublic compares with a reference that knows nothing of prefixes, mapping or IPv6 but bits of text.
func FuzzPublic(f *testing.F) {
	for _, text := range append(special, open...) {
		raw := netip.MustParseAddr(text).WithZone("").As16()
		f.Add(raw[:])
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		addr, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		require.Equal(t, slowPublic(addr.As16()), egress.Public(addr), "%s", addr)
		require.Equal(t, slowPublic(addr.As16()), egress.Public(netip.AddrFrom16(addr.As16())), "%s in 16 bytes", addr)
	})
}

func slowPublic(raw [16]byte) bool {
	var binaryText strings.Builder
	for _, b := range raw {
		for i := range 8 {
			binaryText.WriteByte('0' + bits.Reverse8(b)>>i&1)
		}
	}
	text := binaryText.String()
	mapped := strings.Repeat("0", 80) + strings.Repeat("1", 16)
	if v4, ok := strings.CutPrefix(text, mapped); ok {
		n, _ := strconv.ParseUint(v4, 2, 32)
		return slowPublic4(uint32(n))
	}
	for _, blocked := range []struct {
		first uint32
		bits  int
		next  uint16
	}{{0x20010000, 23, 0}, {0x20010db8, 32, 0}, {0x20020000, 16, 0}, {0x2620004f, 48, 0x8000}, {0x3fff0000, 20, 0}} {
		want := make([]byte, 6)
		binary.BigEndian.PutUint32(want, blocked.first)
		binary.BigEndian.PutUint16(want[4:], blocked.next)
		same := true
		for i := range blocked.bits {
			same = same && want[i/8]>>(7-i%8)&1 == text[i]-'0'
		}
		if same {
			return false
		}
	}
	return strings.HasPrefix(text, "001")
}

func slowPublic4(n uint32) bool {
	for _, r := range [][2]uint32{
		{0x00000000, 0x00ffffff},
		{0x0a000000, 0x0affffff},
		{0x64400000, 0x647fffff},
		{0x7f000000, 0x7fffffff},
		{0xa9fe0000, 0xa9feffff},
		{0xac100000, 0xac1fffff},
		{0xc0000000, 0xc00000ff},
		{0xc0000200, 0xc00002ff},
		{0xc01fc400, 0xc01fc4ff},
		{0xc034c100, 0xc034c1ff},
		{0xc0586300, 0xc05863ff},
		{0xc0a80000, 0xc0a8ffff},
		{0xc0af3000, 0xc0af30ff},
		{0xc6120000, 0xc613ffff},
		{0xc6336400, 0xc63364ff},
		{0xcb007100, 0xcb0071ff},
		{0xe0000000, 0xffffffff},
	} {
		if n >= r[0] && n <= r[1] {
			return false
		}
	}
	return true
}
