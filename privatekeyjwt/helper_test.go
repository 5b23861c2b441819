package privatekeyjwt_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

const (
	issuer        = "https://as.example.com"
	tokenEndpoint = "https://as.example.com/token"
	bearerType    = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

	es256Header = `{"alg":"ES256","kid":"k1"}`
	eddsaHeader = `{"alg":"EdDSA","kid":"ed"}`
	ps256Header = `{"alg":"PS256","kid":"rsa"}`

	invalidClient  = "invalid_client"
	invalidRequest = "invalid_request"
)

// clients is a ClientSource.
type clients map[string]privatekeyjwt.Client

func (c clients) Client(_ context.Context, id string) (privatekeyjwt.Client, bool, error) {
	client, ok := c[id]
	return client, ok, nil
}

// keys is a KeySource: kid to keys.
type keys map[string][]crypto.PublicKey

func (k keys) Keys(_ context.Context, kid, alg string) (found []crypto.PublicKey, err error) {
	for id, list := range k {
		for _, key := range list {
			if own, _ := jose.KeyAlgorithm(key); own == alg && (kid == "" || kid == id) {
				found = append(found, key)
			}
		}
	}
	return found, nil
}

// store is a ReplayStore that tells what it was given.
type store struct {
	mu    sync.Mutex
	used  map[string]time.Time
	calls int
}

func (s *store) Use(_ context.Context, key string, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if known, ok := s.used[key]; ok && !time.Now().After(known) {
		return false, nil
	}
	s.used[key] = until
	return true, nil
}

// NeverBlocks: it is in memory, so a busy machine cannot make it time out.
func (*store) NeverBlocks() {}

// server is a verifier with two clients, each with keys of its own under kid k1.
type server struct {
	*privatekeyjwt.Verifier
	store   *store
	clients clients
}

func newServer(t testing.TB, changes ...func(*privatekeyjwt.VerifierConfig)) *server {
	t.Helper()
	s := &server{store: &store{used: map[string]time.Time{}}, clients: clients{
		"client-1": {Keys: keys{
			"k1":  {testkeys.ES256("client-1").Public()},
			"ed":  {testkeys.EdDSA("client-1").Public()},
			"rsa": {testkeys.PS256().Public()},
		}},
		"client-2": {Keys: keys{"k1": {testkeys.ES256("client-2").Public()}}},
	}}
	config := privatekeyjwt.VerifierConfig{Issuer: issuer, Clients: s.clients, Replay: s.store}
	for _, change := range changes {
		change(&config)
	}
	verifier, err := privatekeyjwt.NewVerifier(config)
	require.NoError(t, err)
	s.Verifier = verifier
	return s
}

// claims of an assertion.
type claims map[string]any

// claimsOf are sound claims of a client with a jti of their own.
func claimsOf(clientID string) claims {
	now := time.Now().Unix()
	return claims{"iss": clientID, "sub": clientID, "aud": issuer, "jti": rand.Text(), "iat": now, "exp": now + 60}
}

func (c claims) with(name string, value any) claims {
	c = maps.Clone(c)
	c[name] = value
	return c
}

func (c claims) without(name string) claims {
	c = maps.Clone(c)
	delete(c, name)
	return c
}

func (c claims) json(t testing.TB) string {
	t.Helper()
	data, err := json.Marshal(c)
	require.NoError(t, err)
	return string(data)
}

// sign makes a validly signed token of any header and payload, however odd.
func sign(t testing.TB, key crypto.Signer, header, payload string) string {
	t.Helper()
	signer, err := jose.NewSigner(key)
	require.NoError(t, err)
	token, err := signer.Sign(t.Context(), jose.Encode([]byte(header)), []byte(payload))
	require.NoError(t, err)
	return token
}

// assertion is signed by client-1's ES256 key.
func assertion(t testing.TB, c claims) string {
	t.Helper()
	return sign(t, testkeys.ES256("client-1"), es256Header, c.json(t))
}

// assertionForm takes further parameters as names and values in turn.
func assertionForm(token string, more ...string) url.Values {
	form := url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {bearerType}, "client_assertion": {token}}
	for i := 0; i < len(more); i += 2 {
		form.Add(more[i], more[i+1])
	}
	return form
}

func post(form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, tokenEndpoint, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// authenticate posts one assertion.
func (s *server) authenticate(token string) (string, error) {
	return s.Authenticate(post(assertionForm(token)))
}

// accepts is the control of every attack.
func (s *server) accepts(t testing.TB, clientID, token string) {
	t.Helper()
	got, err := s.authenticate(token)
	require.NoError(t, err)
	require.Equal(t, clientID, got)
}

// refuses checks the refusal of a request and that nothing was consumed.
func (s *server) refuses(t testing.TB, rule error, code string, r *http.Request) {
	t.Helper()
	before := s.store.calls
	clientID, err := s.Authenticate(r)
	requireRefused(t, rule, code, err)
	require.Empty(t, clientID)
	require.Equal(t, before, s.store.calls, "the replay store was asked")
	requireSilent(t, err, r)
}

func requireRefused(t testing.TB, rule error, code string, err error) {
	t.Helper()
	require.ErrorIs(t, err, rule)
	var refused *privatekeyjwt.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, code, refused.OAuthCode())
}

// requireFault checks that err is the server's own fault, so that it becomes a
// 5xx.
func requireFault(t testing.TB, clientID string, err error) {
	t.Helper()
	require.Error(t, err)
	var refused *privatekeyjwt.Error
	require.NotErrorAs(t, err, &refused)
	require.Empty(t, clientID)
}

// requireSilent checks that neither text nor log holds anything of the request.
func requireSilent(t testing.TB, err error, r *http.Request) {
	t.Helper()
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("refused", "err", err)
	text := err.Error() + log.String()
	require.True(t, strings.HasPrefix(err.Error(), "privatekeyjwt: "), err)
	for _, token := range r.PostForm["client_assertion"] {
		for segment := range strings.SplitSeq(token, ".") {
			if len(segment) > 20 {
				require.NotContains(t, text, segment)
			}
		}
	}
	require.NotContains(t, text, "client-1")
}

// readFile decodes a file of testdata.
func readFile(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}

// countingClients counts lookups.
type countingClients struct {
	clients
	n *int
}

func (c countingClients) Client(ctx context.Context, id string) (privatekeyjwt.Client, bool, error) {
	*c.n++
	return c.clients.Client(ctx, id)
}
