package mtls_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/mtls"
)

func TestM13Unverified(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	genuine := signedBy(t, &ca, "fintech", forClients)
	forged := selfSigned(t, "fintech") // the same subject, by an authority of its own
	for name, mode := range map[string]tls.ClientAuthType{"RequestClientCert": tls.RequestClientCert, "RequireAnyClientCert": tls.RequireAnyClientCert} {
		t.Run("M13 tls_client_auth "+name, func(t *testing.T) {
			t.Parallel()
			a := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(ca))})
			e := newTokenEndpoint(t, a, func(config *tls.Config) { config.ClientAuth = mode })
			e.refuses(t, e.client(t, &forged), "fintech")
			e.admits(t, e.client(t, &genuine), "fintech")
			requireUnknown(t, a, mtls.ErrChain, invalidClient, over(formOf("fintech"), forged.Leaf))
			// What the defence is: the handshake and the subject are satisfied.
			twin := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(forged))})
			requireAuthenticated(t, twin, "fintech", over(formOf("fintech"), forged.Leaf))
		})
	}
	t.Run("M13 self_signed_tls_client_auth", func(t *testing.T) {
		t.Parallel()
		mine := signedBy(t, nil, "fintech", forClients)
		a := newAuthenticator(t, registry{"fintech": holding(mine.Leaf)})
		e := newTokenEndpoint(t, a)
		e.refuses(t, e.client(t, &forged), "fintech")
		e.refuses(t, e.client(t, &genuine), "fintech") // a chain is no excuse
		e.admits(t, e.client(t, &mine), "fintech")
		requireUnknown(t, a, mtls.ErrRegistered, invalidClient, over(formOf("fintech"), forged.Leaf))
	})
	t.Run("M13 the certificate of another client", func(t *testing.T) {
		t.Parallel()
		other := signedBy(t, &ca, "other", forClients)
		a := newAuthenticator(t, registry{
			"fintech": issuedTo(t, "CN=fintech", nil), "other": issuedTo(t, "CN=other", nil),
		}, func(c *mtls.ClientAuthenticatorConfig) { c.Roots = poolOf(ca) })
		e := newTokenEndpoint(t, a)
		e.refuses(t, e.client(t, &other), "fintech")
		e.admits(t, e.client(t, &other), "other")
		requireUnknown(t, a, mtls.ErrSubject, invalidClient, over(formOf("fintech"), other.Leaf))
	})
}

