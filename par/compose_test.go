package par_test

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jar"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/par"
	"github.com/go-fapi/fapi/privatekeyjwt"
	"github.com/go-fapi/fapi/replay"
)

var (
	_ par.ClientAuth = (*privatekeyjwt.Verifier)(nil)
	_ par.ClientAuth = (*mtls.ClientAuthenticator)(nil)
	_ par.Store      = (*par.Memory)(nil)
	_ http.Handler   = (*par.Handler)(nil)

	_ par.RequestObjects = (*jar.Verifier)(nil)
	_ interface {        // what was pushed ends with the object
		VerifyUntil(ctx context.Context, clientID string, form url.Values) (url.Values, time.Time, error)
	} = (*jar.Verifier)(nil)
)

type clients map[string]privatekeyjwt.Client

func (c clients) Client(_ context.Context, id string) (privatekeyjwt.Client, bool, error) {
	client, ok := c[id]
	return client, ok, nil
}

// bank is an authorization server with everything that FAPI 2.0 asks of a push:
// private_key_jwt, DPoP with nonces, and this package.
type bank struct {
	*httptest.Server
	handler *par.Handler
	mu      sync.Mutex
	codes   []string // answers of the endpoint, in order
}

func newBank(t *testing.T) *bank {
	t.Helper()
	mux := http.NewServeMux()
	b := &bank{Server: httptest.NewTLSServer(mux)}
	t.Cleanup(b.Close)
	seen, err := replay.NewMemory(replay.MemoryConfig{})
	require.NoError(t, err)
	registered := clients{}
	for _, id := range []string{"client-1", "client-2"} {
		keys, err := jwks.NewStaticKeys(jwks.Key{Key: testkeys.ES256(id).Public()})
		require.NoError(t, err)
		registered[id] = privatekeyjwt.Client{Keys: keys}
	}
	auth, err := privatekeyjwt.NewVerifier(privatekeyjwt.VerifierConfig{Issuer: b.URL, Clients: registered, Replay: seen})
	require.NoError(t, err)
	nonces, err := dpop.NewNonces(dpop.NoncesConfig{Server: b.URL, Secrets: [][]byte{bytes.Repeat([]byte{7}, 32)}})
	require.NoError(t, err)
	proofs, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{b.URL}, Replay: seen, Nonces: nonces})
	require.NoError(t, err)
	store, err := par.NewMemory(par.MemoryConfig{})
	require.NoError(t, err)
	b.handler, err = par.NewHandler(par.HandlerConfig{
		Clients: auth, Store: store,
		Check: (&registry{redirect: map[string][]string{"client-1": {callback}, "client-2": {callback}}}).check,
		Proof: func(h http.Header, r *http.Request) ([32]byte, error) {
			proof, err := proofs.VerifyTokenRequest(r)
			return proof.Thumbprint(), cmp.Or(proofs.OfferNonce(r.Context(), h, proof, err), err)
		},
	})
	require.NoError(t, err)
	mux.HandleFunc("/par", func(w http.ResponseWriter, r *http.Request) {
		record := httptest.NewRecorder()
		b.handler.ServeHTTP(record, r)
		b.mu.Lock()
		b.codes = append(b.codes, record.Body.String())
		b.mu.Unlock()
		for name, values := range record.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(record.Code)
		_, _ = w.Write(record.Body.Bytes())
	})
	return b
}

// client has its assertions signed by the key of signedBy.
func (b *bank) client(t *testing.T, clientID, signedBy string) *par.Client {
	t.Helper()
	assertions, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: clientID, Issuer: b.URL, Key: testkeys.ES256(signedBy)})
	require.NoError(t, err)
	proofs, err := dpop.NewSigner(testkeys.ES256("dpop"))
	require.NoError(t, err)
	client, err := par.NewClient(par.ClientConfig{
		Config: &oauth2.Config{
			ClientID: clientID, RedirectURL: callback, Scopes: []string{"accounts"},
			Endpoint: oauth2.Endpoint{AuthURL: b.URL + "/authorize"},
		},
		Endpoint: b.URL + "/par",
		HTTP: &http.Client{Transport: &dpop.Transport{
			Signer: proofs,
			Base:   &privatekeyjwt.Transport{Signer: assertions, Endpoints: []string{b.URL + "/par"}, Base: b.Client().Transport},
		}},
	})
	require.NoError(t, err)
	return client
}

