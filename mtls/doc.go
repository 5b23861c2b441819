// Package mtls implements RFC 8705, OAuth 2.0 Mutual-TLS Client Authentication
// and Certificate-Bound Access Tokens, over TLS connections of one's own and
// behind proxies, with RFC 9440 and the header fields proxies had before it.
//
// # Where the certificate comes from
//
// A [CertificateSource] finds it. [FromTLS] is for servers that terminate TLS;
// their listener asks for certificates and checks none of them:
//
//	server.TLSConfig = &tls.Config{ClientAuth: tls.RequestClientCert}
//
// [FromProxy] is for servers behind a proxy. A header field is worth what its
// sender is, so it names one field, one [Format], and a predicate that knows
// the proxy: [TrustedPeers] or [TrustedCertificates]. Nothing is guessed, and
// nothing else is tried when the field is missing. An edge written in Go puts
// [Strip] in front of what it forwards.
//
// # APIs
//
// [Binding] is a cnf.Method: an access token with x5t#S256 in its confirmation
// is good only with the certificate it was issued for. A token stolen from a
// log, and a certificate, which is public, are of no use without the key.
//
//	cnf.Config[*accesstoken.Token]{Methods: []cnf.Method{mtls.Binding{}}, …}
//
// Behind a proxy, which the zero Binding does not know of:
//
//	source, err := mtls.FromProxy(mtls.ProxyConfig{
//		Format:  mtls.RFC9440,
//		Trusted: mtls.TrustedPeers(netip.MustParsePrefix("10.0.0.7/32")),
//	})
//	mtls.Binding{Certificate: source}
//
// # Authorization servers
//
// [ClientAuthenticator] authenticates clients, by the authority that issued
// their certificate and a [Subject], or by a certificate they registered. To
// bind the access token, which any client can have that comes with a
// certificate, put [Thumbprint] of the first one into cnf.
//
// # Clients
//
// [Rotator] shows a client's certificate and replaces it while requests are
// under way. [Endpoint] finds the URLs at which servers ask for it.
//
// # Proxies in practice
//
// Configurations of nginx, HAProxy, Apache and Caddy that this module is tested
// behind are in interop/testdata/proxies of the repository. What they taught:
//
//   - Do not count on intermediates. nginx and Caddy 2.6 cannot hand them on, and
//     HAProxy and Apache lose them when a TLS session is resumed. Put those of
//     your clients' authority into Roots.
//   - Delete the field, and its spelling with an underscore, on every request and
//     in every location, before setting it. nginx forgets an outer
//     proxy_set_header where a location has one of its own.
//   - Apache lets a client have the field dropped by naming it in Connection
//     (RequestHeader unset Connection). Here that is a request without a
//     certificate, so it fails closed.
//   - nginx and Apache answer expired certificates themselves, whatever they are
//     told; the client sees no OAuth error then.
//   - Large certificates need larger header buffers: tune.bufsize in HAProxy,
//     large_client_header_buffers in nginx.
//
// # What it does not do
//
// For bound tokens it looks at neither dates nor issuer nor revocation of the
// certificate: possession of the key is what counts (RFC 8705 section 6.2), and
// who must not have tokens any more is for the authorization server to say. It
// never believes what a proxy says about a certificate, such as a field with
// SUCCESS, nor names that a proxy read out of it.
//
// It cannot tell whether a proxy drops the fields that clients send. One that
// sets the field only on connections with a certificate, and passes the
// client's copy on otherwise, lets everybody be anybody: test yours by sending
// the field to it without a certificate.
package mtls
