// Package safehttp fetches small public documents from URLs that other people
// registered: a client's jwks_uri, sector_identifier_uri or request_uri (OpenID
// Connect Core 10.1, 8.1 and 6.2; RFC 9101 5.2 and 10.4). Whoever registers such
// a URL chooses what this process connects to, so the URL, the address, the
// answer and the time are all limited.
//
//   - URL: https, no user information, no fragment, a host that is an IP literal
//     or a plain DNS name. Every port is allowed, because the address rule does
//     not depend on it and a TLS server with a certificate for that very name has
//     to answer. A request_uri whose fragment is a hash of the document (OpenID
//     Connect Core 6.2) comes here without it; its owner compares the hash.
//   - Address: the one connected to, checked on the socket after name
//     resolution. A name that resolves differently the second time gains
//     nothing, because there is no second time. Only global unicast addresses
//     outside the IANA special-purpose registries are reached, plus
//     [Config.AllowedPrefixes].
//   - Answer: status 200 from the URL itself, never after a redirect; no content
//     coding; bounded header and body; one of the expected media types.
//   - Time: one limit for resolution, connection, handshake, header and body.
//
// Each fetch uses its own HTTP/1.1 connection over TLS 1.2 or 1.3 and closes it.
// There are no cookies, no credentials, no client certificate and no proxy: a
// proxy would resolve and connect in our place, past the address check.
//
// What it does not do. It neither caches nor retries nor joins concurrent
// fetches of one URL. It cannot know which public addresses are yours: services
// that trust callers by their public source address, a network-specific NAT64
// prefix (RFC 6052) or a route into a private network through public addresses
// need a filter in the network. A NAT64 address is refused even when it stands
// for a public one, so a host with nothing but NAT64 reaches only IPv6 servers.
package safehttp
