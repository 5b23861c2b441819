package dpop_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
)

func readVectors(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}

// leftOut are vectors whose proof is good, but in an algorithm that FAPI 2.0
// (5.4.1) does not allow.
var leftOut = map[string]string{
	"ok-ES384": "FAPI 2.0 allows ES256, PS256 and EdDSA only",
	"ok-ES512": "FAPI 2.0 allows ES256, PS256 and EdDSA only",
}

// testedInCNF are vectors about the Authorization field, which package dpop
// does not read.
var testedInCNF = []string{
	"bearer-downgrade", "unbound-token-dpop-scheme", "two-authorization", "auth-no-token", "auth-two-tokens",
}

// ruleOfReason maps what the vectors call the first defect.
var ruleOfReason = map[string]error{
	"header_count": dpop.ErrProofCount, "malformed": dpop.ErrMalformed, "duplicate_member": dpop.ErrMalformed, "crit": dpop.ErrMalformed,
	"missing_claim": dpop.ErrClaims, "jti_size": dpop.ErrClaims, "typ": dpop.ErrType, "alg": dpop.ErrAlgorithm,
	"jwk": dpop.ErrKey, "jwk_private": dpop.ErrKey, "signature": dpop.ErrSignature, "htm": dpop.ErrMethod, "htu": dpop.ErrTarget,
	"nonce": dpop.ErrNonce, "iat": dpop.ErrTime, "ath": dpop.ErrTokenHash, "key_mismatch": dpop.ErrBinding,
}

// wrongType are vectors with a member of the wrong JSON type: for us that is
// malformed before it is anything else.
var wrongType = []string{
	"null-jti", "jti-number", "null-iat", "iat-string", "iat-object", "htu-array", "typ-array", "jwk-string",
	"iat-maxint64", "iat-huge-float",
}

type proofVector struct {
	ID      string
	Request struct {
		Method, URL string
		Headers     [][2]string
	}
	Ctx struct {
		Now    int64
		Bound  string `json:"access_token_bound_jkt"`
		Nonces []string
	}
	Expect struct{ Result, Reason, Error string }
}

// rule is the sentinel to expect, nil for a good proof.
func (v *proofVector) rule() error {
	switch {
	case v.Expect.Result == "accept" && leftOut[v.ID] == "":
		return nil
	case v.Expect.Result == "accept":
		return dpop.ErrAlgorithm
	case slices.Contains(wrongType, v.ID):
		return dpop.ErrMalformed
	}
	return ruleOfReason[v.Expect.Reason]
}

// window is a nonce source that knows a list.
type window []string

func (w window) Nonce(context.Context) (string, error) { return w[0], nil }
func (w window) Accept(_ context.Context, nonce string) (bool, error) {
	return slices.Contains(w, nonce), nil
}

func TestVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []proofVector
	}
	readVectors(t, "dpop-generated.json", &file)
	require.Len(t, file.Vectors, 95)
	for _, v := range file.Vectors {
		if slices.Contains(testedInCNF, v.ID) {
			continue
		}
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { checkVector(t, v) })
		})
	}
}

func checkVector(t *testing.T, v proofVector) {
	time.Sleep(time.Until(time.Unix(v.Ctx.Now, 0)))
	g := newGate(t, func(c *dpop.VerifierConfig) {
		c.Origins = []string{"https://resource.example.org"}
		c.MaxAge, c.Leeway = time.Minute, 5*time.Second
		if v.Ctx.Nonces != nil {
			c.Nonces = window(v.Ctx.Nonces)
		}
	})
	r := httptest.NewRequest(v.Request.Method, v.Request.URL, nil)
	var token string
	for _, field := range v.Request.Headers {
		r.Header.Add(field[0], field[1])
		if field[0] == "Authorization" {
			token = field[1][len("DPoP "):]
		}
	}
	bound, err := dpop.ParseJKT(v.Ctx.Bound)
	require.NoError(t, err)
	proof, err := g.VerifyResourceRequest(r, token, bound)
	rule := v.rule()
	if rule == nil {
		require.NoError(t, err)
		require.Equal(t, bound, proof.Thumbprint())
		require.Equal(t, 1, g.store.size())
		return
	}
	refused := requireRule(t, err, rule)
	require.Nil(t, proof)
	require.Zero(t, g.store.size())
	if v.Expect.Error != "" {
		require.Equal(t, v.Expect.Error, refused.OAuthCode())
	}
}

type exampleVector struct {
	ID, Kind, JWT string
	Request       struct{ Method, URL string }
	Claims        struct {
		Iat int64
		Cnf struct{ Jkt string }
	}
	Thumbprint  string `json:"jwk_thumbprint_sha256"`
	AccessToken string `json:"access_token"`
	Headers     [][2]string
	Status      int
	Body        json.RawMessage
	Params      struct {
		JKT string `json:"dpop_jkt"`
	}
}

