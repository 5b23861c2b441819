package phantom_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
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
	"github.com/go-fapi/fapi/phantom"
	"github.com/go-fapi/fapi/replay"
)

type (
	token  = *accesstoken.Token
	config = phantom.GatewayConfig[token]
	api    = phantom.API[token]
)

const (
	origin   = "https://api.bank.example"
	host     = "api.bank.example"
	issuer   = "https://as.bank.example"
	gateway  = "https://gw.bank.example"
	audience = "https://accounts.internal"
	opaque   = "opaque-token-of-alice_0123456789"
)

// world is a gateway with everything real but the authorization server, of
// which there is a book of tokens. The API behind it verifies what it gets.
type world struct {
	alice, mallory crypto.Signer
	book           *book
	verifier       *accesstoken.Verifier
	proofs         *dpop.Verifier
	evidence       *phantom.Evidence
	upstream       *httptest.Server // the API
	handle         http.HandlerFunc // what the API does once it is convinced
	unguarded      bool             // the API asks nothing
	config         config
	gateway        *phantom.Gateway[token]
	events         log[phantom.Event]
	received       log[*http.Request]
}

// log is a list for several goroutines.
type log[T any] struct {
	mu   sync.Mutex
	list []T
}

func (l *log[T]) add(entry T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, entry)
}

func (l *log[T]) all() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]T(nil), l.list...)
}

func (l *log[T]) last(t testing.TB) T {
	t.Helper()
	all := l.all()
	require.NotEmpty(t, all)
	return all[len(all)-1]
}

// book exchanges what is written in it.
type book struct {
	verify func(context.Context, string) (token, error)
	jwts   map[string]string
	asked  atomic.Int64
	err    error
}

var errInactive error = inactive{}

type inactive struct{}

func (inactive) Error() string     { return "token is not active" }
func (inactive) OAuthCode() string { return "invalid_token" }

func (b *book) Exchange(ctx context.Context, opaque string) (string, token, error) {
	b.asked.Add(1)
	if b.err != nil {
		return "", nil, b.err
	}
	jwt, ok := b.jwts[opaque]
	if !ok {
		return "", nil, errInactive
	}
	claims, err := b.verify(ctx, jwt)
	if err != nil {
		return "", nil, errors.New("the answer does not verify")
	}
	return jwt, claims, nil
}

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		require.NoError(t, err)
		return value
	}
}

func memory(t testing.TB) *replay.Memory {
	return must[*replay.Memory](t)(replay.NewMemory(replay.MemoryConfig{}))
}

func keysOf(t testing.TB, key crypto.Signer) *jwks.Static {
	return must[*jwks.Static](t)(jwks.NewStaticKeys(jwks.Key{Key: key.Public()}))
}

func gatewayKey() crypto.Signer { return testkeys.EdDSA("gateway") }

func newWorld(t testing.TB, change ...func(*world)) *world {
	t.Helper()
	w := &world{alice: testkeys.ES256("alice"), mallory: testkeys.ES256("mallory")}
	w.verifier = must[*accesstoken.Verifier](t)(accesstoken.NewVerifier(accesstoken.VerifierConfig{
		Issuer: issuer, Audience: audience, Keys: keysOf(t, testkeys.ES256("as")),
	}))
	w.proofs = must[*dpop.Verifier](t)(dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{origin}, Replay: memory(t)}))
	w.evidence = must[*phantom.Evidence](t)(phantom.NewEvidence(phantom.EvidenceConfig{
		Issuer: gateway, Audience: audience, Keys: keysOf(t, gatewayKey()), Replay: memory(t),
	}))
	w.book = &book{verify: w.verifier.Verify, jwts: map[string]string{opaque: w.jwt(t, jktOf(t, w.alice))}}
	w.upstream = httptest.NewServer(w.newAPI(t))
	t.Cleanup(w.upstream.Close)
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	w.config = config{
		Origins: []string{origin}, Methods: []cnf.Method{w.proofs}, Issuer: gateway, Key: gatewayKey(), Transport: transport,
		APIs: []api{{
			Upstream: w.upstream.URL, Audience: audience, Tokens: w.book,
			Routes: []phantom.Route{{Path: "/", Require: cnf.Requirement{Scope: []string{"accounts"}}}},
		}},
		Observe: w.events.add,
	}
	for _, c := range change {
		c(w)
	}
	w.gateway = must[*phantom.Gateway[token]](t)(phantom.NewGateway(w.config))
	return w
}

