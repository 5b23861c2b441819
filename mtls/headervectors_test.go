package mtls_test

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/mtls"
)

// TestRFC8705 runs the certificates and claims the standard prints. Its table
// of subjects has a test of its own.
func TestRFC8705(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID   string
			PEM  string `json:"cert_pem"`
			X5T  string `json:"x5t_S256"`
			X509 int    `json:"x509_version"`
			CNF  json.RawMessage
			JWK  struct{ X5C []string }

			Claims struct{ CNF json.RawMessage }
		}
	}
	readVectors(t, "rfc8705-mtls.json", &file)
	ids := map[string]bool{}
	for _, vector := range file.Vectors {
		ids[vector.ID] = true
		switch {
		case vector.PEM != "":
			t.Run(vector.ID, func(t *testing.T) {
				t.Parallel()
				certificate := parsePEM(t, vector.PEM)
				thumbprint := mtls.Thumbprint(certificate)
				require.Equal(t, vector.X5T, jose.Encode(thumbprint[:]))
				binding := mtls.Binding{Certificate: fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440})}
				require.NoError(t, binding.Confirm(nil, carrying("Client-Cert", itemOf(certificate)), "", thumbprint))
				if vector.CNF == nil {
					return
				}
				// X.509 version 1, self-signed and expired: good enough to be bound to.
				require.Equal(t, vector.X509, certificate.Version)
				require.True(t, certificate.NotAfter.Before(time.Now()))
				require.Equal(t, base64Of(certificate), vector.JWK.X5C[0])
				bound, err := cnf.ParseConfirmation(vector.CNF)
				require.NoError(t, err)
				require.Equal(t, cnf.Bind(mtls.Binding{}.Member(), thumbprint), bound)
			})
		case vector.Claims.CNF != nil:
			t.Run(vector.ID, func(t *testing.T) {
				t.Parallel()
				_, err := cnf.ParseConfirmation(vector.Claims.CNF)
				require.ErrorIs(t, err, cnf.ErrConfirmation, "the printed value is not canonical base64url")
				canonical := strings.Replace(string(vector.Claims.CNF), `dg2"`, `dg0"`, 1)
				_, err = cnf.ParseConfirmation([]byte(canonical))
				require.NoError(t, err)
			})
		}
	}
	require.True(t, ids["rfc8705-appA"] && ids["rfc8705-3.1-claims"] && ids["gen-tls-client-auth"])
}

func TestRFC9440(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID, Expect, Why string
			Leaf            string   `json:"leaf_pem"`
			Intermediate    string   `json:"intermediate_pem"`
			Root            string   `json:"root_pem"`
			Cert            string   `json:"client_cert"`
			Chain           string   `json:"client_cert_chain"`
			X5T             string   `json:"leaf_x5t_S256"`
			CertLines       []string `json:"client_cert_lines"`
			ChainLines      []string `json:"client_cert_chain_lines"`
		}
	}
	readVectors(t, "rfc9440-client-cert.json", &file)
	require.Equal(t, 13, len(file.Vectors))
	printed := file.Vectors[0]
	leaf, intermediate, root := parsePEM(t, printed.Leaf), parsePEM(t, printed.Intermediate), parsePEM(t, printed.Root)
	rules := map[string]error{
		"cc-no-colons": mtls.ErrCertificate, "cc-two-lines": mtls.ErrProxy, "cc-base64url": mtls.ErrCertificate,
		"cc-nopad": mtls.ErrCertificate, "cc-newline": mtls.ErrCertificate, "cc-trailing-der": mtls.ErrCertificate,
		"cc-two-certs-one-item": mtls.ErrCertificate, "cc-literal-null": mtls.ErrNoCertificate,
		"cc-placeholder": mtls.ErrNoCertificate, "ccc-without-cc": mtls.ErrProxy,
	}
	whole := fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440, Chain: true})
	leafOnly := fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440})
	for _, vector := range file.Vectors {
		t.Run(vector.ID, func(t *testing.T) {
			t.Parallel()
			r := carrying()
			r.Header["Client-Cert"], r.Header["Client-Cert-Chain"] = vector.CertLines, vector.ChainLines
			if vector.Cert != "" {
				r.Header["Client-Cert"], r.Header["Client-Cert-Chain"] = []string{vector.Cert}, []string{vector.Chain}
			}
			for name, lines := range r.Header {
				if lines == nil {
					delete(r.Header, name)
				}
			}
			for range 2 { // the second time out of the table, if it was accepted
				chain, err := whole(r)
				alone, errAlone := leafOnly(r)
				if rule, refused := rules[vector.ID]; refused {
					require.Contains(t, vector.Expect, "reject")
					requireRefused(t, rule, "invalid_request", err)
					requireRefused(t, rule, "invalid_request", errAlone)
					continue
				}
				require.NotEqual(t, "reject", vector.Expect)
				require.NoError(t, err, vector.Why)
				require.NoError(t, errAlone)
				want := []*x509.Certificate{leaf}
				require.Equal(t, want, alone)
				if vector.ID != "cc-params" {
					want = append(want, intermediate, root)
				}
				require.Equal(t, want, chain)
			}
			if vector.X5T != "" {
				thumbprint := mtls.Thumbprint(leaf)
				require.Equal(t, vector.X5T, jose.Encode(thumbprint[:]))
			}
		})
	}
}

