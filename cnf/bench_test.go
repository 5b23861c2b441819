package cnf_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/internal/xraw"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/replay"
)

// BenchmarkCheck is a request whose access token was seen before: with a proof
// never seen before and the replay memory on, or with a certificate.
func BenchmarkCheck(b *testing.B) {
	b.Run("dpop", benchDPoP)
	b.Run("mtls", benchMTLS)
}

// load is many proofs of each of many clients.
type load struct {
	clients  int
	requests []*http.Request
	tokens   *accesstoken.Verifier
}

const benchURL = origin + "/accounts/4711/balance"

func clientKey(i int) *ecdsa.PrivateKey { return testkeys.ES256(fmt.Sprint(i)) }

func newLoad(b *testing.B, clients, proofs int, bound func(i int) cnf.Confirmation) *load {
	b.Helper()
	issuing, err := accesstoken.NewIssuer(accesstoken.IssuerConfig{Issuer: issuer, Key: testkeys.ES256("issuer"), Lifetime: time.Hour})
	must(b, err)
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: testkeys.ES256("issuer").Public()})
	must(b, err)
	l := &load{clients: clients}
	l.tokens, err = accesstoken.NewVerifier(accesstoken.VerifierConfig{Issuer: issuer, Audience: origin, Keys: keys})
	must(b, err)
	signers, tokens := make([]*dpop.Signer, clients), make([]string, clients)
	for i := range clients {
		signers[i], err = dpop.NewSigner(clientKey(i))
		must(b, err)
		tokens[i], _, err = issuing.Issue(b.Context(), accesstoken.Grant{
			Subject: fmt.Sprint("user-", i), ClientID: "app", Audience: []string{origin}, Scope: []string{"accounts", "payments"},
			Confirmation: bound(i),
		})
		must(b, err)
	}
	for i := range proofs {
		token := tokens[i%clients]
		proof, err := signers[i%clients].SignResourceRequest(b.Context(), "GET", benchURL, token, "")
		must(b, err)
		r := httptest.NewRequest("GET", benchURL, nil)
		r.Header.Set("Authorization", "DPoP "+token)
		r.Header.Set("DPoP", proof)
		l.requests = append(l.requests, r)
	}
	return l
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func benchGuard(b *testing.B, load *load, method cnf.Method) *cnf.Middleware[*accesstoken.Token] {
	b.Helper()
	guard, err := cnf.New(cnf.Config[*accesstoken.Token]{
		Verify: load.tokens.Verify, Methods: []cnf.Method{method}, Require: cnf.Requirement{Scope: []string{"payments"}},
	})
	must(b, err)
	for _, r := range load.requests[:load.clients] { // every token has been seen
		admit(b, guard, r)
	}
	return guard
}

func admit(b *testing.B, guard *cnf.Middleware[*accesstoken.Token], r *http.Request) {
	if _, err := guard.Check(http.Header{}, r); err != nil {
		b.Fatal(err)
	}
}

// benchDPoP empties the replay memory when all proofs have had their turn,
// since no machine signs b.N proofs beforehand.
func benchDPoP(b *testing.B) {
	const clients, proofs = 1000, 4000
	load := newLoad(b, clients, proofs, func(i int) cnf.Confirmation {
		return cnf.Bind(cnf.MemberJKT, dpoptest.Thumbprint(b, clientKey(i)))
	})
	store := &rounds{newMemory(b)}
	verifier, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{origin}, Replay: store, MaxAge: 5 * time.Minute})
	must(b, err)
	guard := benchGuard(b, load, verifier)
	store.Memory = newMemory(b)
	xraw.Run(b, rawVerify(b, clients), func(i int) {
		if i%proofs == 0 {
			b.StopTimer()
			store.Memory = newMemory(b)
			b.StartTimer()
		}
		admit(b, guard, load.requests[i%proofs])
	})
}

type rounds struct{ *replay.Memory }

func newMemory(b *testing.B) *replay.Memory {
	b.Helper()
	store, err := replay.NewMemory(replay.MemoryConfig{})
	must(b, err)
	return store
}

// rawVerify is the operation nobody can do without, for the same clients in
// turn: a server has more than one key in its caches.
func rawVerify(b *testing.B, clients int) func() {
	b.Helper()
	digest := sha256.Sum256([]byte(benchURL))
	keys, signatures := make([]*ecdsa.PublicKey, clients), make([][]byte, clients)
	for i := range clients {
		key := clientKey(i)
		signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		must(b, err)
		keys[i], signatures[i] = &key.PublicKey, signature
	}
	next := 0
	return func() {
		if !ecdsa.VerifyASN1(keys[next], digest[:], signatures[next]) {
			b.Fatal("refused")
		}
		next = (next + 1) % clients
	}
}