func queryOf(t *testing.T, text string) url.Values {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u.Query()
}

func TestClientToHandler(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	code, err := b.client(t, "client-1", "client-1").AuthCodeURL(t.Context(), "state-1", oauth2.S256ChallengeOption(verifier))
	require.NoError(t, err)
	require.Len(t, b.codes, 2)
	require.Contains(t, b.codes[0], "use_dpop_nonce", "and the repetition has a new assertion and a new proof")

	query := queryOf(t, code)
	require.Len(t, query, 2)
	request, err := b.handler.Consume(t.Context(), query.Get("client_id"), query.Get("request_uri"))
	require.NoError(t, err)
	signer, err := dpop.NewSigner(testkeys.ES256("dpop"))
	require.NoError(t, err)
	jkt, ok := request.JKT()
	require.True(t, ok)
	require.Equal(t, signer.Thumbprint(), jkt)
	params := request.Params()
	require.Equal(t, challenge, params.Get("code_challenge"))
	require.Equal(t, "state-1", params.Get("state"))
	require.False(t, slices.ContainsFunc([]string{"client_assertion", "client_assertion_type"}, params.Has))
}

func TestAttacksOverHTTP(t *testing.T) {
	t.Parallel()
	t.Run("P04 P05 an assertion of another client", func(t *testing.T) {
		t.Parallel()
		b := newBank(t)
		_, err := b.client(t, "client-1", "client-2").AuthCodeURL(t.Context(), "s", oauth2.S256ChallengeOption(verifier))
		var refused *oauth2.RetrieveError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "invalid_client", refused.ErrorCode)
		require.Equal(t, http.StatusUnauthorized, refused.Response.StatusCode)

		response, err := b.Client().PostForm(b.URL+"/par", form())
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, http.StatusUnauthorized, response.StatusCode)

		_, err = b.client(t, "client-1", "client-1").AuthCodeURL(t.Context(), "s", oauth2.S256ChallengeOption(verifier))
		require.NoError(t, err)
	})
	t.Run("P10 client-2 takes client-1's request_uri", func(t *testing.T) {
		t.Parallel()
		b := newBank(t)
		code, err := b.client(t, "client-1", "client-1").AuthCodeURL(t.Context(), "s", oauth2.S256ChallengeOption(verifier))
		require.NoError(t, err)
		query := queryOf(t, code)
		_, err = b.handler.Consume(t.Context(), "client-2", query.Get("request_uri"))
		requireRule(t, par.ErrRequestURI, err)
		_, err = b.handler.Consume(t.Context(), "client-1", query.Get("request_uri"))
		require.NoError(t, err)
	})
	t.Run("P18 swapped request_uri of the same client", func(t *testing.T) {
		t.Parallel()
		b := newBank(t)
		client := b.client(t, "client-1", "client-1")
		victim, err := client.AuthCodeURL(t.Context(), "victim's state", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("acr_values", "high"))
		require.NoError(t, err)
		attacker, err := client.AuthCodeURL(t.Context(), "attacker's state", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))
		require.NoError(t, err)
		swapped, err := b.handler.Consume(t.Context(), "client-1", queryOf(t, attacker).Get("request_uri"))
		require.NoError(t, err, "the server cannot tell")
		require.NotEqual(t, "victim's state", swapped.Params().Get("state"), "the client's callback can, by the state")
		require.NotEqual(t, oauth2.S256ChallengeFromVerifier(verifier), swapped.Params().Get("code_challenge"), "and the code needs another verifier")
		honest, err := b.handler.Consume(t.Context(), "client-1", queryOf(t, victim).Get("request_uri"))
		require.NoError(t, err)
		require.Equal(t, "victim's state", honest.Params().Get("state"))
		require.Equal(t, "high", honest.Params().Get("acr_values"))
	})
}
