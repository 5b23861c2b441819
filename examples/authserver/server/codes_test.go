package server_test

import (
	"crypto"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// survives checks that an attempt is refused and costs the client nothing.
func (w *world) survives(t *testing.T, c *client, attempt func(code string), changes ...string) {
	t.Helper()
	code := w.code(t, c, w.authorize(t, c, changes...))
	attempt(code)
	tokensOf(t, w.redeem(t, c, code))
}

func TestCodeRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "plain")
	for name, changes := range map[string][]string{
		"unknown code":              {"code", strings.Repeat("A", 43)},
		"another verifier":          {"code_verifier", strings.Repeat("a", 43)},
		"no verifier":               {"code_verifier", ""},
		"the challenge as verifier": {"code_verifier", challenge},
		"verifier of 42":            {"code_verifier", verifier[:42]},
		"verifier of 129":           {"code_verifier", strings.Repeat("a", 129)},
		"verifier with padding":     {"code_verifier", verifier + "="},
		"another redirect_uri":      {"redirect_uri", "https://client.example/cb"},
		"no redirect_uri":           {"redirect_uri", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.survives(t, c, func(code string) {
				refuses(t, w.redeem(t, c, code, changes...), http.StatusBadRequest, "invalid_grant")
			})
		})
	}
	t.Run("a resource that was not granted", func(t *testing.T) {
		t.Parallel()
		w.survives(t, c, func(code string) {
			refuses(t, w.redeem(t, c, code, "resource", payments), http.StatusBadRequest, "invalid_target")
		})
	})
	t.Run("another client's code", func(t *testing.T) {
		t.Parallel()
		w.survives(t, c, func(code string) {
			thief := w.the(t, "other")
			for _, redirectURI := range []string{c.redirectURI, thief.redirectURI} {
				refuses(t, w.redeem(t, thief, code, "redirect_uri", redirectURI), http.StatusBadRequest, "invalid_grant")
			}
		})
	})
	t.Run("no client authentication", func(t *testing.T) {
		t.Parallel()
		w.survives(t, c, func(code string) {
			nobody := *c
			nobody.key = testkeys.ES256("nobody")
			refuses(t, w.redeem(t, &nobody, code), http.StatusUnauthorized, "invalid_client")
		})
	})
}

func TestCodeKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "plain")
	thief := *c
	thief.dpop = testkeys.ES256("thief")
	t.Run("D47 the key of the proof at the push", func(t *testing.T) {
		t.Parallel()
		w.survives(t, c, func(code string) {
			refuses(t, w.redeem(t, &thief, code), http.StatusBadRequest, "invalid_grant")
		})
	})
	t.Run("D47 the key of dpop_jkt", func(t *testing.T) {
		t.Parallel()
		silent := *c
		silent.dpop = nil // no proof at the push
		jkt, err := jose.Thumbprint(c.dpop.Public())
		require.NoError(t, err)
		callback := w.authorize(t, &silent, "dpop_jkt", jose.Encode(jkt[:]))
		code := w.code(t, c, callback)
		refuses(t, w.redeem(t, &thief, code), http.StatusBadRequest, "invalid_grant")
		tokensOf(t, w.redeem(t, c, code))
	})
	t.Run("D47 of a client with a certificate, which needs no proof otherwise", func(t *testing.T) {
		t.Parallel()
		c := w.the(t, "certified")
		c.dpop = plain().dpop
		w.survives(t, c, func(code string) {
			silent := *c
			silent.dpop = nil
			refuses(t, w.redeem(t, &silent, code), http.StatusBadRequest, "invalid_grant")
		})
	})
	t.Run("D47 dpop_jkt inside a request object by value", func(t *testing.T) {
		t.Parallel()
		c := w.the(t, "older")
		address := issuer + "/authorize?client_id=older&request=" + c.object(t, c.request("dpop_jkt", challenge))
		callback, err := w.browser(t).Authorize(t.Context(), address, username, password)
		require.NoError(t, err)
		refuses(t, w.redeem(t, c, w.code(t, c, callback)), http.StatusBadRequest, "invalid_grant")
	})
	t.Run("D48 syntax of dpop_jkt", func(t *testing.T) {
		t.Parallel()
		silent := *c
		silent.dpop = nil
		for _, jkt := range []string{challenge[:42], challenge + "A", challenge + "=", challenge[:42] + "N", strings.Repeat("A", 43)} {
			refuses(t, w.push(t, &silent, silent.request("dpop_jkt", jkt)), http.StatusBadRequest, "invalid_request")
		}
		form := silent.request()
		form["dpop_jkt"] = []string{challenge, challenge}
		refuses(t, w.push(t, &silent, form), http.StatusBadRequest, "invalid_request")
		w.start(t, &silent, "dpop_jkt", challenge) // control
	})
	t.Run("D50 no bearer tokens", func(t *testing.T) {
		t.Parallel()
		w.survives(t, c, func(code string) {
			silent := *c
			silent.dpop = nil
			refuses(t, w.redeem(t, &silent, code), http.StatusBadRequest, "invalid_dpop_proof")
		})
		for _, responseType := range []string{"token", "code token", "code id_token", "id_token", "none", "Code"} {
			refuses(t, w.push(t, c, c.request("response_type", responseType)), http.StatusBadRequest, "unsupported_response_type")
		}
	})
	t.Run("a certificate is not there", func(t *testing.T) {
		t.Parallel()
		c := w.the(t, "older")
		w.survives(t, c, func(code string) {
			bare := *c
			bare.certificate = nil
			refuses(t, w.redeem(t, &bare, code), http.StatusBadRequest, "invalid_request")
		})
	})
}

