package phantom

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-fapi/fapi/internal/fieldname"
)

// EvidenceHeader is the name of the field with the gateway's statement about a
// DPoP key.
const EvidenceHeader = "Phantom-Evidence"

// internalFields are beginnings of names that only a gateway may write:
// X-Forwarded is also X-Forwarded-For, but not X-Forwardedness.
func internalFields() []string {
	return []string{
		"Authorization", "Proxy-Authorization", "DPoP", EvidenceHeader, // what this gateway answers for
		"Client-Cert", "X-SSL", "SSL-Client", "X-TLS", "X-Client", // certificates: RFC 9440, custom
		"X-ClientCert", "X-SSLClientCert", "SSLClientCert", "X-Amzn-Mtls", "CloudFront-Viewer-Cert", "X-ARR-ClientCert", "X-Envoy",
		"Forwarded", "X-Forwarded", "X-Real-IP", "X-Cluster-Client-IP", "True-Client-IP", "Fastly-Client-IP", "X-Azure", // addresses
		"CF", "WL-Proxy", "Via", // all of these
		"X-Original", "X-Rewrite", "X-Accel", // other targets than the one that was checked
		"X-HTTP-Method", "X-Method-Override", // other methods
		"X-Remote", "Remote-User", // other users
	}
}

// names are beginnings of field names.
type names []string

// has tells whether a field has one of the names, or continues one after a
// hyphen, to a server for which case and underscores make no difference.
func (n names) has(field string) bool {
	return slices.ContainsFunc(n, func(own string) bool { return fieldname.Continues(field, own) })
}

// stripRequest leaves no field that the API could take for the gateway's. A
// name with an underscore, a dot or the like goes whatever it is.
func (n names) stripRequest(h http.Header) {
	for field := range h {
		if !isFieldName(field) || n.has(field) {
			delete(h, field)
		}
	}
}

// stripResponse leaves no field that is the gateway's or an inner matter.
func (n names) stripResponse(h http.Header) {
	for field := range h {
		if n.has(field) {
			delete(h, field)
		}
	}
	delete(h, "Alt-Svc")
}

// headerBytes is the size of a header section, counted as HTTP/2 does without
// its overhead (RFC 9113 section 6.5.2): names, values and the target.
func headerBytes(r *http.Request) int {
	size := len(r.Method) + len(r.Host) + len(r.URL.Path) + len(r.URL.RawQuery)
	if r.RequestURI != "" {
		size = len(r.Method) + len(r.Host) + len(r.RequestURI)
	}
	for field, values := range r.Header {
		for _, value := range values {
			size += len(field) + len(value)
		}
	}
	return size
}

// switchesProtocol tells whether a request wants another protocol, and whether
// that is WebSocket. h2c in particular would carry requests past the gateway.
func switchesProtocol(r *http.Request) (wants, webSocket bool) {
	protocols := r.Header["Upgrade"]
	if len(protocols) == 0 && len(r.Header["Http2-Settings"]) == 0 {
		return false, false
	}
	return true, len(protocols) == 1 && strings.EqualFold(strings.TrimSpace(protocols[0]), "websocket") && len(r.Header["Http2-Settings"]) == 0
}