// observed is a request as it left a real proxy, and what is to be read in it.
type observed struct {
	ID      string
	Headers [][2]string `json:"backend_headers"`
	Header  string
	Value   string
}

// receive parses the header fields as net/http does, folded lines included.
func (o observed) receive(t testing.TB) *http.Request {
	t.Helper()
	fields := o.Headers
	if o.Header != "" {
		fields = [][2]string{{o.Header, o.Value}}
	}
	var text strings.Builder
	text.WriteString("GET / HTTP/1.1\r\nHost: x\r\n")
	for _, field := range fields {
		if !strings.EqualFold(field[0], "Host") {
			text.WriteString(field[0] + ": " + field[1] + "\r\n")
		}
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text.String() + "\r\n")))
	require.NoError(t, err)
	return r
}

// TestProxies runs requests captured behind real proxies: with a certificate,
// with a self-signed one, without, with header fields that the client made up
// ("SPOOF"), and with a Connection field that names the certificate's.
func TestProxies(t *testing.T) {
	t.Parallel()
	var file struct {
		Leaf         string `json:"leaf_pem"`
		Intermediate string `json:"intermediate_pem"`
		SelfSigned   string `json:"selfsigned_pem"`
		Vectors      []observed
	}
	readVectors(t, "proxy-client-cert-headers.json", &file)
	leaf, self := parsePEM(t, file.Leaf), parsePEM(t, file.SelfSigned)
	both := []*x509.Certificate{leaf, parsePEM(t, file.Intermediate)}
	alone, own := both[:1], []*x509.Certificate{self}
	none, spoofed, broken := mtls.ErrNoCertificate, mtls.ErrProxy, mtls.ErrCertificate

	standard := mtls.ProxyConfig{Format: mtls.RFC9440}
	escaped, raw := mtls.ProxyConfig{Format: mtls.PEM, Header: "X-Escaped"}, mtls.ProxyConfig{Format: mtls.PEM, Header: "X-Raw"}
	der := mtls.ProxyConfig{Format: mtls.Base64, Header: "X-Der64"}
	folded, apache := mtls.ProxyConfig{Format: mtls.PEM, Header: "X-Cert"}, mtls.ProxyConfig{Format: mtls.PEM, Header: "X-CertEsc"}
	alb := mtls.ProxyConfig{Format: mtls.PEM, Header: "X-Amzn-Mtls-Clientcert"}
	traefik := mtls.ProxyConfig{Format: mtls.Base64, Header: "X-Forwarded-Tls-Client-Cert"}
	withChain := func(c mtls.ProxyConfig) mtls.ProxyConfig { c.Chain = true; return c }

	type outcome struct {
		config mtls.ProxyConfig
		want   any // a chain or a rule
	}
	outcomes := map[string][]outcome{
		"nginx-1.22.1/chain":      {{escaped, alone}, {raw, alone}, {withChain(raw), alone}},
		"nginx-1.22.1/selfsigned": {{escaped, own}, {raw, own}},
		// Client-Cert is nothing that this nginx was told to write or to drop.
		"nginx-1.22.1/none_spoofed": {{escaped, none}, {raw, none}, {standard, broken}},
		"nginx-1.22.1/cert_spoofed": {{escaped, alone}, {raw, alone}},
		"nginx-1.22.1/conn":         {{escaped, alone}, {raw, alone}},

		"haproxy-2.6.12/selfsigned": {{der, own}, {standard, own}},
		// Client_Cert of the client's making stands beside the true one.
		"haproxy-2.6.12/cert_spoofed": {{der, alone}, {standard, spoofed}},
		"haproxy-2.6.12/conn":         {{der, alone}, {standard, alone}},

		"apache-2.4.71/chain":        {{folded, alone}, {apache, alone}},
		"apache-2.4.71/none_spoofed": {{folded, none}, {apache, none}},
		"apache-2.4.71/cert_spoofed": {{folded, alone}, {apache, alone}},
		"apache-2.4.71/conn":         {{folded, none}, {apache, alone}}, // the client had X-Cert dropped

		"caddy-2.6.2/chain":        {{standard, alone}},
		"caddy-2.6.2/selfsigned":   {{standard, own}},
		"caddy-2.6.2/none_spoofed": {{standard, spoofed}},
		"caddy-2.6.2/cert_spoofed": {{standard, spoofed}},
		"caddy-2.6.2/conn":         {{standard, alone}},

		"alb/passthrough-chain":  {{withChain(alb), both}, {alb, broken}},
		"traefik/pem":            {{withChain(traefik), both}, {traefik, spoofed}},
		"traefik/pem-escaped-v2": {{withChain(traefik), alone}, {traefik, alone}},
	}
	require.Equal(t, len(file.Vectors), len(outcomes))
	for _, vector := range file.Vectors {
		t.Run(vector.ID, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, outcomes, vector.ID)
			for _, o := range outcomes[vector.ID] {
				r := vector.receive(t)
				chain, err := fromProxy(t, o.config)(r)
				rule, refused := o.want.(error)
				if !refused {
					require.NoError(t, err, o.config.Header)
					require.Equal(t, o.want, chain)
				} else {
					requireRefused(t, rule, "invalid_request", err)
				}
				// The same from anybody else is an attack.
				o.config.Trusted = func(*http.Request) bool { return false }
				_, err = fromProxy(t, o.config)(r)
				if rule != none || r.Header.Values(o.config.Header) != nil {
					rule = spoofed
				}
				requireRefused(t, rule, "invalid_request", err)
			}
		})
	}
}

