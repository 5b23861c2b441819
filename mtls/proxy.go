package mtls

import (
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/go-fapi/fapi/internal/fieldname"
)

// Format is how a proxy writes a certificate into a header field. The zero
// Format is none.
type Format int

const (
	// RFC9440 is the standard's Client-Cert: the DER as a Byte Sequence, between
	// colons. Caddy, HAProxy, Cloudflare and Google Cloud write it:
	//
	//	caddy    header_up Client-Cert ":{http.request.tls.client.certificate_der_base64}:"
	//	haproxy  http-request set-header Client-Cert :%[ssl_c_der,base64]:
	RFC9440 Format = iota + 1

	// PEM is the text of a .pem file, percent-encoded or with its line breaks
	// turned into white space:
	//
	//	nginx    proxy_set_header X-Client-Cert $ssl_client_escaped_cert
	//	apache   RequestHeader set X-Client-Cert "expr=%{escape:%{SSL_CLIENT_CERT}}"
	//	apache   RequestHeader set X-Client-Cert "%{SSL_CLIENT_CERT}s"
	//	aws alb  X-Amzn-Mtls-Clientcert-Leaf, or X-Amzn-Mtls-Clientcert with Chain
	PEM

	// Base64 is the DER in base64, percent-encoded or not:
	//
	//	haproxy  http-request set-header X-Client-Cert %[ssl_c_der,base64]
	//	traefik  X-Forwarded-Tls-Client-Cert, with Chain
	Base64

	// XFCC is Envoy's X-Forwarded-Client-Cert. The edge has to use SANITIZE_SET
	// with the detail cert (and chain, for Chain); see [ProxyConfig.Hops].
	XFCC
)

// ProxyConfig says which one field of a request holds the certificate, and
// which requests may have that field.
type ProxyConfig struct {
	// Format is how the proxy writes the certificate.
	Format Format // required

	// Trusted reports whether a request comes from the proxy, and from nobody
	// else: [TrustedPeers], [TrustedCertificates], or a function of your own. On
	// a listener that only the proxy can reach, such as a Unix socket, it may
	// always be true.
	//
	// It must not go by anything a client can write, as are all headers and,
	// after a middleware that copies X-Forwarded-For into it, RemoteAddr.
	Trusted func(*http.Request) bool // required

	// Header is the name of the field, of letters, digits and hyphens. RFC9440
	// and XFCC have one by default; for the others it is required.
	Header string

	// Chain tells that intermediates come along, which tls_client_auth needs
	// unless they are among its roots: in Client-Cert-Chain (RFC9440: Header and
	// "-Chain") or, the leaf being first, in the field itself (PEM, Base64) or
	// its Chain (XFCC).
	Chain bool

	// Hops is how many more Envoys, each adding one element (APPEND_FORWARD),
	// stand between the edge and this server: 0 to 8, for XFCC only.
	//
	// The field must then have Hops+1 elements, and the first one is the
	// client's. Counting from the right alone would not do: Envoy does not quote
	// the names in a certificate, so that a certificate with a comma in a name
	// adds an element of its maker's choice.
	Hops int
}

// proxy is the [CertificateSource] of a ProxyConfig.
type proxy struct {
	config ProxyConfig
	chain  string // RFC 9440: the name of the field with the intermediates
	seen   chainTable
}

// FromProxy makes the [CertificateSource] of a server behind a proxy that
// terminates TLS. The certificate on the connection, if there is any, is the
// proxy's and plays no part.
//
// [ErrNoCertificate] is a request without the field, or with one of the values
// that proxies write for want of a certificate: nothing, "::", "-", "(null)",
// or a placeholder in braces. [ErrProxy] is the field in a request that is not
// from the proxy, twice, in a spelling that some servers take for it
// (Client_Cert), or a chain without a certificate. [ErrCertificate] is all else
// that is not one certificate in at most 16 KiB; 64 KiB with XFCC, and with
// Chain, which allows 10 certificates.
//
// What the proxy thinks of the certificate's issuer is not asked. For bound
// tokens and self-signed clients it does not matter, and for tls_client_auth
// this package verifies the chain itself.
func FromProxy(config ProxyConfig) (CertificateSource, error) {
	if config.Format < RFC9440 || config.Format > XFCC {
		return nil, errors.New("mtls: Format is required")
	}
	if config.Trusted == nil {
		return nil, errors.New("mtls: Trusted is required: anybody can send a certificate header")
	}
	if config.Hops < 0 || config.Hops > maxHops || config.Hops > 0 && config.Format != XFCC {
		return nil, errors.New("mtls: Hops must be from 0 to 8, and 0 unless the Format is XFCC")
	}
	if config.Header == "" {
		config.Header = defaultHeader(config.Format)
	}
	if !isHeaderName(config.Header) {
		return nil, errors.New("mtls: Header is required, of letters, digits and hyphens")
	}
	config.Header = http.CanonicalHeaderKey(config.Header)
	p := &proxy{config: config, seen: newChainTable()}
	if config.Format == RFC9440 {
		p.chain = config.Header + "-Chain"
	}
	return p.certificates, nil
}