// TestExamples are the figures of RFC 9449.
func TestExamples(t *testing.T) {
	t.Parallel()
	var file struct{ Vectors []exampleVector }
	readVectors(t, "rfc9449-dpop-examples.json", &file)
	require.Len(t, file.Vectors, 11)
	check := map[string]func(*testing.T, exampleVector){
		"dpop-proof":             checkExampleProof,
		"as-nonce-challenge":     checkExampleChallenge,
		"rs-nonce-challenge":     checkExampleChallenge,
		"as-next-nonce":          checkExampleNonce,
		"access-token-jwt":       func(t *testing.T, v exampleVector) { checkExampleJKT(t, v.Claims.Cnf.Jkt) },
		"authorization-request":  func(t *testing.T, v exampleVector) { checkExampleJKT(t, v.Params.JKT) },
		"introspection-response": checkExampleBody,
		"token-response":         checkExampleToken,
		"proof-claims":           checkExampleClaims,
	}
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, check, v.Kind)
			check[v.Kind](t, v)
		})
	}
}

func checkExampleProof(t *testing.T, v exampleVector) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(v.Claims.Iat+2, 0)))
		g := newGate(t, func(c *dpop.VerifierConfig) {
			c.Origins = []string{"https://server.example.com", "https://resource.example.org"}
		})
		r := httptest.NewRequest(v.Request.Method, v.Request.URL, nil)
		r.Header.Set("DPoP", v.JWT)
		var proof *dpop.Proof
		var err error
		if v.AccessToken == "" {
			proof, err = g.VerifyTokenRequest(r)
		} else {
			proof, err = g.VerifyResourceRequest(r, v.AccessToken, jktOf(t, v.Thumbprint))
		}
		require.NoError(t, err)
		require.NoError(t, proof.Check(jktOf(t, v.Thumbprint)))
		require.Equal(t, v.Thumbprint, dpop.JKT(proof.Thumbprint()))
		require.Equal(t, v.Claims.Iat, proof.IssuedAt().Unix())
	})
}

func jktOf(t *testing.T, text string) [32]byte {
	t.Helper()
	jkt, err := dpop.ParseJKT(text)
	require.NoError(t, err)
	return jkt
}

func checkExampleJKT(t *testing.T, text string) {
	require.Equal(t, text, dpop.JKT(jktOf(t, text)))
}

func checkExampleBody(t *testing.T, v exampleVector) {
	var body struct{ Cnf struct{ Jkt string } }
	require.NoError(t, json.Unmarshal(v.Body, &body))
	checkExampleJKT(t, body.Cnf.Jkt)
}

// checkExampleChallenge lets our client meet the challenge of the figure.
func checkExampleChallenge(t *testing.T, v exampleVector) {
	rt := &stub{answer: func(i int, _ *http.Request) (*http.Response, error) {
		if i == 1 {
			return answer(200, ""), nil
		}
		response := answer(v.Status, string(v.Body))
		if v.Body != nil {
			response.Header.Set("Content-Type", "application/json")
		}
		for _, field := range v.Headers {
			response.Header.Add(field[0], field[1])
		}
		return response, nil
	}}
	response, err := clientOf(t, rt).Get(apiURL)
	require.NoError(t, err)
	require.Equal(t, 200, response.StatusCode)
	require.Equal(t, "eyJ7S_zG.eyJH0-Z.HX4w-7v", claimsIn(t, rt.requests[1]).Nonce)
}

// checkExampleNonce lets our client use the nonce that came with a 200.
func checkExampleNonce(t *testing.T, v exampleVector) {
	rt := &stub{answer: func(int, *http.Request) (*http.Response, error) {
		response := answer(v.Status, "")
		for _, field := range v.Headers {
			response.Header.Add(field[0], field[1])
		}
		return response, nil
	}}
	c := clientOf(t, rt)
	for range 2 {
		_, err := c.Get(apiURL)
		require.NoError(t, err)
	}
	require.Len(t, rt.requests, 2)
	require.Equal(t, "eyJ7S_zG.eyJbYu3.xQmBj-1", claimsIn(t, rt.requests[1]).Nonce)
}

func checkExampleToken(t *testing.T, v exampleVector) {
	var body struct {
		TokenType string `json:"token_type"`
	}
	require.NoError(t, json.Unmarshal(v.Body, &body))
	require.Equal(t, new(dpop.Verifier).Scheme(), body.TokenType)
}

// checkExampleClaims signs the claims of figure 21, which has no signed form.
func checkExampleClaims(t *testing.T, v exampleVector) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(v.Claims.Iat, 0)))
		const nonce = "eyJ7S_zG.eyJH0-Z.HX4w-7v"
		claims := object{{"jti", `"-BwC3ESc6acc2lTc"`}, {"htm", `"POST"`}, {"htu", `"https://server.example.com/token"`}, {"iat", "1562262616"}}
		r := request("POST", "https://server.example.com/token", proofWith(t, claims.with("nonce", quote(nonce))))
		g := newGate(t, withNonces(window{nonce}), func(c *dpop.VerifierConfig) { c.Origins = []string{"https://server.example.com"} })
		_, err := g.VerifyTokenRequest(r)
		require.NoError(t, err)
	})
}
