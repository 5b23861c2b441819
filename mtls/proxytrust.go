package mtls

import (
	"net/http"
	"net/netip"
	"slices"
)

// TrustedPeers makes a predicate for [ProxyConfig.Trusted]: true if the other
// end of the connection has an address in one of the prefixes. Whoever can send
// from there can pass for any client, so name the proxies and not the network,
// and see to it that RemoteAddr is as net/http set it.
//
// No prefix at all is nobody, and so is a prefix of no bits, which would be
// everybody. IPv4 addresses
// that an IPv6 listener reports as mapped are IPv4 addresses.
func TrustedPeers(prefixes ...netip.Prefix) func(*http.Request) bool {
	prefixes = slices.DeleteFunc(slices.Clone(prefixes), func(prefix netip.Prefix) bool { return prefix.Bits() <= 0 })
	return func(r *http.Request) bool {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil { // a Unix socket, or somebody else's writing
			return false
		}
		address := peer.Addr().Unmap().WithZone("")
		return slices.ContainsFunc(prefixes, func(prefix netip.Prefix) bool { return prefix.Contains(address) })
	}
}

// TrustedCertificates makes a predicate for [ProxyConfig.Trusted]: true if the
// request came over TLS with a certificate of one of these thumbprints, the
// proxy's own. List the next one beside it before it changes.
func TrustedCertificates(thumbprints ...[32]byte) func(*http.Request) bool {
	thumbprints = slices.Clone(thumbprints)
	return func(r *http.Request) bool {
		chain, err := FromTLS(r)
		return err == nil && slices.Contains(thumbprints, Thumbprint(chain[0]))
	}
}