func TestM15Impersonation(t *testing.T) {
	t.Parallel()
	bankCA, shopCA := newAuthority(t, "bank ca"), newAuthority(t, "shop ca")
	fromBank, fromShop := signedBy(t, &bankCA, "fintech", forClients), signedBy(t, &shopCA, "fintech", forClients)
	both := func(c *mtls.ClientAuthenticatorConfig) { c.Roots = poolOf(bankCA, shopCA) }
	t.Run("M15 another trusted authority", func(t *testing.T) {
		t.Parallel()
		own := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(bankCA))}, both)
		requireUnknown(t, own, mtls.ErrChain, invalidClient, over(formOf("fintech"), chainOf(t, fromShop)...))
		requireAuthenticated(t, own, "fintech", over(formOf("fintech"), chainOf(t, fromBank)...))
		// Without authorities of its own, the client is whoever any of them says.
		shared := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", nil)}, both)
		requireAuthenticated(t, shared, "fintech", over(formOf("fintech"), chainOf(t, fromShop)...))

		e := newTokenEndpoint(t, own)
		e.refuses(t, e.client(t, &fromShop), "fintech")
		e.admits(t, e.client(t, &fromBank), "fintech")
	})
	t.Run("M15 issued by a client", func(t *testing.T) {
		t.Parallel()
		other := signedBy(t, &bankCA, "other", forClients)
		byOther := signedBy(t, &other, "fintech", forClients)
		subCA := signedBy(t, &bankCA, "sub ca", asAuthority)
		bySubCA := signedBy(t, &subCA, "fintech", forClients)
		a := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(bankCA))})
		e := newTokenEndpoint(t, a)
		e.refuses(t, e.client(t, &byOther), "fintech")
		e.admits(t, e.client(t, &bySubCA), "fintech")
		requireUnknown(t, a, mtls.ErrChain, invalidClient, over(formOf("fintech"), bySubCA.Leaf)) // intermediate not sent
		requireUnknown(t, a, mtls.ErrChain, invalidClient, over(formOf("fintech"), chainOf(t, fromShop)...))

		pinned := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(subCA))})
		requireAuthenticated(t, pinned, "fintech", over(formOf("fintech"), chainOf(t, bySubCA)...))
		requireUnknown(t, pinned, mtls.ErrChain, invalidClient, over(formOf("fintech"), chainOf(t, fromBank)...))
	})
	t.Run("M15 for another purpose or time", func(t *testing.T) {
		t.Parallel()
		a := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(bankCA))})
		for name, change := range map[string]func(*x509.Certificate){
			"server":       func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
			"key exchange": func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment },
			"expired":      func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) },
			"not yet":      func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) },
			"unknown critical extension": func(c *x509.Certificate) {
				c.ExtraExtensions = append(c.ExtraExtensions, extension("1.2.3.4", true, []byte{5, 0}))
			},
		} {
			wrong := signedBy(t, &bankCA, "fintech", forClients, change)
			t.Run(name, func(t *testing.T) {
				requireUnknown(t, a, mtls.ErrChain, invalidClient, over(formOf("fintech"), chainOf(t, wrong)...))
			})
		}
		for name, change := range map[string]func(*x509.Certificate){
			"any purpose": func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} },
			"no purpose":  func(c *x509.Certificate) { c.ExtKeyUsage, c.KeyUsage = nil, 0 },
			"both purposes": func(c *x509.Certificate) {
				c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
			},
		} {
			right := signedBy(t, &bankCA, "fintech", forClients, change)
			t.Run(name, func(t *testing.T) {
				requireAuthenticated(t, a, "fintech", over(formOf("fintech"), chainOf(t, right)...))
			})
		}
	})
	t.Run("M15 authority for other purposes", func(t *testing.T) {
		t.Parallel()
		webCA := signedBy(t, &bankCA, "web ca", asAuthority, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		})
		leaf := signedBy(t, &webCA, "fintech", forClients)
		a := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(bankCA))})
		requireUnknown(t, a, mtls.ErrChain, invalidClient, over(formOf("fintech"), chainOf(t, leaf)...))
	})
}

func TestM20ClientResumption(t *testing.T) {
	t.Parallel()
	ca, otherCA := newAuthority(t, "ca"), newAuthority(t, "other ca")
	fintech := signedBy(t, &ca, "fintech", forClients)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		session := func(cache tls.ClientSessionCache) func(*tls.Config) {
			return func(config *tls.Config) {
				config.MinVersion, config.MaxVersion = version, version
				config.ClientSessionCache, config.ServerName = cache, "example.com"
			}
		}
		t.Run("M20 checked per request "+tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			clients := registry{"fintech": issuedTo(t, "CN=fintech", poolOf(ca))}
			e := newTokenEndpoint(t, newAuthenticator(t, clients))
			client := e.client(t, &fintech, session(tls.NewLRUClientSessionCache(4)))
			require.Empty(t, e.admits(t, client, "fintech").Header.Get("X-Resumed"))
			client.CloseIdleConnections()
			require.Equal(t, "yes", e.admits(t, client, "fintech").Header.Get("X-Resumed"))
			client.CloseIdleConnections()
			clients["fintech"] = issuedTo(t, "CN=fintech", poolOf(otherCA)) // the client changed its authority
			require.Equal(t, "yes", e.refuses(t, client, "fintech").Header.Get("X-Resumed"))
			delete(clients, "fintech") // and left, on the same connection
			e.refuses(t, client, "fintech")
		})
		t.Run("M20 resumed at another host "+tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			first := newTokenEndpoint(t, newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(ca))}), ticketKey)
			strict := newTokenEndpoint(t, newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(otherCA))}), ticketKey)
			twin := newTokenEndpoint(t, newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(ca))}), ticketKey)
			cache := tls.NewLRUClientSessionCache(4)
			first.admits(t, first.client(t, &fintech, session(cache)), "fintech")
			// The session of the first is good at the second, its authority is not.
			require.Equal(t, "yes", strict.refuses(t, strict.client(t, &fintech, session(cache)), "fintech").Header.Get("X-Resumed"))
			require.Equal(t, "yes", twin.admits(t, twin.client(t, &fintech, session(cache)), "fintech").Header.Get("X-Resumed"))
		})
	}
}

