package safehttp

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func mustAddresses(t testing.TB, allowed ...netip.Prefix) addresses {
	t.Helper()
	a, err := newAddresses(allowed)
	require.NoError(t, err)
	return a
}

func TestAddressesRefused(t *testing.T) {
	t.Parallel()
	a := mustAddresses(t)
	for name, list := range map[string][]string{
		"C21 loopback":             {"127.0.0.1", "127.255.255.254", "::1"},
		"C21 unspecified":          {"0.0.0.0", "::", "0.1.2.3"},
		"C21 private":              {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fdff::1"},
		"C21 link-local":           {"169.254.0.1", "169.254.169.254", "fe80::1", "febf::1"},
		"C21 cloud metadata":       {"169.254.169.254", "fd00:ec2::254", "fd20:ce::254", "fd00:42::42", "100.100.100.200", "168.63.129.16", "192.0.0.192"},
		"C21 carrier-grade nat":    {"100.64.0.1", "100.127.255.255"},
		"C21 multicast, broadcast": {"224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1", "ff0e::1"},
		"C21 documentation":        {"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"},
		"C21 benchmark, reserved":  {"198.18.0.1", "198.19.255.255", "240.0.0.1", "2001:2::1", "4000::1", "8000::1"},
		"C21 ipv4-mapped":          {"::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8"},
		"C21 ipv4-compatible":      {"::127.0.0.1", "::8.8.8.8", "::ffff:0:8.8.8.8"},
		"C21 nat64":                {"64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1"},
		"C21 6to4, teredo":         {"2002:7f00:1::1", "2002:808:808::1", "2001::1", "2001:0:808:808::1"},
		"C21 isatap":               {"2a00::5efe:a00:1", "2a00::200:5efe:808:808", "2a00::100:5efe:a00:1", "2a00::300:5efe:a00:1"},
		"C21 site-local, discard":  {"fec0::1", "100::1", "100:0:0:1::1", "5f00::1", "200::1"},
		"C21 orchid, 6bone":        {"2001:10::1", "2001:20::1", "2001:30::1", "3ffe::1"},
		"C21 anycast services":     {"192.0.0.9", "192.88.99.1", "192.31.196.1", "192.52.193.1", "192.175.48.1", "2001:1::1", "2620:4f:8000::1"},
		"C21 zone":                 {"fe80::1%lo", "2a00::1%eth0", "::1%lo"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, text := range list {
				assert.False(t, a.admit(netip.MustParseAddr(text)), text)
			}
		})
	}
	assert.False(t, a.admit(netip.Addr{}))
}

func TestAddressesAdmitted(t *testing.T) {
	t.Parallel()
	a := mustAddresses(t)
	for _, text := range []string{
		"1.1.1.1", "8.8.8.8", "93.184.216.34", "223.255.255.255",
		"2000::1", "2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700::1111", "2a00:1450::1", "2c0f::1",
		"2a00::5eff:a00:1", "2a00::400:5efe:a00:1", "2a00::1:5efe:a00:1", // close to ISATAP
	} {
		assert.True(t, a.admit(netip.MustParseAddr(text)), text)
	}
}

// Each range is refused from its first to its last address and nothing more.
func TestAddressesEdges(t *testing.T) {
	t.Parallel()
	a := mustAddresses(t)
	list := append(prefixes(specialPrefixes()...), a.never...)
	covered := func(ip netip.Addr) bool { return contains(list, ip) || ip.Is6() && !a.global6.Contains(ip) }
	for _, p := range list {
		first, last := p.Addr(), lastOf(p)
		assert.False(t, a.admit(first), p)
		assert.False(t, a.admit(last), p)
		for _, neighbour := range []netip.Addr{first.Prev(), last.Next()} {
			if neighbour.IsValid() {
				assert.Equal(t, !covered(neighbour), a.admit(neighbour), neighbour)
			}
		}
	}
	assert.False(t, a.admit(a.global6.Addr().Prev()))
	assert.False(t, a.admit(lastOf(a.global6).Next()))
	assert.True(t, a.admit(netip.MustParseAddr("128.0.0.0")), "control: outside")
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	ip, _ := netip.AddrFromSlice(b)
	return ip
}

func TestAllowedPrefixes(t *testing.T) {
	t.Parallel()
	t.Run("admit exactly what they name", func(t *testing.T) {
		t.Parallel()
		a := mustAddresses(t, prefixes("127.0.0.1/32", "10.1.0.0/16", "fd00:1::/32")...)
		for _, text := range []string{"127.0.0.1", "10.1.2.3", "fd00:1::9"} {
			assert.True(t, a.admit(netip.MustParseAddr(text)), text)
		}
		for _, text := range []string{"127.0.0.2", "10.2.0.0", "fd00:2::", "::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "64:ff9b::7f00:1"} {
			assert.False(t, a.admit(netip.MustParseAddr(text)), text)
		}
	})
	t.Run("C21 metadata inside an allowed prefix stays refused", func(t *testing.T) {
		t.Parallel()
		a := mustAddresses(t, prefixes("100.64.0.0/10", "fc00::/7")...)
		for _, text := range []string{"100.100.100.200", "fd00:ec2::254", "fd20:ce::254", "fd00:42::42"} {
			assert.False(t, a.admit(netip.MustParseAddr(text)), text)
		}
		assert.True(t, a.admit(netip.MustParseAddr("100.100.100.201")), "control")
		assert.True(t, a.admit(netip.MustParseAddr("fd20:ce::255")), "control")
	})
	t.Run("the caller's slice is not kept", func(t *testing.T) {
		t.Parallel()
		list := prefixes("10.0.0.0/8")
		a := mustAddresses(t, list...)
		list[0] = netip.MustParsePrefix("127.0.0.0/8")
		assert.False(t, a.admit(netip.MustParseAddr("127.0.0.1")))
		assert.True(t, a.admit(netip.MustParseAddr("10.0.0.1")))
	})
	for _, text := range []string{
		"0.0.0.0/0", "::/0", "8.8.8.8/32", "169.254.169.254/32", "169.254.0.0/16", "224.0.0.0/4", "0.0.0.0/8",
		"10.0.0.0/7", "10.1.0.0/8", "127.0.0.1/8", "fe80::/10", "::/96", "::/127", "::ffff:10.0.0.0/104", "::ffff:127.0.0.1/128",
		"64:ff9b::/96", "2002::/16", "2000::/3", "100.100.100.200/32", "fd00:ec2::254/128", "192.0.2.0/24",
	} {
		t.Run("cannot be "+text, func(t *testing.T) {
			t.Parallel()
			_, err := New(Config{AllowedPrefixes: prefixes(text)})
			require.ErrorContains(t, err, "allowed prefix")
		})
	}
	_, err := New(Config{AllowedPrefixes: []netip.Prefix{{}}})
	require.ErrorContains(t, err, "allowed prefix")
}

func TestControl(t *testing.T) {
	t.Parallel()
	a := mustAddresses(t, loopback4)
	for _, address := range []string{
		"10.0.0.1:443", "[::1]:443", "[fe80::1%lo]:443", "[64:ff9b::7f00:1]:443", "[::ffff:127.0.0.1]:443",
		"", "127.0.0.1", "localhost:443", "/run/socket",
	} {
		assert.Error(t, a.control("tcp", address, nil), address)
	}
	for _, address := range []string{"127.0.0.1:443", "8.8.8.8:1", "[2606:4700::1111]:443"} {
		assert.NoError(t, a.control("tcp", address, nil), address)
	}
}