const maxHops = 8

func defaultHeader(format Format) string {
	switch format {
	case RFC9440:
		return "Client-Cert"
	case XFCC:
		return "X-Forwarded-Client-Cert"
	}
	return ""
}

// isHeaderName leaves out the underscore: it is what look-alikes are made of.
func isHeaderName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	return name != "" && strings.Trim(name, letters) == ""
}

func (p *proxy) certificates(r *http.Request) ([]*x509.Certificate, error) {
	if r == nil {
		return nil, errNoRequest
	}
	value, intermediates, err := p.field(r)
	if err != nil {
		return nil, err
	}
	if chain := p.seen.find(value, intermediates); chain != nil {
		return slices.Clone(chain), nil // the caller's slice, not the table's
	}
	chain, err := p.parse(value, intermediates)
	if err != nil {
		return nil, err
	}
	if err := checkChain(chain); err != nil {
		return nil, err
	}
	p.seen.remember(value, intermediates, chain)
	return slices.Clone(chain), nil
}

// field finds the value in which the certificate is. Who sends the field
// without being the proxy is refused and not just ignored: that is an attack,
// or a proxy that is missing from the list.
func (p *proxy) field(r *http.Request) (value, intermediates string, err error) {
	lines := r.Header[p.config.Header]
	chainLines := r.Header[p.chain] // there is no field without a name
	alike := p.hasLookAlike(r.Header)
	switch {
	case len(lines) == 0 && len(chainLines) == 0 && !alike:
		return "", "", refuse(ErrNoCertificate, codeRequest)
	case !p.config.Trusted(r):
		return "", "", p.refuse(r, "sender is not trusted")
	case alike:
		return "", "", p.refuse(r, "field in another spelling")
	case len(lines) > 1:
		return "", "", p.refuse(r, "field more than once")
	}
	if len(lines) == 1 {
		value = strings.Trim(lines[0], " \t")
	}
	if intermediates = strings.Join(chainLines, ","); isAbsent(intermediates) {
		intermediates = ""
	}
	switch {
	case isAbsent(value) && intermediates != "":
		return "", "", p.refuse(r, "chain without a certificate")
	case isAbsent(value):
		return "", "", refuse(ErrNoCertificate, codeRequest)
	case !p.isList() && strings.Contains(value, ","): // two lines that a hop has joined
		return "", "", p.refuse(r, "field more than once")
	}
	if !p.config.Chain {
		intermediates = ""
	}
	return value, intermediates, nil
}

func (p *proxy) refuse(r *http.Request, cause string) *Error {
	return refuse(ErrProxy, codeRequest,
		slog.String("cause", cause), slog.String("header", p.config.Header), slog.String("peer", r.RemoteAddr))
}

// isList tells whether commas belong to the format.
func (p *proxy) isList() bool {
	return p.config.Format == XFCC || p.config.Format == Base64 && p.config.Chain
}

func (p *proxy) hasLookAlike(h http.Header) bool {
	for name := range h {
		if name != p.config.Header && fieldname.Alike(name, p.config.Header) || name != p.chain && fieldname.Alike(name, p.chain) {
			return true
		}
	}
	return false
}

// isAbsent knows what proxies write when there is no certificate: HAProxy
// nothing or nothing between colons, Apache (null), Caddy the placeholder it
// could not replace.
func isAbsent(value string) bool {
	if len(value) > 1 && value[0] == ':' && value[len(value)-1] == ':' {
		value = value[1 : len(value)-1]
	}
	return value == "" || value == "-" || value == "(null)" || value[0] == '{' && value[len(value)-1] == '}'
}

// Limits of a field, compared before anything is decoded.
const (
	maxField      = 16 << 10 // octets; a certificate of 9 kB has up to 14,000 in PEM
	maxChainField = 64 << 10 // octets, the leaf's field included
)

// parse reads the certificates of a request that the table does not know.
func (p *proxy) parse(value, intermediates string) ([]*x509.Certificate, error) {
	limit, count := maxField, 1
	if p.config.Chain {
		count = maxChain
	}
	if p.config.Chain || p.config.Format == XFCC { // which has elements of the hops too
		limit = maxChainField
	}
	if len(value)+len(intermediates) > limit {
		return nil, malformed("field too long")
	}
	switch p.config.Format {
	case RFC9440:
		return readRFC9440(value, intermediates)
	case PEM:
		return readPEM(value, count)
	case Base64:
		return readBase64(value, count)
	default:
		return readXFCC(value, p.config.Hops, p.config.Chain)
	}
}
