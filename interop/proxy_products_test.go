//go:build linux

package interop_test

import (
	"crypto/tls"
	"encoding/base64"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/mtls"
)

// proxyForm is one way in which a proxy hands on certificates. Its listeners in
// the configuration are "name/careful", "name/beside" for a site that asks for
// no certificates, "name/careless", which lets the client's field through, and,
// if the proxy can, "name/adding", which sets its field beside the client's.
type proxyForm struct {
	name          string
	config        mtls.ProxyConfig // all but Trusted
	byCertificate bool             // how the API knows the proxy, or else by its address
	adds          bool             // there is a listener "adding"

	conditional bool // at the careless listener, it sets the field if there is a certificate
	checksDates bool // lets no expired certificate through
	hopByHop    bool // drops the fields that the client names in Connection
}

// forge is the field as the proxy would write it.
func (f proxyForm) forge(c tls.Certificate) string {
	text := base64.StdEncoding.EncodeToString(c.Leaf.Raw)
	switch f.config.Format {
	case mtls.RFC9440:
		return ":" + text + ":"
	case mtls.PEM:
		return url.PathEscape(string(pemOfLeaf(c.Leaf)))
	}
	return text
}

func (f proxyForm) header() string {
	if f.config.Header == "" {
		return "Client-Cert"
	}
	return f.config.Header
}

var (
	nginx = proxyProgram{
		command: []string{"nginx", "-p", ".", "-c", "nginx.conf"}, files: []string{"nginx.conf"}, packages: "nginx",
	}
	nginxNJS = proxyProgram{
		command: []string{"nginx", "-p", ".", "-c", "nginx-njs.conf"}, files: []string{"nginx-njs.conf", "rfc9440.js"},
		packages: "nginx libnginx-mod-http-js", modules: "/usr/lib/nginx/modules/ngx_http_js_module.so",
	}
	haproxy = proxyProgram{
		command: []string{"haproxy", "-db", "-f", "haproxy.cfg"}, files: []string{"haproxy.cfg", "chain.lua"}, packages: "haproxy",
	}
	apache = proxyProgram{
		command: []string{"apache2", "-X", "-d", ".", "-f", "apache.conf"}, files: []string{"apache.conf"},
		packages: "apache2", modules: "/usr/lib/apache2/modules",
	}
	caddy = proxyProgram{
		command: []string{"caddy", "run", "--adapter", "caddyfile", "--config", "Caddyfile"}, files: []string{"Caddyfile"},
		packages: "caddy",
	}
)

func TestNginx(t *testing.T) {
	t.Parallel()
	testProxy(t, nginx, proxyForm{
		name: "escaped", config: mtls.ProxyConfig{Format: mtls.PEM, Header: "X-Client-Cert"}, checksDates: true,
	})
}

func TestNginxNJS(t *testing.T) {
	t.Parallel()
	testProxy(t, nginxNJS, proxyForm{
		name: "rfc9440", config: mtls.ProxyConfig{Format: mtls.RFC9440}, byCertificate: true, checksDates: true,
	})
}

func TestHAProxy(t *testing.T) {
	t.Parallel()
	testProxy(t, haproxy,
		proxyForm{
			name: "rfc9440", config: mtls.ProxyConfig{Format: mtls.RFC9440}, byCertificate: true, adds: true, conditional: true,
		},
		proxyForm{
			name: "chain", config: mtls.ProxyConfig{Format: mtls.RFC9440, Chain: true}, byCertificate: true, conditional: true,
		},
		proxyForm{
			name: "base64", config: mtls.ProxyConfig{Format: mtls.Base64, Header: "X-Client-Cert"}, adds: true, conditional: true,
		},
	)
}

func TestApache(t *testing.T) {
	t.Parallel()
	httpd := func(name string) proxyForm {
		return proxyForm{
			name: name, config: mtls.ProxyConfig{Format: mtls.PEM, Header: "X-Client-Cert"},
			conditional: true, checksDates: true, hopByHop: true,
		}
	}
	spaces, escaped, chain := httpd("spaces"), httpd("escaped"), httpd("chain")
	spaces.adds = true
	escaped.byCertificate, escaped.adds = true, true
	chain.byCertificate, chain.config.Chain = true, true
	testProxy(t, apache, spaces, escaped, chain)
}

func TestCaddy(t *testing.T) {
	t.Parallel()
	testProxy(t, caddy, proxyForm{
		name: "rfc9440", config: mtls.ProxyConfig{Format: mtls.RFC9440}, byCertificate: true, adds: true,
	})
}

// stand is one form of a running proxy, in front of its API.
type stand struct {
	proxyForm
	certificates
	api       *proxiedAPI
	listeners proxyListeners
}

// testProxy runs all forms of a proxy in one process. The requests of a form
// follow each other, since its API tells the outcome of the latest.
func testProxy(t *testing.T, program proxyProgram, forms ...proxyForm) {
	t.Helper()
	stands, addresses := map[string]*stand{}, map[string]string{}
	for _, form := range forms {
		api := newProxiedAPI(t, form.config, form.byCertificate)
		stands[form.name] = &stand{proxyForm: form, certificates: proxyCertificates(t), api: api}
		addresses[form.name] = api.Listener.Addr().String()
	}
	listeners := program.start(t, addresses)
	for name, s := range stands {
		s.listeners = listeners
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.matrix(t)
			s.sessions(t)
			s.spoofs(t)
			s.peers(t)
		})
	}
}

// at is a caller without a certificate, at one of the form's listeners.
func (s *stand) at(t *testing.T, listener string) caller {
	t.Helper()
	address, ok := s.listeners[s.name+"/"+listener]
	require.True(t, ok, listener)
	return caller{t: t, api: s.api, address: address.String()}
}