func (w *world) newAPI(t testing.TB) http.Handler {
	guard := must[*cnf.Middleware[token]](t)(cnf.New(cnf.Config[token]{
		Verify: w.verifier.Verify, Methods: []cnf.Method{w.evidence},
	}))
	inner := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.handle != nil {
			w.handle(rw, r)
			return
		}
		_, _ = io.WriteString(rw, "balance")
	})
	guarded := guard.Handler(inner)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.received.add(r.Clone(context.Background()))
		if w.unguarded {
			inner.ServeHTTP(rw, r)
			return
		}
		guarded.ServeHTTP(rw, r)
	})
}

func jktOf(t testing.TB, key crypto.Signer) cnf.Confirmation {
	return cnf.Bind(cnf.MemberJKT, dpoptest.Thumbprint(t, key))
}

// jwt is an access token for the API.
func (w *world) jwt(t testing.TB, bound cnf.Confirmation) string {
	return issue(t, testkeys.ES256("as"), bound)
}

func issue(t testing.TB, key crypto.Signer, bound cnf.Confirmation) string {
	t.Helper()
	issuing := must[*accesstoken.Issuer](t)(accesstoken.NewIssuer(accesstoken.IssuerConfig{Issuer: issuer, Key: key}))
	jwt, _, err := issuing.Issue(t.Context(), accesstoken.Grant{
		Subject: "alice", ClientID: "app", Audience: []string{audience}, Scope: []string{"accounts"},
		ACR: "pwd", AuthTime: time.Now(), Confirmation: bound,
	})
	require.NoError(t, err)
	return jwt
}

// request is an honest one of Alice.
func (w *world) request(t testing.TB, method, path string) *http.Request {
	return signed(t, w.alice, method, path, opaque)
}

// signed is a request with a token and a fresh proof.
func signed(t testing.TB, key crypto.Signer, method, path, token string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	r.Header.Set("Authorization", "DPoP "+token)
	r.Header.Set("DPoP", dpoptest.Proof(t, key, method, origin+path, token))
	return r
}

// send gives a request to the gateway.
func (w *world) send(r *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	w.gateway.ServeHTTP(recorder, r)
	return recorder
}

// requireHonest is the control of attacks: the gateway still works.
func (w *world) requireHonest(t testing.TB) {
	t.Helper()
	answer := w.send(w.request(t, "GET", "/accounts"))
	require.Equal(t, http.StatusOK, answer.Code, answer.Body.String())
	require.Equal(t, "balance", answer.Body.String())
}

// serve runs the gateway on a real server and returns its address.
func (w *world) serve(t testing.TB) string {
	t.Helper()
	server := httptest.NewServer(w.gateway)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// client reaches the gateway under its public name, without TLS.
func (w *world) client(t testing.TB) *http.Client {
	address := w.serve(t)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// outside is an honest request for such a client.
func (w *world) outside(t testing.TB, method, path string, body io.Reader) *http.Request {
	t.Helper()
	r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), method, "http://"+host+path, body))
	r.Header = w.request(t, method, strings.SplitN(path, "?", 2)[0]).Header
	return r
}

// unbound is a JWT that the issuer of package accesstoken refuses to make.
func unbound(t testing.TB) string {
	t.Helper()
	now := time.Now().Unix()
	return sign(t, testkeys.ES256("as"), "at+jwt", fmt.Sprintf(
		`{"iss":%q,"aud":%q,"sub":"alice","client_id":"app","jti":"1","iat":%d,"exp":%d,"scope":"accounts"}`, issuer, audience, now, now+300))
}

func sign(t testing.TB, key crypto.Signer, typ, payload string) string {
	t.Helper()
	signer := must[*jose.Signer](t)(jose.NewSigner(key))
	sum := signer.Thumbprint()
	header := must[string](t)(signer.Header(typ, jose.Encode(sum[:]), false))
	return must[string](t)(signer.Sign(t.Context(), header, []byte(payload)))
}

func sha256of(text string) [32]byte { return sha256.Sum256([]byte(text)) }

func readAll(t testing.TB, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	return string(must[[]byte](t)(io.ReadAll(response.Body)))
}
