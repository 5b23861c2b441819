package mtls_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/mtls"
)

func TestStrip(t *testing.T) {
	t.Parallel()
	after := func(r *http.Request, own ...string) (seen *http.Request) {
		mtls.Strip(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r }), own...).ServeHTTP(httptest.NewRecorder(), r)
		return seen
	}
	for _, name := range []string{
		"Client-Cert", "Client-Cert-Chain", "client-cert", "CLIENT-CERT", "Client_cert", "Client_Cert_Chain", "Client-Cert_chain",
		"X-Forwarded-Client-Cert", "X_forwarded_client_cert", "X-Forwarded-Tls-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info",
		"X-Amzn-Mtls-Clientcert", "X-Amzn-Mtls-Clientcert-Leaf", "X-Amzn-Mtls-Clientcert-Subject", "Cloudfront-Viewer-Cert-Sha256",
		"X-Ssl-Client-Cert", "X-Ssl-Client-Verify", "Ssl-Client-Cert", "Ssl_client_cert", "Ssl-Client-Verify", "X-Arr-Clientcert", "X-Client-Cert",
		"X-My-Own", "X_my_own-Chain",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := carrying(name, "forged", "X-Other", "kept", "Connection", "close, "+name, "Connection", "X-Other")
			seen := after(r, "X-My-Own")
			require.Equal(t, http.Header{"X-Other": {"kept"}, "Connection": {"close, X-Other"}}, seen.Header)
			require.Equal(t, "forged", r.Header[name][0], "the request it was given stays as it is")
		})
	}
	t.Run("nothing to hide", func(t *testing.T) {
		t.Parallel()
		r := carrying("Client-Certs", "a", "X-Client-Certainty", "b", "Connection", "keep-alive", "Client", "c", "X-Clientcert", "d")
		require.Same(t, r, after(r))
	})
	t.Run("only in Connection", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, http.Header{}, after(carrying("Connection", "Client-Cert,client_cert")).Header)
	})
	t.Run("empty and odd names", func(t *testing.T) {
		t.Parallel()
		r := carrying("", "a", "-", "b", "Connection", ",,")
		require.NotPanics(t, func() { after(r, "") })
	})
}

// TestEdge has an edge in Go in front of an API that trusts it.
func TestEdge(t *testing.T) {
	t.Parallel()
	alice, edge := selfSigned(t, "alice"), selfSigned(t, "edge")
	token, forged := boundTo(t, alice.Leaf), itemOf(alice.Leaf)
	backend := newAPI(t, []cnf.Method{mtls.Binding{Certificate: fromProxy(t, mtls.ProxyConfig{
		Format: mtls.RFC9440, Trusted: mtls.TrustedCertificates(mtls.Thumbprint(edge.Leaf)),
	})}})
	target, err := url.Parse(backend.URL)
	require.NoError(t, err)
	forward := func(old bool) http.Handler {
		proxy := &httputil.ReverseProxy{Transport: backend.client(t, &edge).Transport, ErrorLog: discard}
		if old {
			//lint:ignore SA1019 edges of before Go 1.26 have one, and it is the case that fails
			proxy.Director = func(r *http.Request) {
				setClientCert(r, r)
				r.URL.Scheme, r.URL.Host = target.Scheme, target.Host
			}
			return proxy
		}
		proxy.Rewrite = func(r *httputil.ProxyRequest) {
			setClientCert(r.In, r.Out)
			r.SetURL(target)
		}
		return proxy
	}
	for name, old := range map[string]bool{"Rewrite": false, "Director": true} {
		open, stripping := startTLS(t, forward(old)), startTLS(t, mtls.Strip(forward(old)))
		t.Run("M12 forged behind an edge, "+name, func(t *testing.T) {
			t.Parallel()
			for _, field := range []string{"Client-Cert", "client-cert", "Client_Cert"} {
				stripping.refuses(t, stripping.client(t, nil), token, field, forged)
			}
			stripping.admits(t, stripping.client(t, &alice), token, "Client-Cert", "forged", "Client_Cert", "forged")
			open.admits(t, open.client(t, nil), token, "Client-Cert", forged) // this is what Strip is for
			open.refuses(t, open.client(t, nil), token, "Client_Cert", forged)
		})
		t.Run("M12 dropped by way of Connection, "+name, func(t *testing.T) {
			t.Parallel()
			stripping.admits(t, stripping.client(t, &alice), token, "Connection", "Client-Cert")
			if old { // ReverseProxy drops hop-by-hop fields after Director
				open.refuses(t, open.client(t, &alice), token, "Connection", "Client-Cert")
			}
		})
	}
}

func setClientCert(in, out *http.Request) {
	if chain, err := mtls.FromTLS(in); err == nil {
		out.Header.Set("Client-Cert", itemOf(chain[0]))
	}
}
