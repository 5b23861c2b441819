package mtls_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/replay"
)

var direct = []cnf.Method{mtls.Binding{}}

func TestBinding(t *testing.T) {
	t.Parallel()
	a := newAPI(t, direct)
	alice, mallory := selfSigned(t, "alice"), selfSigned(t, "mallory")
	token := boundTo(t, alice.Leaf)
	honest := a.client(t, &alice)
	a.admits(t, honest, token)

	t.Run("M01 no certificate", func(t *testing.T) {
		t.Parallel()
		client := a.client(t, nil)
		a.refuses(t, client, token)
	})
	t.Run("M01 another certificate", func(t *testing.T) {
		t.Parallel()
		client := a.client(t, &mallory)
		a.refuses(t, client, token)
		a.admits(t, client, boundTo(t, mallory.Leaf))
	})
	t.Run("M01 the same key in a new certificate", func(t *testing.T) {
		t.Parallel()
		renewed := signedBy(t, nil, "alice", func(c *x509.Certificate) { c.SerialNumber.SetInt64(2) })
		client := a.client(t, &renewed)
		a.refuses(t, client, token)
		a.admits(t, client, boundTo(t, renewed.Leaf))
	})
	t.Run("N12 token that is not bound", func(t *testing.T) {
		t.Parallel()
		a.refuses(t, honest, signToken(t, `{}`))
	})
	t.Run("N12 DPoP scheme for a certificate-bound token", func(t *testing.T) {
		t.Parallel()
		r, err := http.NewRequest("GET", a.URL, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "DPoP "+token)
		require.Equal(t, http.StatusUnauthorized, send(t, honest, r).StatusCode)
	})
}

// The API's certificate may be anything; only its hash counts, and only the
// right hash of the right one does.
func TestM03WrongInput(t *testing.T) {
	t.Parallel()
	a := newAPI(t, direct)
	authority := signedBy(t, nil, "authority", asAuthority)
	alice := signedBy(t, &authority, "alice")
	client := a.client(t, &alice) // sends the chain of two
	for name, wrong := range map[string][32]byte{
		"PEM text":                         sha256.Sum256([]byte(pemOf(alice.Leaf))),
		"base64 text":                      sha256.Sum256([]byte(base64Of(alice.Leaf))),
		"public key info":                  sha256.Sum256(alice.Leaf.RawSubjectPublicKeyInfo),
		"to be signed":                     sha256.Sum256(alice.Leaf.RawTBSCertificate),
		"subject":                          sha256.Sum256(alice.Leaf.RawSubject),
		"issuer, also PeerCertificates[1]": mtls.Thumbprint(authority.Leaf),
		"nothing":                          sha256.Sum256(nil),
		"zero":                             {},
	} {
		t.Run("M03 "+name, func(t *testing.T) {
			t.Parallel()
			a.refuses(t, client, signToken(t, `{"x5t#S256":"`+jose.Encode(wrong[:])+`"}`))
			a.admits(t, client, boundTo(t, alice.Leaf))
		})
	}
}

func TestM04Encoding(t *testing.T) {
	t.Parallel()
	a := newAPI(t, direct)
	var alice tls.Certificate
	var sum [32]byte
	for serial := int64(1); !strings.ContainsAny(jose.Encode(sum[:]), "-_"); serial++ { // the letters the alphabets differ in
		alice = signedBy(t, nil, "alice", func(c *x509.Certificate) { c.SerialNumber.SetInt64(serial) })
		sum = mtls.Thumbprint(alice.Leaf)
	}
	client := a.client(t, &alice)
	right, standard := jose.Encode(sum[:]), base64.RawStdEncoding.EncodeToString(sum[:])
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	spare := right[:42] + string(alphabet[strings.IndexByte(alphabet, right[42])+1])
	for name, value := range map[string]string{
		"hex": quote(hex.EncodeToString(sum[:])), "upper hex with colons": quote(strings.ToUpper(fmt.Sprintf("% X", sum))),
		"padded": quote(right + "="), "standard alphabet": quote(standard), "spare bits": quote(spare),
		"42 characters": quote(right[:42]), "44 characters": quote(right + "A"),
		"upper case": quote(strings.ToUpper(right)), "lower case": quote(strings.ToLower(right)),
		"line break": quote(right[:20] + `\n` + right[20:]), "space": quote(" " + right),
		"number": "1", "empty": `""`, "null": "null", "array": "[" + quote(right) + "]", "twice": quote(right) + `,"x5t#S256":` + quote(right),
	} {
		t.Run("M04 "+name, func(t *testing.T) {
			t.Parallel()
			a.refuses(t, client, signToken(t, `{"x5t#S256":`+value+`}`))
			a.admits(t, client, signToken(t, `{"x5t#S256":`+quote(right)+`}`))
		})
	}
	for _, name := range []string{"x5t", "x5t#s256", "X5T#S256", "x5t#S1"} {
		t.Run("N04 "+name, func(t *testing.T) {
			t.Parallel()
			a.refuses(t, client, signToken(t, `{"`+name+`":`+quote(right)+`}`))
		})
	}
}

