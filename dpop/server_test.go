package dpop_test

import (
	"bufio"
	"encoding/json"
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

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// bank is an authorization server and an API on two ports, with nonces in
// force, and counters of what got through.
type bank struct {
	as, api   *httptest.Server
	apiStore  *ledger
	granted   atomic.Int64
	served    atomic.Int64
	mu        sync.Mutex
	boundTo   map[string][32]byte
	tokenType string // what the token response says; empty: DPoP
}

func newBank(t testing.TB) *bank {
	t.Helper()
	b := &bank{apiStore: &ledger{}, boundTo: map[string][32]byte{}}
	b.as = serve(t, "/token", newStore(t, 0), b.token)
	b.api = serve(t, "/accounts", b.apiStore, b.accounts)
	return b
}

// serve starts a server with a verifier that knows its address.
func serve(t testing.TB, path string, store dpop.ReplayStore, handle func(*dpop.Verifier, http.ResponseWriter, *http.Request)) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	origin := "http://" + server.Listener.Addr().String()
	g := newGate(t, withStore(store), withNonces(newNonces(t, origin, 0, secret(1))), func(c *dpop.VerifierConfig) {
		c.Origins = []string{origin}
	})
	mux := http.NewServeMux()
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { handle(g.Verifier, w, r) })
	server.Config.Handler = mux
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// token is a token endpoint that asks nobody who they are.
func (b *bank) token(v *dpop.Verifier, w http.ResponseWriter, r *http.Request) {
	proof, err := v.VerifyTokenRequest(r)
	if err == nil {
		err = v.OfferNonce(r.Context(), w.Header(), proof, nil)
	}
	if err != nil {
		v.WriteTokenError(w, r, err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	token := fmt.Sprint("token-", b.granted.Add(1))
	b.boundTo[token] = proof.Thumbprint()
	oauthhttp.NoStore(w.Header())
	w.Header().Set("Content-Type", "application/json")
	tokenType := b.tokenType
	if tokenType == "" {
		tokenType = "DPoP"
	}
	json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": tokenType, "expires_in": 60})
}

// accounts is an API as one would write it without package cnf.
func (b *bank) accounts(v *dpop.Verifier, w http.ResponseWriter, r *http.Request) {
	_, token, err := oauthhttp.Credentials(r)
	if err == nil {
		b.mu.Lock()
		bound := b.boundTo[token]
		b.mu.Unlock()
		err = v.Confirm(w.Header(), r, token, bound)
	}
	if refused, ok := errors.AsType[*dpop.Error](err); ok {
		params := []oauthhttp.Param{{Name: "error", Value: refused.OAuthCode()}, {Name: "algs", Value: v.Algorithms()}}
		w.Header().Add("WWW-Authenticate", oauthhttp.Challenge{Scheme: v.Scheme(), Params: params}.String())
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	b.served.Add(1)
	fmt.Fprint(w, r.Method, " ok")
}

// newToken is a token of the client, and the nonce to use with it.
func (b *bank) newToken(t testing.TB) (token, nonce string) {
	t.Helper()
	b.mu.Lock()
	b.boundTo[accessToken] = thumbprintOf(client)
	b.mu.Unlock()
	response := b.send(t, func(r *http.Request) { r.Header.Set("DPoP", b.proof(t, claimsNow())) })
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	return accessToken, response.Header.Get("DPoP-Nonce")
}

// proof is a proof for this bank's API.
func (b *bank) proof(t testing.TB, claims object) string {
	t.Helper()
	return proofWith(t, claims.with("htu", quote(b.api.URL+"/accounts")))
}

// send makes a request of the API after change has had its way with it.
func (b *bank) send(t testing.TB, change func(*http.Request)) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", b.api.URL+"/accounts", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "DPoP "+accessToken)
	change(r)
	response, err := b.api.Client().Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	return response
}

func TestOverHTTP(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	_, nonce := b.newToken(t)
	claims := func() object { return claimsNow().with("nonce", quote(nonce)) }
	good := b.proof(t, claims())
	other := b.proof(t, claims())
	evil := proofWith(t, claims().with("htu", `"http://evil.example/accounts"`))
	secured := strings.Replace(b.api.URL, "http:", "https:", 1)
	prefixed := proofWith(t, claims().with("htu", quote(b.api.URL+"/v1/accounts")))
	set := func(fields ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(fields); i += 2 {
				r.Header[fields[i]] = append(r.Header[fields[i]], fields[i+1])
			}
		}
	}
	attacks := []struct {
		name   string
		change func(*http.Request)
		code   string
	}{
		{"D01 no proof", set(), "invalid_dpop_proof"},
		{"D02 two proofs", set("DPoP", good, "DPoP", other), "invalid_dpop_proof"},
		{"D02 the same proof twice", set("DPoP", good, "DPoP", good), "invalid_dpop_proof"},
		{"D02 a proof and garbage", set("DPoP", good, "DPoP", "x"), "invalid_dpop_proof"},
		{"D02 garbage and a proof", set("DPoP", "x", "DPoP", good), "invalid_dpop_proof"},
		{"D02 DPoP and dpop", set("DPoP", good, "dpop", other), "invalid_dpop_proof"},
		{"D20 Host of the attacker", func(r *http.Request) {
			r.Host = "evil.example"
			r.Header.Set("DPoP", evil)
		}, "invalid_dpop_proof"},
		{"D21 X-Forwarded-Host", set("DPoP", evil, "X-Forwarded-Host", "evil.example"), "invalid_dpop_proof"},
		{"D21 Forwarded", set("DPoP", evil, "Forwarded", "host=evil.example"), "invalid_dpop_proof"},
		{"D21 X-Forwarded-Proto", set("DPoP", proofWith(t, claims().with("htu", quote(secured+"/accounts"))), "X-Forwarded-Proto", "https"), "invalid_dpop_proof"},
		{"D21 X-Forwarded-Prefix", set("DPoP", prefixed, "X-Forwarded-Prefix", "/v1"), "invalid_dpop_proof"},
		{"D37 no nonce", set("DPoP", b.proof(t, claimsNow())), "use_dpop_nonce"},
		{"D38 another nonce", set("DPoP", b.proof(t, claims().with("nonce", `"x"`))), "use_dpop_nonce"},
		{"D43 another key", set("DPoP", sign(t, attacker, headerOf(t, attacker).String(), claims().with("htu", quote(b.api.URL+"/accounts")).String())), "invalid_token"},
	}
	for _, attack := range attacks {
		t.Run(attack.name, func(t *testing.T) { requireChallenge(t, b.send(t, attack.change), attack.code) })
	}
	for i, text := range []string{`\"`, `\r\nSet-Cookie: a=b`, "é", `", error="none`, `<script>`, `\u0000`} {
		t.Run(fmt.Sprint("D51 error channel ", i), func(t *testing.T) {
			for _, name := range []string{"jti", "htm", "htu", "ath", "nonce", "other"} {
				proof := sign(t, client, headerOf(t, client).with("kid", `"`+text+`"`).String(), claimsNow().with(name, `"`+text+`"`).String())
				response := b.send(t, set("DPoP", proof))
				requireChallenge(t, response, "")
				require.Empty(t, response.Header.Get("Set-Cookie"))
			}
		})
	}
	t.Run("E1 absolute-form request line", func(t *testing.T) {
		require.Contains(t, b.raw(t, "GET http://evil.example/accounts HTTP/1.1\r\nHost: "+b.api.Listener.Addr().String(), evil), "401")
		require.Contains(t, b.raw(t, "GET http://evil.example/accounts HTTP/1.1\r\nHost: evil.example", b.proof(t, claims())), "200")
		b.served.Store(0)
	})
	t.Run("D54 the good proof after all attacks", func(t *testing.T) {
		require.Zero(t, b.served.Load(), "the handler ran for an attack")
		for i, proof := range []string{good, other} {
			require.Equal(t, http.StatusOK, b.send(t, set("dPoP", proof)).StatusCode)
			require.EqualValues(t, i+1, b.served.Load())
		}
		requireChallenge(t, b.send(t, set("DPoP", good)), "invalid_dpop_proof") // D24
		require.EqualValues(t, 2, b.served.Load())
	})
}

// requireChallenge checks a refusal word by word, so nothing of the request
// can be in it. An empty code stands for either of the two for bad proofs.
func requireChallenge(t *testing.T, response *http.Response, code string) {
	t.Helper()
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	challenge := func(code string) []string {
		return []string{`DPoP error="` + code + `", algs="ES256 PS256 EdDSA Ed25519"`}
	}
	want := [][]string{challenge(code)}
	if code == "" {
		want = [][]string{challenge("invalid_dpop_proof"), challenge("use_dpop_nonce")}
	}
	require.Contains(t, want, response.Header.Values("WWW-Authenticate"))
	require.Len(t, response.Header.Values("DPoP-Nonce"), 1)
	require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
}

// raw sends a request line that net/http's client would not write.
func (b *bank) raw(t *testing.T, head, proof string) (statusLine string) {
	t.Helper()
	conn, err := net.Dial("tcp", b.api.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "%s\r\nAuthorization: DPoP %s\r\nDPoP: %s\r\nConnection: close\r\n\r\n", head, accessToken, proof)
	statusLine, err = bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	return statusLine
}

func TestTokenEndpoint(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	post := func(t *testing.T, proofs ...string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", b.as.URL+"/token", strings.NewReader("grant_type=client_credentials"))
		require.NoError(t, err)
		for _, proof := range proofs {
			r.Header.Add("DPoP", proof)
		}
		response, err := b.as.Client().Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response, string(body)
	}
	proof := func(t *testing.T, claims object) string {
		return proofWith(t, claims.with("htm", `"POST"`).with("htu", quote(b.as.URL+"/token")))
	}
	requireError := func(t *testing.T, response *http.Response, body, code, description string) {
		t.Helper()
		require.Equal(t, http.StatusBadRequest, response.StatusCode)
		require.JSONEq(t, `{"error":"`+code+`","error_description":"`+description+`"}`, body)
		require.Equal(t, "application/json", response.Header.Get("Content-Type"))
		require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
		require.Len(t, response.Header.Values("DPoP-Nonce"), 1)
	}
	const invalid, noNonce = "the DPoP proof is missing or not valid", "the DPoP proof must carry the nonce of this response"
	response, body := post(t, proof(t, claimsNow()))
	nonce := response.Header.Get("DPoP-Nonce")
	good := proof(t, claimsNow().with("nonce", quote(nonce)))
	t.Run("D37 no nonce", func(t *testing.T) { requireError(t, response, body, "use_dpop_nonce", noNonce) })
	t.Run("D50 no proof where one is due", func(t *testing.T) {
		response, body := post(t)
		requireError(t, response, body, "invalid_dpop_proof", invalid)
	})
	t.Run("D02 two proofs", func(t *testing.T) {
		response, body := post(t, good, proof(t, claimsNow()))
		requireError(t, response, body, "invalid_dpop_proof", invalid)
	})
	t.Run("D51 error channel", func(t *testing.T) {
		for _, name := range []string{"jti", "htm", "htu", "iat", "nonce"} {
			response, body := post(t, proofWith(t, claimsNow().with(name, `"\"}\r\nSet-Cookie: a=b<script>"`)))
			requireError(t, response, body, "invalid_dpop_proof", invalid)
			require.Empty(t, response.Header.Get("Set-Cookie"))
		}
	})
	t.Run("D54 the good proof after all attacks", func(t *testing.T) {
		require.Zero(t, b.granted.Load())
		response, _ := post(t, good)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.EqualValues(t, 1, b.granted.Load())
		response, body := post(t, good)
		requireError(t, response, body, "invalid_dpop_proof", invalid)
	})
}

func TestWriteTokenError(t *testing.T) {
	t.Parallel()
	g := newGate(t, withNonces(window{"n-1"}))
	_, jktErr := dpop.ParseJKT("short")
	tests := map[string]struct {
		err    error
		status int
		nonce  string
	}{
		"another OAuth error brings the nonce too": {formError{}, http.StatusBadRequest, "n-1"},
		"a malformed dpop_jkt":                     {jktErr, http.StatusBadRequest, "n-1"},
		"a fault brings none":                      {errDown, http.StatusServiceUnavailable, ""},
		"no error at all is a fault of the caller": {nil, http.StatusServiceUnavailable, "n-1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			g.WriteTokenError(w, get(), test.err)
			require.Equal(t, test.status, w.Code)
			require.Equal(t, test.nonce, w.Header().Get("DPoP-Nonce"))
		})
	}
}

type formError struct{}

func (formError) Error() string     { return "invalid_grant" }
func (formError) OAuthCode() string { return "invalid_grant" }