func TestCodeReuse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "plain")
	code := w.code(t, c, w.authorize(t, c))
	got := tokensOf(t, w.redeem(t, c, code))
	refreshed := tokensOf(t, w.refresh(t, c, got))

	refuses(t, w.redeem(t, w.the(t, "other"), code), http.StatusBadRequest, "invalid_grant")
	require.Equal(t, http.StatusOK, w.userinfo(t, c, http.MethodGet, got).Code, "another client revokes nothing")

	refuses(t, w.redeem(t, c, code), http.StatusBadRequest, "invalid_grant")
	for _, token := range []tokens{got, refreshed} {
		require.False(t, w.Active(claims(t, token.AccessToken)["jti"].(string)))
		response := w.userinfo(t, c, http.MethodGet, token)
		require.Equal(t, http.StatusUnauthorized, response.Code)
		require.Contains(t, response.Header().Get("WWW-Authenticate"), "invalid_token")
	}
	refuses(t, w.refresh(t, c, got), http.StatusBadRequest, "invalid_grant")
}

func TestCodeRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "plain")
	code := w.code(t, c, w.authorize(t, c))
	var requests []*http.Request
	for range 100 {
		requests = append(requests, w.posting(t, c, "/token", c.codeForm(code)))
	}
	var given atomic.Int32
	var all sync.WaitGroup
	for _, r := range requests {
		all.Go(func() {
			if w.serve(r).Code == http.StatusOK {
				given.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, given.Load())
}

// Two requests that both found the code good: the one that comes second to spend
// it gets nothing, and takes away what the first got.
func TestCodeRaceForTheLastStep(t *testing.T) {
	t.Parallel()
	key := &moody{Signer: testkeys.ES256("server")}
	w := newWorld(t, func(c *server.Config) { c.Key = key })
	c := w.the(t, "plain")
	code := w.code(t, c, w.authorize(t, c, "scope", "accounts"))
	requests := []*http.Request{w.posting(t, c, "/token", c.codeForm(code)), w.posting(t, c, "/token", c.codeForm(code))}
	var signing sync.WaitGroup
	signing.Add(len(requests))
	key.meanwhile = func() { signing.Done(); signing.Wait() }
	responses := make([]*httptest.ResponseRecorder, len(requests))
	var all sync.WaitGroup
	for i, r := range requests {
		all.Go(func() { responses[i] = w.serve(r) })
	}
	all.Wait()
	if responses[0].Code != http.StatusOK {
		slices.Reverse(responses)
	}
	got := tokensOf(t, responses[0])
	refuses(t, responses[1], http.StatusBadRequest, "invalid_grant")
	require.False(t, w.Active(claims(t, got.AccessToken)["jti"].(string)))
	refuses(t, w.refresh(t, c, got), http.StatusBadRequest, "invalid_grant")
}

func TestCodeTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.the(t, "plain")
		inTime, late := w.code(t, c, w.authorize(t, c)), w.code(t, c, w.authorize(t, c))
		time.Sleep(60*time.Second - 1)
		got := tokensOf(t, w.redeem(t, c, inTime))
		time.Sleep(time.Nanosecond)
		refuses(t, w.redeem(t, c, late), http.StatusBadRequest, "invalid_grant")
		time.Sleep(3 * time.Minute)
		refuses(t, w.redeem(t, c, inTime), http.StatusBadRequest, "invalid_grant")
		require.False(t, w.Active(claims(t, got.AccessToken)["jti"].(string)), "a late second use is one too")
	})
}

