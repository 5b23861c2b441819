package mtls_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/mtls"
)

// ticketKey lets one server resume what another began.
func ticketKey(config *tls.Config) { config.SetSessionTicketKeys([][32]byte{{1, 2, 3}}) }

// resumes asks on a new connection, with the ticket of the one before.
func (a *api) resumes(t testing.TB, client *http.Client, token string) {
	t.Helper()
	client.CloseIdleConnections()
	require.Equal(t, "true", a.admits(t, client, token).Header.Get("X-Resumed"))
}

func TestM20Resumption(t *testing.T) {
	t.Parallel()
	alice, mallory := selfSigned(t, "alice"), selfSigned(t, "mallory")
	token := boundTo(t, alice.Leaf)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run("M20 "+tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, direct, ticketKey)
			only := func(config *tls.Config) {
				config.MinVersion, config.MaxVersion = version, version
				config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
			}
			client := a.client(t, &alice, only)
			require.Equal(t, "false", a.admits(t, client, token).Header.Get("X-Resumed"))
			a.resumes(t, client, token) // with the certificate of the full handshake
			a.refuses(t, client, boundTo(t, mallory.Leaf))

			other := a.client(t, &mallory, only) // its session is its own
			a.admits(t, other, boundTo(t, mallory.Leaf))
			a.resumes(t, other, boundTo(t, mallory.Leaf))
			a.refuses(t, other, token)
		})
	}
	t.Run("M20 session of a server with other authorities", func(t *testing.T) {
		t.Parallel()
		sloppy := newAPI(t, direct, ticketKey)
		strict := newAPI(t, direct, ticketKey, func(config *tls.Config) {
			config.ClientAuth, config.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
		})
		cache := tls.NewLRUClientSessionCache(4)
		shared := func(config *tls.Config) {
			config.ClientSessionCache, config.ServerName = cache, "example.com"
		}
		theirs := sloppy.client(t, &mallory, shared)
		sloppy.admits(t, theirs, boundTo(t, mallory.Leaf))
		lenient := newAPI(t, direct, ticketKey)
		moved := lenient.client(t, &mallory, shared)
		lenient.refuses(t, moved, token)
		require.Equal(t, "true", lenient.admits(t, moved, boundTo(t, mallory.Leaf)).Header.Get("X-Resumed"))
		// Whatever crypto/tls makes of the ticket, Alice's token stays hers.
		for _, certificate := range []*tls.Certificate{&mallory, nil} {
			client := strict.client(t, certificate, shared)
			r := carrying()
			r.Header.Set("Authorization", "Bearer "+token)
			r.RequestURI = ""
			r.URL, _ = r.URL.Parse(strict.URL)
			if response, err := client.Do(r); err == nil { // else refused in the handshake
				require.Equal(t, http.StatusUnauthorized, response.StatusCode)
				require.Empty(t, response.Header.Get("X-Handled"))
				require.NoError(t, response.Body.Close())
			}
		}
	})
}

// TestHostAndName has a server with a host that asks for certificates and one
// that does not. Whatever the connection was made for, each request is checked.
func TestHostAndName(t *testing.T) {
	t.Parallel()
	alice := selfSigned(t, "alice")
	token := boundTo(t, alice.Leaf)
	server := selfSigned(t, "server")
	perName := func(config *tls.Config) {
		config.Certificates = []tls.Certificate{server}
		asking := config.Clone()
		config.ClientAuth = tls.NoClientCert
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if strings.HasPrefix(hello.ServerName, "mtls.") { // a sloppy test, as in the advisories
				return asking, nil
			}
			return nil, nil
		}
	}
	for _, protocol := range []string{"http/1.1", "h2"} {
		a := newAPI(t, direct, func(config *tls.Config) { config.NextProtos = []string{protocol} }, perName)
		ask := func(t *testing.T, name, host string, certificate *tls.Certificate) int {
			t.Helper()
			client := a.client(t, certificate, func(config *tls.Config) {
				config.ServerName, config.InsecureSkipVerify, config.NextProtos = name, true, []string{protocol}
			})
			client.Transport.(*http.Transport).ForceAttemptHTTP2 = protocol == "h2"
			r, err := http.NewRequest("GET", a.URL, nil)
			require.NoError(t, err)
			r.Host = host
			r.Header.Set("Authorization", "Bearer "+token)
			response := send(t, client, r)
			require.Equal(t, protocol == "h2", response.ProtoMajor == 2)
			return response.StatusCode
		}
		t.Run("M21 connection of the open host, request for the other "+protocol, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 401, ask(t, "www.example.com", "mtls.example.com", &alice))
			require.Equal(t, 200, ask(t, "mtls.example.com", "mtls.example.com", &alice))
		})
		t.Run("M21 connection of the other, request for the open host "+protocol, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 401, ask(t, "mtls.example.com", "www.example.com", nil))
			require.Equal(t, 200, ask(t, "mtls.example.com", "www.example.com", &alice))
		})
		t.Run("M27 name in another case, no name "+protocol, func(t *testing.T) {
			t.Parallel()
			for _, name := range []string{"MTLS.example.com", "mTLS.example.com", "127.0.0.1", "x.mtls.example.com"} {
				require.Equal(t, 401, ask(t, name, "mtls.example.com", &alice), name)
			}
		})
	}
}

