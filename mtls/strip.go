package mtls

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-fapi/fapi/internal/fieldname"
)

// Strip is for an edge that terminates TLS and forwards: it hides from next
// every header field in which a server behind might look for a certificate,
// since at the edge only clients can have sent it (RFC 9440 section 2.4). These
// are the fields of all formats of this package, those that other proxies and
// servers use, and the given ones, each with the fields whose name continues it
// after a hyphen, in any case and with underscores for hyphens. They are also
// taken off the Connection field, with which a client could have the next hop
// drop what the edge is about to add.
//
// next then sets the field of its own, also when it forwards with
// [net/http/httputil.ReverseProxy].
func Strip(next http.Handler, headers ...string) http.Handler {
	names := append(certificateFields(), headers...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, stripped(r, names))
	})
}

// certificateFields are beginnings of names: Client-Cert is also
// Client-Cert-Chain.
func certificateFields() []string {
	return []string{
		"Client-Cert", "X-Forwarded-Client-Cert", "X-Forwarded-Tls-Client-Cert", // RFC 9440, Envoy, Traefik
		"X-Amzn-Mtls-Clientcert", "CloudFront-Viewer-Cert", "X-ARR-ClientCert", // AWS, Azure
		"X-Client-Cert", "X-Client-Certificate", "X-SSL-Client", "X-SSL-Cert", "SSL-Client", "X-TLS-Client", // custom
		"X-Client-Verify", "X-Forwarded-Ssl-Client", "X-Forwarded-Client-Certificate",
	}
}

// stripped returns r itself if there is nothing to hide, else a copy of it.
func stripped(r *http.Request, names []string) *http.Request {
	hidden := func(name string) bool {
		return slices.ContainsFunc(names, func(own string) bool { return fieldname.Continues(name, own) })
	}
	var fields []string
	for name := range r.Header {
		if hidden(name) {
			fields = append(fields, name)
		}
	}
	options, kept := connectionOptions(r.Header, hidden)
	if len(fields) == 0 && len(kept) == len(options) {
		return r
	}
	copied := *r
	copied.Header = r.Header.Clone()
	for _, name := range fields {
		delete(copied.Header, name)
	}
	delete(copied.Header, "Connection")
	if len(kept) > 0 {
		copied.Header.Set("Connection", strings.Join(kept, ", "))
	}
	return &copied
}

// connectionOptions are all options of the Connection fields, and those left
// when hidden ones are taken away.
func connectionOptions(h http.Header, hidden func(string) bool) (all, kept []string) {
	for _, line := range h["Connection"] {
		for option := range strings.SplitSeq(line, ",") {
			option = strings.TrimSpace(option)
			if all = append(all, option); !hidden(option) {
				kept = append(kept, option)
			}
		}
	}
	return all, kept
}