func TestNonceCostsNothing(t *testing.T) {
	t.Parallel()
	nonces, err := dpop.NewNonces(dpop.NoncesConfig{Server: issuer, Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}})
	require.NoError(t, err)
	w := newWorld(t, func(c *server.Config) { c.Nonces = nonces })
	c := w.the(t, "plain")
	challenged := w.push(t, c, c.request())
	refuses(t, challenged, http.StatusBadRequest, "use_dpop_nonce")
	c.nonce = challenged.Header().Get("DPoP-Nonce")
	w.survives(t, c, func(code string) {
		forgetful := *c
		forgetful.nonce = ""
		challenged := w.redeem(t, &forgetful, code)
		refuses(t, challenged, http.StatusBadRequest, "use_dpop_nonce")
		require.NotEmpty(t, challenged.Header().Get("DPoP-Nonce"))
	})
}

// moody is a key that may fail.
type moody struct {
	crypto.Signer
	broken    atomic.Bool
	meanwhile func() // happens before it signs
}

func (m *moody) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if m.broken.Load() {
		return nil, errors.New("the key is away")
	}
	if m.meanwhile != nil {
		m.meanwhile()
	}
	return m.Signer.Sign(rand, digest, opts)
}

func TestCrash(t *testing.T) {
	t.Parallel()
	key := &moody{Signer: testkeys.ES256("server")}
	w := newWorld(t, func(c *server.Config) { c.Key = key })
	t.Run("X12 a server that fails while it issues tokens does not spend the code, and gives once", func(t *testing.T) {
		c := w.the(t, "plain")
		code := w.code(t, c, w.authorize(t, c))
		key.broken.Store(true)
		refuses(t, w.redeem(t, c, code), http.StatusServiceUnavailable, "server_error")
		key.broken.Store(false)
		tokensOf(t, w.redeem(t, c, code))
		refuses(t, w.redeem(t, c, code), http.StatusBadRequest, "invalid_grant")
	})
	t.Run("X12 a server that fails after the decision gives no second code, and the user starts again", func(t *testing.T) {
		c := w.the(t, "signing")
		b, address := w.browser(t), w.start(t, c)
		consent := login(t, b, address)
		key.broken.Store(true)
		isError(t, press(t, consent, "approve"), "server_error")
		key.broken.Store(false)
		isError(t, press(t, consent, "approve"), "invalid_request_uri")
		isError(t, open(t, b, address), "invalid_request_uri")
		w.code(t, c, w.authorize(t, c))
	})
}

func TestFullGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "plain")
	form := c.request()
	form["resource"] = []string{accounts, payments}
	response := w.push(t, c, form)
	require.Equal(t, http.StatusCreated, response.Code, response.Body)
	address := issuer + "/authorize?client_id=plain&request_uri=" + field(t, response, "request_uri").(string)
	callback, err := w.browser(t).Authorize(t.Context(), address, username, password)
	require.NoError(t, err)
	got := tokensOf(t, w.redeem(t, c, w.code(t, c, callback), "resource", payments))
	require.Equal(t, []any{payments, issuer}, claimsList(t, got, "aud"), "the token is for less")
	require.Equal(t, []any{accounts, payments, issuer}, claimsList(t, tokensOf(t, w.refresh(t, c, got)), "aud"), "the grant is not")
}

// A client that is not registered for codes has none to redeem.
func TestNoCodeClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, spoil(func(c *server.Client) { c.RedirectURIs = nil }))
	c := w.the(t, "plain")
	refuses(t, w.redeem(t, c, "x"), http.StatusBadRequest, "unauthorized_client")
	refuses(t, w.push(t, c, c.request()), http.StatusBadRequest, "unauthorized_client")
}

// The client learns invalid_grant, the operator which rule it was.
func TestRefusalsAreObserved(t *testing.T) {
	t.Parallel()
	var last error
	w := newWorld(t, func(c *server.Config) { c.ObserveRefusal = func(err error) { last = err } })
	c, thief := w.the(t, "plain"), w.the(t, "other")
	mover := *c
	mover.dpop = testkeys.ES256("thief")
	code := w.code(t, c, w.authorize(t, c))
	for _, attempt := range []struct {
		rule error
		try  func() *httptest.ResponseRecorder
	}{
		{server.ErrCodeClient, func() *httptest.ResponseRecorder { return w.redeem(t, thief, code) }},
		{server.ErrVerifier, func() *httptest.ResponseRecorder { return w.redeem(t, c, code, "code_verifier", "x") }},
		{server.ErrCodeKey, func() *httptest.ResponseRecorder { return w.redeem(t, &mover, code) }},
	} {
		refuses(t, attempt.try(), http.StatusBadRequest, "invalid_grant")
		require.ErrorIs(t, last, attempt.rule)
	}
	got := tokensOf(t, w.redeem(t, c, code))
	refuses(t, w.refresh(t, thief, got), http.StatusBadRequest, "invalid_grant")
	require.ErrorIs(t, last, server.ErrRefreshClient)
	refuses(t, w.redeem(t, c, code), http.StatusBadRequest, "invalid_grant")
	require.ErrorIs(t, last, server.ErrCodeUsed)
}