func TestM22Keys(t *testing.T) {
	t.Parallel()
	authority := signedBy(t, nil, "authority", asAuthority)
	rsaKey := func(bits uint) *rsa.PublicKey { // a modulus is enough: nobody signs with it
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
	}
	source := fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440, Chain: true})
	read := func(leaf *x509.Certificate, chain ...string) error {
		r := carrying("Client-Cert", itemOf(leaf))
		if chain != nil {
			r.Header["Client-Cert-Chain"] = chain
		}
		_, err := source(r)
		return err
	}
	for name, key := range map[string]any{
		"RSA 1024": rsaKey(1024), "RSA 2047": rsaKey(2047), "RSA 8193": rsaKey(8193), "RSA 65536": rsaKey(65536),
	} {
		t.Run("M22 "+name, func(t *testing.T) {
			t.Parallel()
			leaf := issued(t, &authority, name, testkeys.ES256("unused"), key).Leaf
			requireRefused(t, mtls.ErrCertificate, "invalid_request", read(leaf))
			r := carrying()
			r.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
			requireRefused(t, mtls.ErrCertificate, "invalid_token", mtls.Binding{}.Confirm(nil, r, "", mtls.Thumbprint(leaf)))
		})
	}
	t.Run("M22 controls", func(t *testing.T) {
		t.Parallel()
		for _, key := range []any{rsaKey(2048), rsaKey(8192), testkeys.EdDSA("leaf").Public(), testkeys.ES256("leaf").Public()} {
			require.NoError(t, read(issued(t, &authority, "leaf", testkeys.ES256("unused"), key).Leaf))
		}
	})
	t.Run("M22 authority with a key of 65536 bits", func(t *testing.T) {
		t.Parallel()
		leaf := signedBy(t, &authority, "leaf").Leaf
		vast := issued(t, &authority, "vast", testkeys.ES256("unused"), rsaKey(65536)).Leaf
		requireRefused(t, mtls.ErrCertificate, "invalid_request", read(leaf, itemOf(vast)))
		require.NoError(t, read(leaf, itemOf(authority.Leaf)))
	})
	t.Run("M22 unknown curve, unknown key, negative serial number", func(t *testing.T) {
		t.Parallel()
		leaf := selfSigned(t, "leaf").Leaf
		for was, is := range map[string]string{
			"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07": "\x06\x08\x2b\x06\x01\x04\x01\x01\x01\x0a", // such as secp256k1
			"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01":     "\x06\x07\x2b\x06\x01\x04\x01\x01\x01",
			"\x02\x01\x01\x30\x0a\x06":                 "\x02\x01\xff\x30\x0a\x06",
		} {
			require.Contains(t, string(leaf.Raw), was)
			changed := &x509.Certificate{Raw: []byte(strings.Replace(string(leaf.Raw), was, is, 1))}
			requireRefused(t, mtls.ErrCertificate, "invalid_request", read(changed))
		}
		require.NoError(t, read(leaf))
	})
	t.Run("M22 real weak key over TLS", func(t *testing.T) {
		t.Parallel()
		key, err := rsa.GenerateKey(rand.Reader, 1024)
		require.NoError(t, err)
		weak := issued(t, nil, "weak", key, key.Public())
		a := newAPI(t, []cnf.Method{mtls.Binding{}})
		a.refuses(t, a.client(t, &weak), boundTo(t, weak.Leaf))
		strong := issued(t, nil, "strong", testkeys.PS256(), testkeys.PS256().Public())
		a.admits(t, a.client(t, &strong), boundTo(t, strong.Leaf))
	})
}
