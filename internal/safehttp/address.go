package safehttp

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// addresses decides which addresses may be connected to. Refusing what is listed
// would not be enough for IPv6, most of which is unassigned: there only 2000::/3,
// the space global unicast addresses are assigned from, is considered at all.
type addresses struct {
	never   []netip.Prefix // not even inside allowed
	allowed []netip.Prefix
	special []netip.Prefix // of IPv4, and of 2000::/3
	global6 netip.Prefix
}

func newAddresses(allowed []netip.Prefix) (addresses, error) {
	owned := prefixes(
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // RFC 1918
		"100.64.0.0/10", // RFC 6598
		"127.0.0.0/8", "::1/128",
		"fc00::/7", // RFC 4193
	)
	never := prefixes(metadataPrefixes()...)
	for _, p := range allowed {
		if !p.IsValid() || p != p.Masked() || !within(owned, p) || within(never, p) {
			return addresses{}, fmt.Errorf("safehttp: allowed prefix %s is not one of loopback, private, shared or unique local addresses", p)
		}
	}
	return addresses{
		never:   never,
		allowed: slices.Clone(allowed),
		special: prefixes(specialPrefixes()...),
		global6: netip.MustParsePrefix("2000::/3"),
	}, nil
}

// metadataPrefixes are the addresses at which clouds hand out credentials, where
// those do not lie in a special-purpose range or lie in one that may be allowed.
func metadataPrefixes() []string {
	return []string{
		"100.100.100.200/32", // Alibaba
		"168.63.129.16/32",   // Azure
		"fd00:42::42/128",    // Scaleway
		"fd00:ec2::/32",      // AWS
		"fd20:ce::254/128",   // Google
	}
}

// specialPrefixes follows the IANA special-purpose address registries (RFC 6890).
// Blocks the registries call globally reachable, such as anycast relays and
// AS112, are here too: nobody serves a registered document from them.
func specialPrefixes() []string {
	return []string{
		"0.0.0.0/8",       // this network; RFC 791
		"10.0.0.0/8",      // private; RFC 1918
		"100.64.0.0/10",   // shared, carrier-grade NAT; RFC 6598
		"127.0.0.0/8",     // loopback; RFC 1122
		"169.254.0.0/16",  // link-local, cloud metadata; RFC 3927
		"172.16.0.0/12",   // private; RFC 1918
		"192.0.0.0/24",    // IETF protocol assignments; RFC 6890
		"192.0.2.0/24",    // documentation; RFC 5737
		"192.31.196.0/24", // AS112; RFC 7535
		"192.52.193.0/24", // AMT; RFC 7450
		"192.88.99.0/24",  // 6to4 relay, deprecated; RFC 7526
		"192.168.0.0/16",  // private; RFC 1918
		"192.175.48.0/24", // AS112; RFC 7534
		"198.18.0.0/15",   // benchmarking; RFC 2544
		"198.51.100.0/24", // documentation; RFC 5737
		"203.0.113.0/24",  // documentation; RFC 5737
		"224.0.0.0/4",     // multicast; RFC 5771
		"240.0.0.0/4",     // reserved, broadcast; RFC 1112, RFC 919

		"2001::/23",         // IETF protocol assignments, among them Teredo and ORCHID; RFC 2928
		"2001:db8::/32",     // documentation; RFC 3849
		"2002::/16",         // 6to4, embeds an IPv4 address; RFC 3056
		"2620:4f:8000::/48", // AS112; RFC 7534
		"3ffe::/16",         // 6bone, returned; RFC 3701
		"3fff::/20",         // documentation; RFC 9637
	}
}

// admit needs no special word for an address with a zone, which names an interface
// of this machine, nor for an IPv4-mapped one, which is a second spelling of an
// IPv4 address: no allowed prefix contains either, nor does 2000::/3.
func (a addresses) admit(ip netip.Addr) bool {
	if !ip.IsValid() || contains(a.never, ip) {
		return false
	}
	if contains(a.allowed, ip) {
		return true
	}
	if ip.Is6() && (!a.global6.Contains(ip) || isISATAP(ip)) {
		return false
	}
	return !contains(a.special, ip)
}

// control is called by net.Dialer with the address of a socket about to connect.
// The check sits here because any earlier one looks at the answer of another
// name resolution than the one that is used.
func (a addresses) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !a.admit(ap.Addr()) {
		return &addressError{address: address}
	}
	return nil
}

type addressError struct{ address string }

func (e *addressError) Error() string { return "address " + e.address + " is not public" }

// isISATAP reports an interface identifier that embeds an IPv4 address and so
// asks a router of the site to tunnel to it (RFC 5214 6.1).
func isISATAP(ip netip.Addr) bool {
	b := ip.As16()
	return b[8]&^0x03 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

func contains(list []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// within reports whether p lies wholly inside one prefix of the list.
func within(list []netip.Prefix, p netip.Prefix) bool {
	return slices.ContainsFunc(list, func(outer netip.Prefix) bool {
		return p.Bits() >= outer.Bits() && outer.Contains(p.Addr())
	})
}
