// Package weburl says over which URLs tokens and keys may travel.
package weburl

import (
	"net/netip"
	"net/url"
)

// IsSecure reports the URL of a host that is https, or http on a loopback address,
// where tests and developers have their servers.
func IsSecure(u *url.URL) bool {
	host := u.Hostname()
	return host != "" && (u.Scheme == "https" || u.Scheme == "http" && IsLoopback(host))
}

// IsLoopback reports localhost and the addresses of the machine itself. host has no
// port and no brackets.
func IsLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
