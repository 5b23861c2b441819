package dpop_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

const (
	apiOrigin   = "https://api.bank.example"
	apiURL      = apiOrigin + "/accounts"
	asOrigin    = "https://as.bank.example"
	tokenURL    = asOrigin + "/token"
	accessToken = "mF_9.B5f-4.1JqM"
)

var (
	client   = testkeys.ES256("client")
	attacker = testkeys.ES256("attacker")
)

// rules are all sentinels: a refusal is exactly one of them.
var rules = []error{
	dpop.ErrProofCount, dpop.ErrMalformed, dpop.ErrClaims, dpop.ErrType, dpop.ErrAlgorithm, dpop.ErrSignature, dpop.ErrKey,
	dpop.ErrMethod, dpop.ErrTarget, dpop.ErrNonce, dpop.ErrTime, dpop.ErrTokenHash, dpop.ErrBinding, dpop.ErrReplay, dpop.ErrJKT,
}

// requireRule checks that err is a refusal by one rule and no other.
func requireRule(t testing.TB, err, rule error) *dpop.Error {
	t.Helper()
	refused, ok := errors.AsType[*dpop.Error](err)
	require.True(t, ok, "want %v, got %v", rule, err)
	for _, r := range rules {
		require.Equal(t, r == rule, errors.Is(err, r), "want %v, got %v", rule, err)
	}
	return refused
}

// requireFault checks that err is the server's fault, which no client may be
// told to be its own.
func requireFault(t testing.TB, proof *dpop.Proof, err error) {
	t.Helper()
	require.Error(t, err)
	require.Nil(t, proof)
	_, refused := errors.AsType[*dpop.Error](err)
	require.False(t, refused, "a fault must not look like a refusal: %v", err)
}

// ledger is a replay store that can be looked into, and scripted.
type ledger struct {
	mu     sync.Mutex
	spent  map[string]time.Time
	script func(ctx context.Context, key string, until time.Time) (bool, error) // nil: behave
}

func (l *ledger) Use(ctx context.Context, key string, until time.Time) (bool, error) {
	if l.script != nil {
		return l.script(ctx, key, until)
	}
	return l.record(key, until), nil
}

func (l *ledger) record(key string, until time.Time) (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spent == nil {
		l.spent = map[string]time.Time{}
	}
	if _, used := l.spent[key]; used {
		return false
	}
	l.spent[key] = until
	return true
}

func (l *ledger) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.spent)
}

// gate is an API and an authorization server behind one verifier, with its
// store open to view.
type gate struct {
	*dpop.Verifier
	store *ledger
}

func newGate(t testing.TB, change ...func(*dpop.VerifierConfig)) *gate {
	t.Helper()
	store := &ledger{}
	config := dpop.VerifierConfig{Origins: []string{apiOrigin, asOrigin}, Replay: store}
	for _, c := range change {
		c(&config)
	}
	v, err := dpop.NewVerifier(config)
	require.NoError(t, err)
	if open, ok := config.Replay.(*ledger); ok {
		store = open
	}
	return &gate{Verifier: v, store: store}
}

// verify is a request with the token that is bound to the client's key.
func (g *gate) verify(r *http.Request) (*dpop.Proof, error) {
	return g.VerifyResourceRequest(r, accessToken, thumbprintOf(client))
}

// refuse checks that a request is refused by one rule, and leaves no trace.
func (g *gate) refuse(t testing.TB, r *http.Request, rule error) *dpop.Error {
	t.Helper()
	before := g.store.size()
	proof, err := g.verify(r)
	refused := requireRule(t, err, rule)
	require.Nil(t, proof)
	require.Equal(t, before, g.store.size(), "a refused request was recorded")
	code := "invalid_dpop_proof"
	switch rule {
	case dpop.ErrNonce:
		code = "use_dpop_nonce"
	case dpop.ErrBinding:
		code = "invalid_token"
	}
	require.Equal(t, code, refused.OAuthCode())
	return refused
}

// accept checks that a request is accepted, and recorded.
func (g *gate) accept(t testing.TB, r *http.Request) *dpop.Proof {
	t.Helper()
	before := g.store.size()
	proof, err := g.verify(r)
	require.NoError(t, err)
	require.Equal(t, thumbprintOf(client), proof.Thumbprint())
	require.Equal(t, before+1, g.store.size())
	return proof
}

// acceptHonest is the control of every attack: nothing was poisoned.
func (g *gate) acceptHonest(t testing.TB) {
	t.Helper()
	g.accept(t, get(honest(t)))
}

// get is a request of the API with the given DPoP fields.
func get(fields ...string) *http.Request { return request("GET", apiURL, fields...) }

func request(method, url string, fields ...string) *http.Request {
	r := httptest.NewRequest(method, url, nil)
	for _, field := range fields {
		r.Header.Add("DPoP", field)
	}
	return r
}

// member is one member of a JSON object, its value as JSON text. The name is
// written as it stands between the quotes, so it may hold escapes.
type member struct{ name, value string }

// object is a JSON object that can be malformed on purpose.
type object []member

func (o object) String() string {
	var members []string
	for _, m := range o {
		members = append(members, `"`+m.name+`":`+m.value)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// with replaces a member, or adds it at the end.
func (o object) with(name, value string) object {
	out := append(object{}, o...)
	for i := range out {
		if out[i].name == name {
			out[i].value = value
			return out
		}
	}
	return append(out, member{name, value})
}

func (o object) without(name string) object {
	var out object
	for _, m := range o {
		if m.name != name {
			out = append(out, m)
		}
	}
	return out
}

// before and after add a member even if there is one of that name.
func (o object) before(name, value string) object { return append(object{{name, value}}, o...) }
func (o object) after(name, value string) object {
	return append(append(object{}, o...), member{name, value})
}

func quote(text string) string { return strconv.Quote(text) }

func headerOf(t testing.TB, key crypto.Signer) object {
	t.Helper()
	jwk, err := jose.CanonicalJWK(key.Public())
	require.NoError(t, err)
	algorithm, err := jose.KeyAlgorithm(key.Public())
	require.NoError(t, err)
	return object{{"typ", `"dpop+jwt"`}, {"alg", quote(algorithm)}, {"jwk", string(jwk)}}
}

// claimsNow are those of a good proof for get().
func claimsNow() object {
	return object{
		{"jti", quote(rand.Text())}, {"htm", `"GET"`}, {"htu", quote(apiURL)},
		{"iat", strconv.FormatInt(time.Now().Unix(), 10)}, {"ath", quote(hashOf(accessToken))},
	}
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return jose.Encode(sum[:])
}

// sign makes a valid signature over any header and payload, however odd.
func sign(t testing.TB, key crypto.Signer, header, payload string) string {
	t.Helper()
	signer, err := jose.NewSigner(key)
	require.NoError(t, err)
	proof, err := signer.Sign(context.Background(), jose.Encode([]byte(header)), []byte(payload))
	require.NoError(t, err)
	return proof
}

// proofWith is a good proof of the client but for its claims.
func proofWith(t testing.TB, claims object) string {
	t.Helper()
	return sign(t, client, headerOf(t, client).String(), claims.String())
}

func honest(t testing.TB) string {
	t.Helper()
	return proofWith(t, claimsNow())
}

func thumbprintOf(key *ecdsa.PrivateKey) [32]byte {
	sum, err := jose.Thumbprint(key.Public())
	if err != nil {
		panic(err)
	}
	return sum
}
