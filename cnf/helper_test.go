package cnf_test

import (
	"context"
	"crypto"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/replay"
)

const (
	origin   = "https://api.bank.example"
	issuer   = "https://as.bank.example"
	accounts = origin + "/accounts"
	algs     = `algs="ES256 PS256 EdDSA Ed25519"`
)

// bank is a guarded API with everything real: tokens, proofs, replay memory.
// Alice is its client; Mallory has a key of her own, and Alice's token.
type bank struct {
	tokens  *accesstoken.Verifier
	proofs  *dpop.Verifier
	jtis    *ledger
	guard   *cnf.Middleware[*accesstoken.Token]
	handled atomic.Int64 // how often the protected handler ran

	alice, mallory crypto.Signer
	token          string // Alice's
}

func newBank(t testing.TB) *bank {
	t.Helper()
	memory, err := replay.NewMemory(replay.MemoryConfig{})
	require.NoError(t, err)
	b := &bank{jtis: &ledger{store: memory}, alice: testkeys.ES256("alice"), mallory: testkeys.ES256("mallory")}
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: testkeys.EdDSA("issuer").Public(), KeyID: "as-1"})
	require.NoError(t, err)
	b.tokens, err = accesstoken.NewVerifier(accesstoken.VerifierConfig{Issuer: issuer, Audience: origin, Keys: keys})
	require.NoError(t, err)
	b.proofs, err = dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{origin}, Replay: b.jtis})
	require.NoError(t, err)
	b.guard, err = cnf.New(cnf.Config[*accesstoken.Token]{Verify: b.tokens.Verify, Methods: []cnf.Method{b.proofs}})
	require.NoError(t, err)
	b.token = b.boundTo(t, b.alice)
	return b
}

// ledger counts what is spent.
type ledger struct {
	store dpop.ReplayStore
	uses  atomic.Int64
}

func (l *ledger) Use(ctx context.Context, key string, until time.Time) (bool, error) {
	l.uses.Add(1)
	return l.store.Use(ctx, key, until)
}

// ServeHTTP is the protected handler.
func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.handled.Add(1)
	token, _ := cnf.FromContext[*accesstoken.Token](r.Context())
	fmt.Fprintf(w, "accounts of %q", token.Subject())
}

func jkt(t testing.TB, key crypto.Signer) string {
	return fmt.Sprintf(`{"jkt":"%s"}`, dpop.JKT(dpoptest.Thumbprint(t, key)))
}

func (b *bank) boundTo(t testing.TB, key crypto.Signer) string {
	t.Helper()
	return signToken(t, "alice", `"cnf":`+jkt(t, key))
}

// signToken signs a token of the issuer with members written by hand, so that
// nothing but those members can be the reason for a refusal.
func signToken(t testing.TB, sub, members string) string {
	t.Helper()
	if members != "" {
		members = "," + members
	}
	now := time.Now().Unix()
	payload := fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":%q,"client_id":"app","jti":"1","iat":%d,"exp":%d,"scope":"accounts"%s}`,
		issuer, origin, sub, now, now+300, members)
	signer, err := jose.NewSigner(testkeys.EdDSA("issuer"))
	require.NoError(t, err)
	header, err := signer.Header("at+jwt", "as-1", false)
	require.NoError(t, err)
	token, err := signer.Sign(context.Background(), header, []byte(payload))
	require.NoError(t, err)
	return token
}

// request is one without credentials, as a client makes it.
func request(t testing.TB, method, target string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, target, nil)
	require.NoError(t, err)
	return r
}

// signed is a request with a token under DPoP and a fresh proof.
func signed(t testing.TB, key crypto.Signer, method, target, token string) *http.Request {
	t.Helper()
	r := request(t, method, target)
	r.Header.Set("Authorization", "DPoP "+token)
	r.Header.Set("DPoP", dpoptest.Proof(t, key, method, target, token))
	return r
}

func (b *bank) honest(t testing.TB) *http.Request {
	return signed(t, b.alice, "GET", accounts, b.token)
}

type answer struct {
	status int
	header http.Header
	body   string
}

// code is the error code of the body; it must not contradict the challenges.
func (a answer) code(t testing.TB) string {
	t.Helper()
	if a.body == "" {
		return ""
	}
	var body map[string]string
	require.NoError(t, json.Unmarshal([]byte(a.body), &body), "%s", a.body)
	require.Len(t, body, 1)
	return body["error"]
}

// send puts a request for the bank's public address to a server of its own.
func send(t testing.TB, h http.Handler, r *http.Request) answer {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	target, err := url.Parse(server.URL)
	require.NoError(t, err)
	r.URL.Scheme, r.URL.Host = target.Scheme, target.Host
	client := server.Client()
	client.Transport.(*http.Transport).ExpectContinueTimeout = time.Minute
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, string(body)}
}

// record is send without a network, for tests in a synctest bubble.
func record(h http.Handler, r *http.Request) answer {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// claims is a verified token of another make.
type claims struct {
	sub          string
	confirmation cnf.Confirmation
	scope, acr   string
	authTime     time.Time
}

func (c claims) Confirmation() cnf.Confirmation { return c.confirmation }
func (c claims) ACR() string                    { return c.acr }
func (c claims) AuthTime() time.Time            { return c.authTime }
func (c claims) HasScope(scope string) bool {
	for _, value := range strings.Fields(c.scope) {
		if value == scope {
			return true
		}
	}
	return false
}

// always verifies every token to c.
func always(c claims) func(context.Context, string) (claims, error) {
	return func(context.Context, string) (claims, error) { return c, nil }
}

// method is a confirmation method in parts.
type method struct {
	scheme, member string
	confirm        func(h http.Header, r *http.Request, token string, bound [32]byte) error
}

func (m method) Scheme() string { return m.scheme }
func (m method) Member() string { return m.member }
func (m method) Confirm(h http.Header, r *http.Request, token string, bound [32]byte) error {
	return m.confirm(h, r, token, bound)
}

// certificate stands for mutual TLS: the connection's certificate is in a field.
func certificate() method {
	return method{"Bearer", cnf.MemberX5TS256, func(_ http.Header, r *http.Request, _ string, bound [32]byte) error {
		if r.Header.Get("X-Test-Certificate") != dpop.JKT(bound) {
			return coded("invalid_token")
		}
		return nil
	}}
}

// approving is a DPoP method that asks for nothing.
func approving() method {
	return method{"DPoP", cnf.MemberJKT, func(http.Header, *http.Request, string, [32]byte) error { return nil }}
}

// coded is a verifier's refusal.
type coded string

func (c coded) Error() string     { return "secret detail of " + string(c) }
func (c coded) OAuthCode() string { return string(c) }

func newGuard[C cnf.Claims](t testing.TB, config cnf.Config[C]) *cnf.Middleware[C] {
	t.Helper()
	guard, err := cnf.New(config)
	require.NoError(t, err)
	return guard
}