func TestM22WeakLeaf(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	weakKey, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	weak := issued(t, &ca, "fintech", weakKey, weakKey.Public(), forClients)
	weakSelf := issued(t, nil, "fintech", weakKey, weakKey.Public(), forClients)
	strong := signedBy(t, &ca, "fintech", forClients)
	t.Run("M22 RSA-1024", func(t *testing.T) {
		t.Parallel()
		a := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(ca, weakSelf)), "self": holding(weakSelf.Leaf)})
		e := newTokenEndpoint(t, a)
		e.refuses(t, e.client(t, &weak), "fintech")
		e.refuses(t, e.client(t, &weakSelf), "fintech") // not even as an authority of itself
		e.refuses(t, e.client(t, &weakSelf), "self")
		e.admits(t, e.client(t, &strong), "fintech")
		requireUnknown(t, a, mtls.ErrCertificate, invalidClient, over(formOf("fintech"), weak.Leaf))
		_, err := weak.Leaf.Verify(x509.VerifyOptions{Roots: poolOf(ca), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		require.NoError(t, err, "crypto/x509 does not mind")
	})
	t.Run("M22 RSA-1024 in the chain", func(t *testing.T) {
		t.Parallel()
		weakCA := issued(t, &ca, "weak ca", weakKey, weakKey.Public(), asAuthority)
		leaf := signedBy(t, &weakCA, "fintech", forClients)
		a := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(ca))})
		requireUnknown(t, a, mtls.ErrChain, invalidClient, over(formOf("fintech"), chainOf(t, leaf)...))
		_, err := leaf.Leaf.Verify(x509.VerifyOptions{
			Roots: poolOf(ca), Intermediates: poolOf(weakCA), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
		require.NoError(t, err, "crypto/x509 does not mind")
	})
	t.Run("M22 SHA-1 and MD5 signatures", func(t *testing.T) {
		t.Parallel()
		sha1 := func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }
		chained, pinned := signedBy(t, &ca, "fintech", forClients, sha1), signedBy(t, nil, "fintech", forClients, sha1)
		a := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(ca, pinned)), "self": holding(pinned.Leaf)})
		e := newTokenEndpoint(t, a)
		e.refuses(t, e.client(t, &chained), "fintech")
		e.refuses(t, e.client(t, &pinned), "fintech") // of an authority, crypto/x509 checks no signature
		e.admits(t, e.client(t, &strong), "fintech")
		e.admits(t, e.client(t, &pinned), "self") // nobody relies on the signature
		md5 := *strong.Leaf
		md5.SignatureAlgorithm = x509.MD5WithRSA
		requireUnknown(t, a, mtls.ErrCertificate, invalidClient, over(formOf("fintech"), &md5))
	})
	t.Run("M22 keys that are good", func(t *testing.T) {
		t.Parallel()
		for name, key := range signers(t) {
			leaf := issued(t, &ca, "fintech", key, key.Public(), forClients)
			a := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(ca)), "self": holding(leaf.Leaf)})
			e := newTokenEndpoint(t, a)
			client := e.client(t, &leaf)
			require.Equal(t, "fintech", e.admits(t, client, "fintech").Header.Get("X-Client"), name)
			e.admits(t, client, "self")
		}
	})
	t.Run("M22 malformed", func(t *testing.T) {
		t.Parallel()
		a := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(ca))})
		e := newTokenEndpoint(t, a)
		huge := signedBy(t, &ca, "fintech", forClients, func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, extension("1.2.3.4", false, make([]byte, 1<<20)))
		})
		cut := strong
		cut.Certificate = [][]byte{strong.Certificate[0][:200]}
		for _, certificate := range []tls.Certificate{huge, cut} {
			client := e.client(t, nil, func(config *tls.Config) {
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil }
			})
			response, err := client.Get(e.URL) // refused in the handshake
			if err == nil {
				_ = response.Body.Close()
			}
			require.Error(t, err)
		}
		long := over(formOf("fintech"), append(chainOf(t, strong), make([]*x509.Certificate, 10)...)...)
		requireUnknown(t, a, mtls.ErrCertificate, invalidClient, long)
		many := over(formOf("fintech"), strong.Leaf)
		for range 10 {
			many.TLS.PeerCertificates = append(many.TLS.PeerCertificates, ca.Leaf)
		}
		requireUnknown(t, a, mtls.ErrCertificate, invalidClient, many)
		e.admits(t, e.client(t, &strong), "fintech")
	})
}

