package par_test

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/internal/xraw"
	"github.com/go-fapi/fapi/jar"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/par"
	"github.com/go-fapi/fapi/privatekeyjwt"
	"github.com/go-fapi/fapi/replay"
)

const benchIssuer = "https://as.bank.example"

// everFirst does the work of a replay store, but takes a value it has seen: the
// benchmark signs its requests beforehand and goes round.
type everFirst struct{ *replay.Memory }

func (s everFirst) Use(ctx context.Context, key string, until time.Time) (bool, error) {
	_, err := s.Memory.Use(ctx, key, until)
	return true, err
}

type requestObjectClients map[string]privatekeyjwt.Client

func (c requestObjectClients) Client(_ context.Context, id string) (jar.Client, bool, error) {
	client, ok := c[id]
	return jar.Client{Keys: client.Keys}, ok, nil
}

// BenchmarkHandlerSigned is a push with all that FAPI 2.0 Message Signing knows: a
// client assertion, a request object and a DPoP proof, each with a signature of its
// own key. x-raw counts bare signature checks: three is what nobody can do without.
func BenchmarkHandlerSigned(b *testing.B) {
	const clientsCount = 100
	registered := clients{}
	for i := range clientsCount {
		keys, err := jwks.NewStaticKeys(jwks.Key{Key: testkeys.ES256(fmt.Sprint(i)).Public()})
		require.NoError(b, err)
		registered[fmt.Sprint(i)] = privatekeyjwt.Client{Keys: keys}
	}
	handler := newSignedHandler(b, registered)
	bodies, requests := signedPushes(b, clientsCount)
	xraw.Run(b, rawVerify(b, clientsCount), func(i int) {
		r, w := requests[i%clientsCount], answer{header: http.Header{}}
		r.Form, r.PostForm, r.Body = nil, nil, io.NopCloser(strings.NewReader(bodies[i%clientsCount]))
		if handler.ServeHTTP(&w, r); w.status != http.StatusCreated {
			b.Fatal(w.status)
		}
	})
}

// answer is a response that costs next to nothing.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header            { return a.header }
func (a *answer) WriteHeader(status int)         { a.status = status }
func (a *answer) Write(body []byte) (int, error) { return len(body), nil }

// rawVerify checks one signature of each client in turn: a server has more than
// one key in its caches.
func rawVerify(b *testing.B, clientsCount int) func() {
	b.Helper()
	digest := sha256.Sum256([]byte("x"))
	keys, signatures := make([]*ecdsa.PublicKey, clientsCount), make([][]byte, clientsCount)
	for i := range clientsCount {
		key := testkeys.ES256(fmt.Sprint(i))
		signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		require.NoError(b, err)
		keys[i], signatures[i] = &key.PublicKey, signature
	}
	next := 0
	return func() {
		ecdsa.VerifyASN1(keys[next], digest[:], signatures[next])
		next = (next + 1) % clientsCount
	}
}

func newSignedHandler(b *testing.B, registered clients) *par.Handler {
	b.Helper()
	memory, err := replay.NewMemory(replay.MemoryConfig{})
	require.NoError(b, err)
	used := everFirst{memory}
	auth, err := privatekeyjwt.NewVerifier(privatekeyjwt.VerifierConfig{Issuer: benchIssuer, Clients: registered, Replay: used})
	require.NoError(b, err)
	verifier, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{benchIssuer}, Replay: used, MaxAge: 5 * time.Minute})
	require.NoError(b, err)
	objects, err := jar.NewVerifier(jar.VerifierConfig{Issuer: benchIssuer, Clients: requestObjectClients(registered)})
	require.NoError(b, err)
	store, err := par.NewMemory(par.MemoryConfig{MaxBytes: 1 << 30})
	require.NoError(b, err)
	handler, err := par.NewHandler(par.HandlerConfig{
		Clients: auth, Store: store, RequestObjects: objects,
		Check: func(context.Context, string, url.Values) error { return nil },
		Proof: func(h http.Header, r *http.Request) ([32]byte, error) {
			proof, err := verifier.VerifyTokenRequest(r)
			return proof.Thumbprint(), cmp.Or(verifier.OfferNonce(r.Context(), h, proof, err), err)
		},
	})
	require.NoError(b, err)
	return handler
}

// signedPushes are one push for each client, and its body.
func signedPushes(b *testing.B, count int) (bodies []string, requests []*http.Request) {
	b.Helper()
	ctx := context.Background()
	for i := range count {
		id := fmt.Sprint(i)
		var key crypto.Signer = testkeys.ES256(id)
		objects, err := jar.NewSigner(jar.SignerConfig{ClientID: id, Issuer: benchIssuer, Key: key})
		require.NoError(b, err)
		params := form()
		params.Set("client_id", id)
		object, err := objects.Sign(ctx, params)
		require.NoError(b, err)
		assertions, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: id, Issuer: benchIssuer, Key: key})
		require.NoError(b, err)
		pushed := url.Values{"client_id": {id}, "request": {object}}
		require.NoError(b, assertions.AuthenticateClient(ctx, pushed))
		signer, err := dpop.NewSigner(testkeys.ES256("dpop " + id))
		require.NoError(b, err)
		proof, err := signer.SignTokenRequest(ctx, benchIssuer+"/par", "")
		require.NoError(b, err)
		r := pushRequest(pushed.Encode())
		r.Header.Set("DPoP", proof)
		bodies, requests = append(bodies, pushed.Encode()), append(requests, r)
	}
	return bodies, requests
}