// TestWithoutSpoof takes the client's own fields out of the two captures in
// which they are the reason for refusing.
func TestWithoutSpoof(t *testing.T) {
	t.Parallel()
	var file struct {
		Leaf    string `json:"leaf_pem"`
		Vectors []observed
	}
	readVectors(t, "proxy-client-cert-headers.json", &file)
	for _, vector := range file.Vectors {
		if !strings.HasSuffix(vector.ID, "_spoofed") || vector.ID[0] != 'c' && vector.ID[0] != 'h' {
			continue
		}
		r := vector.receive(t)
		delete(r.Header, "Client_cert")
		source := fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440})
		chain, err := source(r)
		if vector.ID == "caddy-2.6.2/none_spoofed" {
			requireRefused(t, mtls.ErrProxy, "invalid_request", err) // a chain without a certificate
			delete(r.Header, "Client-Cert-Chain")
			_, err = source(r)
			requireRefused(t, mtls.ErrNoCertificate, "invalid_request", err) // the placeholder
			continue
		}
		require.NoError(t, err)
		require.Equal(t, parsePEM(t, file.Leaf), chain[0])
		_, err = fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440, Chain: true})(r)
		requireRefused(t, mtls.ErrCertificate, "invalid_request", err) // ":SPOOFCHAIN:"
	}
}