func quote(text string) string { return `"` + text + `"` }

// TestTwoMethods has an API that knows both, and others that know one.
func TestTwoMethods(t *testing.T) {
	t.Parallel()
	a := newAPI(t, direct)
	store, err := replay.NewMemory(replay.MemoryConfig{})
	require.NoError(t, err)
	proofs, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{audience}, Replay: store})
	require.NoError(t, err)
	both, proofsOnly := newAPI(t, []cnf.Method{proofs, mtls.Binding{}}), newAPI(t, []cnf.Method{proofs})

	alice, mallory, key := selfSigned(t, "alice"), selfSigned(t, "mallory"), testkeys.ES256("proof")
	jkt := dpop.JKT(dpoptest.Thumbprint(t, key))
	sum := mtls.Thumbprint(alice.Leaf)
	keyToken, twiceBound := signToken(t, `{"jkt":"`+jkt+`"}`), signToken(t, `{"jkt":"`+jkt+`","x5t#S256":"`+jose.Encode(sum[:])+`"}`)
	status := func(t *testing.T, a *api, certificate *tls.Certificate, token, scheme string, proven bool) int {
		r, err := http.NewRequest("GET", a.URL, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", scheme+" "+token)
		if proven {
			r.Header.Set("DPoP", dpoptest.Proof(t, key, "GET", audience+"/", token))
		}
		r.URL.Path = "/"
		return send(t, a.client(t, certificate), r).StatusCode
	}

	t.Run("N03 certificate and key are both due", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, 200, status(t, both, &alice, twiceBound, "DPoP", true))
		assert.Equal(t, 401, status(t, both, nil, twiceBound, "DPoP", true))
		assert.Equal(t, 401, status(t, both, &mallory, twiceBound, "DPoP", true))
		assert.Equal(t, 401, status(t, both, &alice, twiceBound, "DPoP", false))
		assert.Equal(t, 401, status(t, both, &alice, twiceBound, "Bearer", true))
		assert.Equal(t, 401, status(t, both, &alice, twiceBound, "Bearer", false))
		assert.Equal(t, 401, status(t, a, &alice, twiceBound, "Bearer", true), "an API that knows one half")
	})
	t.Run("M25 certificate-bound token where only DPoP is known", func(t *testing.T) {
		t.Parallel()
		token := boundTo(t, alice.Leaf)
		assert.Equal(t, 401, status(t, proofsOnly, &alice, token, "Bearer", false))
		assert.Equal(t, 401, status(t, proofsOnly, &alice, token, "DPoP", true))
		assert.Equal(t, 200, status(t, both, &alice, token, "Bearer", false))
	})
	t.Run("M25 key-bound token where only certificates are known", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, 401, status(t, a, &alice, keyToken, "Bearer", false))
		assert.Equal(t, 401, status(t, a, &alice, keyToken, "DPoP", true))
		assert.Equal(t, 200, status(t, both, nil, keyToken, "DPoP", true))
	})
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	alice := selfSigned(t, "alice").Leaf
	bound := mtls.Thumbprint(alice)
	connected := carrying()
	connected.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{alice}}

	t.Run("no connection, early data, no certificates", func(t *testing.T) {
		t.Parallel()
		for _, state := range []*tls.ConnectionState{nil, {HandshakeComplete: true}, {PeerCertificates: connected.TLS.PeerCertificates}} {
			r := carrying()
			r.TLS = state
			requireRefused(t, mtls.ErrNoCertificate, "invalid_token", mtls.Binding{}.Confirm(http.Header{}, r, "", bound))
			_, err := mtls.FromTLS(r)
			requireRefused(t, mtls.ErrNoCertificate, "invalid_request", err)
		}
		require.NoError(t, mtls.Binding{}.Confirm(http.Header{}, connected, "", bound))
	})
	t.Run("nobody is bound to zero", func(t *testing.T) {
		t.Parallel()
		require.Zero(t, mtls.Thumbprint(nil))
		require.Zero(t, mtls.Thumbprint(&x509.Certificate{}))
		unparsed := mtls.Binding{Certificate: func(*http.Request) ([]*x509.Certificate, error) {
			return []*x509.Certificate{{PublicKey: alice.PublicKey}}, nil
		}}
		requireRefused(t, mtls.ErrBinding, "invalid_token", unparsed.Confirm(nil, connected, "", [32]byte{}))
	})
	t.Run("a source's answers", func(t *testing.T) {
		t.Parallel()
		down := errors.New("down")
		answer := func(chain []*x509.Certificate, err error) error {
			source := func(*http.Request) ([]*x509.Certificate, error) { return chain, err }
			return mtls.Binding{Certificate: source}.Confirm(nil, connected, "", bound)
		}
		require.NoError(t, answer([]*x509.Certificate{alice}, nil))
		requireRefused(t, mtls.ErrNoCertificate, "invalid_token", answer(nil, nil))
		requireRefused(t, mtls.ErrNoCertificate, "invalid_token", answer([]*x509.Certificate{nil}, nil))
		requireRefused(t, mtls.ErrCertificate, "invalid_token", answer([]*x509.Certificate{alice, nil}, nil))
		requireRefused(t, mtls.ErrCertificate, "invalid_token", answer([]*x509.Certificate{{Raw: alice.Raw}}, nil))
		err := answer([]*x509.Certificate{alice}, down)
		require.ErrorIs(t, err, down)
		require.NotErrorAs(t, err, new(*mtls.Error), "a fault of the server")
	})
	t.Run("no request", func(t *testing.T) {
		t.Parallel()
		sources := []mtls.CertificateSource{nil, mtls.FromTLS, fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440})}
		for _, source := range sources {
			err := mtls.Binding{Certificate: source}.Confirm(nil, nil, "", bound)
			require.Error(t, err)
			require.NotErrorAs(t, err, new(*mtls.Error))
			if source != nil {
				_, err = source(nil)
				require.Error(t, err)
			}
		}
	})
	t.Run("a certificate that is nil on the connection", func(t *testing.T) {
		t.Parallel()
		r := carrying()
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{nil}}
		requireRefused(t, mtls.ErrCertificate, "invalid_token", mtls.Binding{}.Confirm(nil, r, "", bound))
	})
	t.Run("responses chosen by a header are not for caches", func(t *testing.T) {
		t.Parallel()
		h := http.Header{}
		require.NoError(t, mtls.Binding{}.Confirm(h, connected, "", bound))
		require.Empty(t, h)
		binding := mtls.Binding{Certificate: fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440})}
		require.NoError(t, binding.Confirm(h, carrying("Client-Cert", itemOf(alice)), "", bound))
		require.Equal(t, http.Header{"Cache-Control": {"no-store"}}, h)
		h = http.Header{}
		require.Error(t, binding.Confirm(h, carrying(), "", bound))
		require.Equal(t, http.Header{"Cache-Control": {"no-store"}}, h)
	})
	t.Run("logged, it tells what differs, in a response nothing", func(t *testing.T) {
		t.Parallel()
		err := mtls.Binding{}.Confirm(nil, connected, "the-token", [32]byte{1})
		requireRefused(t, mtls.ErrBinding, "invalid_token", err)
		require.Equal(t, "mtls: certificate is not the one the token is bound to", err.Error())
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("refused", "error", err)
		require.Contains(t, log.String(), "error.presented="+jose.Encode(bound[:]))
		require.Contains(t, log.String(), "error.bound=AQAAA")
		require.NotContains(t, log.String(), "the-token")
	})
}

// Two clients at once through one source each get their own answer.
func TestX17NoCrosstalk(t *testing.T) {
	t.Parallel()
	source := fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440})
	binding := mtls.Binding{Certificate: source}
	var group sync.WaitGroup
	for client := range 8 {
		own, other := selfSigned(t, fmt.Sprint(client)).Leaf, selfSigned(t, fmt.Sprint(client+1)).Leaf
		group.Go(func() {
			for range 200 {
				r := httptest.NewRequest("GET", "/", nil)
				r.Header.Set("Client-Cert", itemOf(own))
				assert.NoError(t, binding.Confirm(nil, r, "", mtls.Thumbprint(own)))
				assert.ErrorIs(t, binding.Confirm(nil, r, "", mtls.Thumbprint(other)), mtls.ErrBinding)
			}
		})
	}
	group.Wait()
}