func TestM23WithoutCertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	fintech := signedBy(t, &ca, "fintech", forClients)
	a := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(ca)), "self": holding(fintech.Leaf)})
	e := newTokenEndpoint(t, a)
	plain := newTokenEndpoint(t, a, func(config *tls.Config) { config.ClientAuth = tls.NoClientCert }) // not the alias
	for _, id := range []string{"fintech", "self"} {
		t.Run("M23 "+id, func(t *testing.T) {
			t.Parallel()
			e.refuses(t, e.client(t, nil), id)
			plain.refuses(t, plain.client(t, &fintech), id)
			e.admits(t, e.client(t, &fintech), id)
			requireUnknown(t, a, mtls.ErrNoCertificate, invalidClient, formOf(id))
			requireUnknown(t, a, mtls.ErrNoCertificate, invalidClient, over(formOf(id)))
			early := over(formOf(id), chainOf(t, fintech)...)
			early.TLS.HandshakeComplete = false
			requireUnknown(t, a, mtls.ErrNoCertificate, invalidClient, early)
		})
	}
}

// TestM24OtherCertificate compares what a refresh token of a public client is
// bound to, as an authorization server does with what it has stored.
func TestM24OtherCertificate(t *testing.T) {
	t.Parallel()
	alice, mallory := selfSigned(t, "alice"), selfSigned(t, "mallory")
	stored := mtls.Thumbprint(alice.Leaf)
	renewed := signedBy(t, nil, "alice", func(c *x509.Certificate) { c.SerialNumber = big.NewInt(2) })
	for _, other := range []tls.Certificate{mallory, renewed} {
		require.Error(t, mtls.Binding{}.Confirm(http.Header{}, over(formOf("app"), other.Leaf), "", stored))
	}
	require.NoError(t, mtls.Binding{}.Confirm(http.Header{}, over(formOf("app"), alice.Leaf), "", stored))
	require.NotEqual(t, stored, mtls.Thumbprint(renewed.Leaf), "the same key")
	require.Equal(t, testkeys.ES256("alice").Public(), renewed.Leaf.PublicKey)
}

func TestM26NoAuthorities(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	fintech := signedBy(t, &ca, "fintech", forClients)
	garbage := x509.NewCertPool()
	require.False(t, garbage.AppendCertsFromPEM([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")))
	for name, pool := range map[string]*x509.CertPool{"empty pool": x509.NewCertPool(), "garbage PEM": garbage} {
		t.Run("M26 "+name, func(t *testing.T) {
			t.Parallel()
			_, err := mtls.NewClientAuthenticator(mtls.ClientAuthenticatorConfig{Clients: registry{}, Roots: pool})
			require.ErrorContains(t, err, "pool without certificates")
		})
		t.Run("M26 of a client, "+name, func(t *testing.T) {
			t.Parallel()
			a := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", pool)},
				func(c *mtls.ClientAuthenticatorConfig) { c.Roots = poolOf(ca) })
			got, err := a.Authenticate(over(formOf("fintech"), fintech.Leaf))
			requireFault(t, got, err)
		})
	}
	t.Run("M26 nil pool is not the system's", func(t *testing.T) {
		t.Parallel()
		clients := registry{"fintech": issuedTo(t, "CN=fintech", nil), "self": holding(fintech.Leaf)}
		a := newAuthenticator(t, clients)
		got, err := a.Authenticate(over(formOf("fintech"), fintech.Leaf))
		requireFault(t, got, err)
		require.ErrorContains(t, err, "no Roots")
		requireAuthenticated(t, a, "self", over(formOf("self"), fintech.Leaf)) // needs none
		clients["fintech"] = issuedTo(t, "CN=fintech", poolOf(ca))
		requireAuthenticated(t, a, "fintech", over(formOf("fintech"), fintech.Leaf))
	})
	t.Run("M26 a pool that changes", func(t *testing.T) {
		t.Parallel()
		roots, mallory := poolOf(ca), newAuthority(t, "Mallory")
		a := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", nil)},
			func(c *mtls.ClientAuthenticatorConfig) { c.Roots = roots })
		roots.AddCert(mallory.Leaf)
		forged := signedBy(t, &mallory, "fintech", forClients)
		requireUnknown(t, a, mtls.ErrChain, invalidClient, over(formOf("fintech"), chainOf(t, forged)...))
		requireAuthenticated(t, a, "fintech", over(formOf("fintech"), fintech.Leaf))
	})
}
