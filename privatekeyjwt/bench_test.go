package privatekeyjwt_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/internal/xraw"
	"github.com/go-fapi/fapi/privatekeyjwt"
	"github.com/go-fapi/fapi/replay"
)

// everFirst has all the work of a memory store, but takes one assertion again
// and again.
type everFirst struct {
	*replay.Memory
	n *int
}

func (s everFirst) Use(ctx context.Context, key string, until time.Time) (bool, error) {
	*s.n++
	return s.Memory.Use(ctx, key+strconv.Itoa(*s.n), until)
}

func newEverFirst(b *testing.B) everFirst {
	b.Helper()
	memory, err := replay.NewMemory(replay.MemoryConfig{})
	require.NoError(b, err)
	return everFirst{memory, new(int)}
}

// BenchmarkVerify measures Authenticate as a server calls it, form and replay
// store included.
func BenchmarkVerify(b *testing.B) {
	digest := sha256.Sum256([]byte("x"))
	es256 := testkeys.ES256("client-1")
	der, err := ecdsa.SignASN1(rand.Reader, es256, digest[:])
	require.NoError(b, err)
	eddsa, ps256 := testkeys.EdDSA("client-1"), testkeys.PS256()
	edPublic, ed := eddsa.Public().(ed25519.PublicKey), ed25519.Sign(eddsa, digest[:])
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	pss, err := rsa.SignPSS(rand.Reader, ps256, crypto.SHA256, digest[:], options)
	require.NoError(b, err)
	rawES256 := func() { ecdsa.VerifyASN1(&es256.PublicKey, digest[:], der) }
	for _, c := range []struct {
		name, header string
		key          crypto.Signer
		raw          func()
	}{
		{"ES256", es256Header, es256, rawES256},
		{"EdDSA", eddsaHeader, eddsa, func() { ed25519.Verify(edPublic, digest[:], ed) }},
		{"PS256", ps256Header, ps256, func() { _ = rsa.VerifyPSS(&ps256.PublicKey, crypto.SHA256, digest[:], pss, options) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := newServer(b, func(v *privatekeyjwt.VerifierConfig) { v.Replay = newEverFirst(b) })
			body := assertionForm(sign(b, c.key, c.header, claimsOf("client-1").json(b)), "client_id", "client-1").Encode()
			xraw.Run(b, c.raw, func(int) {
				if _, err := s.Authenticate(formPost(body)); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
	b.Run("junk", func(b *testing.B) {
		s := newServer(b)
		body := assertionForm(assertion(b, claimsOf("client-1").with("aud", tokenEndpoint))).Encode()
		xraw.Run(b, rawES256, func(int) {
			if _, err := s.Authenticate(formPost(body)); err == nil {
				b.Fatal("accepted")
			}
		})
	})
}

// formPost is the request a server hands to its handler, without what
// httptest.NewRequest does besides.
func formPost(body string) *http.Request {
	return &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/token"}, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

func BenchmarkSign(b *testing.B) {
	key, digest := testkeys.ES256("client-1"), sha256.Sum256([]byte("x"))
	signer := newSigner(b)
	b.Run("ES256", func(b *testing.B) {
		raw := func() { _, _ = ecdsa.SignASN1(rand.Reader, key, digest[:]) }
		xraw.Run(b, raw, func(int) {
			if err := signer.AuthenticateClient(context.Background(), url.Values{}); err != nil {
				b.Fatal(err)
			}
		})
	})
}
