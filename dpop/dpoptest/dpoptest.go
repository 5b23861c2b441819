// Package dpoptest helps to test programs that use package dpop: it makes
// signed requests, and proofs with any defect, so that your tests can show
// that your server refuses them.
package dpoptest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/jose"
)

// NewKey makes a P-256 key.
func NewKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Thumbprint is the value an access token bound to key has in cnf.jkt.
func Thumbprint(t testing.TB, key crypto.Signer) [32]byte {
	t.Helper()
	return newSigner(t, key).Thumbprint()
}

// Request is a server-side request (see [httptest.NewRequest]) with a proof of
// key. With an access token it is a resource request, with "" a token request.
func Request(t testing.TB, key crypto.Signer, method, url, accessToken string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, url, nil)
	if accessToken != "" {
		r.Header.Set("Authorization", "DPoP "+accessToken)
	}
	r.Header.Set("DPoP", Proof(t, key, method, url, accessToken))
	return r
}

// Proof is a valid proof. With an access token it has ath; with "" it is for a
// token request, and method must be POST.
func Proof(t testing.TB, key crypto.Signer, method, url, accessToken string) string {
	t.Helper()
	if accessToken == "" && method != http.MethodPost {
		t.Fatal("dpoptest: a token request is a POST")
	}
	sign := func() (string, error) {
		if accessToken == "" {
			return newSigner(t, key).SignTokenRequest(context.Background(), url, "")
		}
		return newSigner(t, key).SignResourceRequest(context.Background(), method, url, accessToken, "")
	}
	proof, err := sign()
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// Change alters a proof before it is signed: it sets the members of Header and
// Claims, and removes those whose value is nil.
type Change struct {
	Header, Claims map[string]any
}

// Forge takes a proof apart, applies the change, and signs the result with
// key. The header's jwk and alg stay those of the original unless changed, so
// a key other than the original's makes a proof with a wrong signature.
func Forge(t testing.TB, key crypto.Signer, proof string, change Change) string {
	t.Helper()
	segments := strings.Split(proof, ".")
	if len(segments) != 3 {
		t.Fatal("dpoptest: not a compact JWS")
	}
	header := apply(t, segments[0], change.Header)
	payload := apply(t, segments[1], change.Claims)
	signer, err := jose.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := signer.Sign(context.Background(), jose.Encode(header), payload)
	if err != nil {
		t.Fatal(err)
	}
	return forged
}

func apply(t testing.TB, segment string, change map[string]any) []byte {
	t.Helper()
	data, err := jose.Decode(segment)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatal(err)
	}
	for name, value := range change {
		if members[name] = value; value == nil {
			delete(members, name)
		}
	}
	data, err = json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func newSigner(t testing.TB, key crypto.Signer) *dpop.Signer {
	t.Helper()
	signer, err := dpop.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}
