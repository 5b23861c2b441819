package phantom_test

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/phantom"
	"github.com/go-fapi/fapi/replay"
)

const inner = "eyJh.the.jwt"

// statement is a good one, for GET /accounts with the token inner.
func statement(t testing.TB) map[string]any {
	now := time.Now().Unix()
	sum := sha256of(inner)
	jkt := aliceKey(t)
	return map[string]any{
		"iss": gateway, "aud": audience, "iat": now, "exp": now + 30, "jti": "1", "htm": "GET", "path": "/accounts",
		"ath": jose.Encode(sum[:]), "cnf": map[string]any{"jkt": dpop.JKT(jkt)},
	}
}

func aliceKey(t testing.TB) [32]byte {
	thumbprint, ok := jktOf(t, testkeys.ES256("alice")).Thumbprint("jkt")
	require.True(t, ok)
	return thumbprint
}

func newEvidence(t testing.TB, store phantom.ReplayStore) *phantom.Evidence {
	return must[*phantom.Evidence](t)(phantom.NewEvidence(phantom.EvidenceConfig{
		Issuer: gateway, Audience: audience, Keys: keysOf(t, gatewayKey()), Replay: store,
	}))
}

// carrying is the API's request with a statement of these claims.
func carrying(t testing.TB, claims map[string]any) *http.Request {
	r := httptest.NewRequest("GET", "/accounts", nil)
	r.Header.Set(phantom.EvidenceHeader, sign(t, gatewayKey(), "phantom-evidence+jwt", encode(t, claims)))
	return r
}

func encode(t testing.TB, claims map[string]any) string {
	return string(must[[]byte](t)(json.Marshal(claims)))
}

func TestEvidence(t *testing.T) {
	t.Parallel()
	claim := func(name string, value any) func(testing.TB, *http.Request) {
		return func(t testing.TB, r *http.Request) {
			claims := statement(t)
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
			r.Header = carrying(t, claims).Header
		}
	}
	at := func(name string, offset int64) func(testing.TB, *http.Request) {
		return func(t testing.TB, r *http.Request) { claim(name, time.Now().Unix()+offset)(t, r) }
	}
	header := func(value func(t testing.TB, good string) string) func(testing.TB, *http.Request) {
		return func(t testing.TB, r *http.Request) {
			r.Header.Set(phantom.EvidenceHeader, value(t, r.Header.Get(phantom.EvidenceHeader)))
		}
	}
	signedBy := func(key crypto.Signer, typ string) func(testing.TB, *http.Request) {
		return header(func(t testing.TB, _ string) string { return sign(t, key, typ, encode(t, statement(t))) })
	}
	for name, test := range map[string]struct {
		change func(testing.TB, *http.Request)
		rule   error
	}{
		"none":                   {func(_ testing.TB, r *http.Request) { r.Header.Del(phantom.EvidenceHeader) }, phantom.ErrCount},
		"two":                    {func(_ testing.TB, r *http.Request) { r.Header.Add(phantom.EvidenceHeader, "x") }, phantom.ErrCount},
		"not a JWS":              {header(func(testing.TB, string) string { return "x" }), phantom.ErrMalformed},
		"longer than any":        {header(func(_ testing.TB, good string) string { return good + strings.Repeat("A", 16<<10) }), phantom.ErrMalformed},
		"alg none":               {header(func(testing.TB, string) string { return jose.Encode([]byte(`{"alg":"none"}`)) + ".e30." }), phantom.ErrMalformed},
		"typ of an access token": {signedBy(gatewayKey(), "at+jwt"), phantom.ErrType},
		"typ of a proof":         {signedBy(gatewayKey(), "dpop+jwt"), phantom.ErrType},
		"no typ":                 {signedBy(gatewayKey(), ""), phantom.ErrType},
		"key unknown":            {signedBy(testkeys.EdDSA("mallory"), "phantom-evidence+jwt"), phantom.ErrKey},
		"signature": {header(func(_ testing.TB, good string) string {
			return good[:strings.LastIndex(good, ".")+1] + strings.Repeat("A", 86)
		}), phantom.ErrSignature},
		"duplicate claim": {header(func(t testing.TB, _ string) string {
			return sign(t, gatewayKey(), "phantom-evidence+jwt", strings.Replace(encode(t, statement(t)), "{", `{"htm":"GET",`, 1))
		}), phantom.ErrClaims},
		"jti missing":              {claim("jti", nil), phantom.ErrClaims},
		"jti too long":             {claim("jti", strings.Repeat("j", 129)), phantom.ErrClaims},
		"iat missing":              {claim("iat", nil), phantom.ErrClaims},
		"exp missing":              {claim("exp", nil), phantom.ErrClaims},
		"htm a number":             {claim("htm", 1), phantom.ErrClaims},
		"several audiences":        {claim("aud", []string{audience, "https://payments.internal"}), phantom.ErrClaims},
		"iss another":              {claim("iss", issuer), phantom.ErrIssuer},
		"iss missing":              {claim("iss", nil), phantom.ErrIssuer},
		"aud another API":          {claim("aud", "https://payments.internal"), phantom.ErrAudience},
		"old":                      {at("iat", -31), phantom.ErrTime},
		"expired":                  {at("exp", 0), phantom.ErrTime},
		"of the future":            {at("iat", 20), phantom.ErrTime},
		"nbf ahead":                {at("nbf", 20), phantom.ErrTime},
		"long-lived":               {at("exp", 3600), phantom.ErrTime},
		"another method":           {claim("htm", "POST"), phantom.ErrRequest},
		"method in another case":   {claim("htm", "get"), phantom.ErrRequest},
		"another path":             {claim("path", "/payments"), phantom.ErrRequest},
		"path decoded":             {claim("path", "/accounts/"), phantom.ErrRequest},
		"no path":                  {claim("path", nil), phantom.ErrRequest},
		"ath of the opaque token":  {claim("ath", "x"), phantom.ErrTokenHash},
		"no ath":                   {claim("ath", nil), phantom.ErrTokenHash},
		"N07 jkt malformed":        {claim("cnf", map[string]any{"jkt": "x"}), phantom.ErrClaims},
		"N01 unknown confirmation": {claim("cnf", map[string]any{"jwk": map[string]any{}}), phantom.ErrClaims},
		"another key":              {claim("cnf", map[string]any{"jkt": dpop.JKT([32]byte{1})}), phantom.ErrBinding},
		"a certificate's":          {claim("cnf", map[string]any{"x5t#S256": dpop.JKT(aliceKey(t))}), phantom.ErrBinding},
		"no cnf":                   {claim("cnf", nil), phantom.ErrBinding},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &countingStore{store: memory(t)}
			evidence, r := newEvidence(t, store), carrying(t, statement(t))
			test.change(t, r)
			err := evidence.Confirm(nil, r, inner, aliceKey(t))
			require.ErrorIs(t, err, test.rule)
			refusal, ok := errors.AsType[*phantom.Error](err)
			require.True(t, ok)
			require.Equal(t, "invalid_token", refusal.OAuthCode())
			require.Equal(t, "phantom: "+test.rule.Error(), err.Error())
			require.Zero(t, store.uses, "a refused request spends nothing")
			require.NoError(t, evidence.Confirm(nil, carrying(t, statement(t)), inner, aliceKey(t)), "control")
		})
	}
}

type countingStore struct {
	store phantom.ReplayStore
	uses  int
}

func (s *countingStore) Use(ctx context.Context, key string, until time.Time) (bool, error) {
	s.uses++
	return s.store.Use(ctx, key, until)
}

func TestEvidenceReplay(t *testing.T) {
	t.Parallel()
	evidence, r := newEvidence(t, memory(t)), carrying(t, statement(t))
	require.NoError(t, evidence.Confirm(nil, r, inner, aliceKey(t)))
	require.ErrorIs(t, evidence.Confirm(nil, r, inner, aliceKey(t)), phantom.ErrReplay)
	off := newEvidence(t, replay.Off{})
	require.NoError(t, off.Confirm(nil, r, inner, aliceKey(t)))
	require.NoError(t, off.Confirm(nil, r, inner, aliceKey(t)), "control: with replay.Off")
}

func TestEvidenceFaults(t *testing.T) {
	t.Parallel()
	requireFault := func(t *testing.T, err error) {
		t.Helper()
		require.Error(t, err)
		var refusal interface{ OAuthCode() string }
		require.False(t, errors.As(err, &refusal), err)
	}
	t.Run("X01 store error refuses", func(t *testing.T) {
		t.Parallel()
		down := errors.New("down")
		err := newEvidence(t, storeFunc(func() (bool, error) { return true, down })).Confirm(nil, carrying(t, statement(t)), inner, aliceKey(t))
		requireFault(t, err)
		require.ErrorIs(t, err, down)
	})
	t.Run("X01, N14 store panics", func(t *testing.T) {
		t.Parallel()
		requireFault(t, newEvidence(t, storeFunc(func() (bool, error) { panic("x") })).Confirm(nil, carrying(t, statement(t)), inner, aliceKey(t)))
	})
	for name, keys := range map[string]phantom.KeySource{
		"key source down":            keyFunc(func() ([]crypto.PublicKey, error) { return nil, coded("invalid_token") }),
		"key source that wraps ours": keyFunc(func() ([]crypto.PublicKey, error) { return nil, jose.ErrKey }),
		"key source panics":          keyFunc(func() ([]crypto.PublicKey, error) { panic("x") }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			evidence := must[*phantom.Evidence](t)(phantom.NewEvidence(phantom.EvidenceConfig{
				Issuer: gateway, Audience: audience, Keys: keys, Replay: replay.Off{},
			}))
			requireFault(t, evidence.Confirm(nil, carrying(t, statement(t)), inner, aliceKey(t)))
		})
	}
	t.Run("misuse", func(t *testing.T) {
		t.Parallel()
		evidence := newEvidence(t, replay.Off{})
		requireFault(t, evidence.Confirm(nil, nil, inner, aliceKey(t)))
		requireFault(t, evidence.Confirm(nil, carrying(t, statement(t)), "", aliceKey(t)))
		requireFault(t, (*phantom.Evidence)(nil).Confirm(nil, carrying(t, statement(t)), inner, aliceKey(t)))
		requireFault(t, new(phantom.Evidence).Confirm(nil, carrying(t, statement(t)), inner, aliceKey(t)))
		require.ErrorIs(t, evidence.Confirm(nil, carrying(t, statement(t)), inner, [32]byte{}), phantom.ErrBinding)
	})
}

type storeFunc func() (bool, error)

func (f storeFunc) Use(context.Context, string, time.Time) (bool, error) { return f() }

type keyFunc func() ([]crypto.PublicKey, error)

func (f keyFunc) Keys(context.Context, string, string) ([]crypto.PublicKey, error) { return f() }

func TestEvidenceTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		early := statement(t)
		early["iat"], early["exp"] = time.Now().Unix()+10, time.Now().Unix()+40
		late := carrying(t, statement(t))
		evidence := newEvidence(t, replay.Off{})
		require.NoError(t, evidence.Confirm(nil, carrying(t, early), inner, aliceKey(t)), "the leeway")
		time.Sleep(30*time.Second - time.Millisecond)
		require.NoError(t, evidence.Confirm(nil, late, inner, aliceKey(t)))
		time.Sleep(time.Millisecond)
		require.ErrorIs(t, evidence.Confirm(nil, late, inner, aliceKey(t)), phantom.ErrTime)
	})
	t.Run("X08 store so slow that the statement is dead", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			claims := statement(t)
			claims["exp"] = time.Now().Unix() + 1
			slow := newEvidence(t, storeFunc(func() (bool, error) { time.Sleep(time.Second); return true, nil }))
			require.ErrorIs(t, slow.Confirm(nil, carrying(t, claims), inner, aliceKey(t)), phantom.ErrTime)
		})
	})
}

// What the gateway says, field by field.
func TestStatement(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]crypto.Signer{"ES256": testkeys.ES256("gw"), "EdDSA": testkeys.EdDSA("gw"), "PS256": testkeys.PS256()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(w *world) { w.config.Key, w.config.KeyID, w.unguarded = key, `k"1`, true })
			const path = "/accounts/a%20b"
			require.Equal(t, 200, w.send(w.request(t, "POST", path)).Code)
			require.Equal(t, 200, w.send(w.request(t, "POST", path)).Code)
			var ids []any
			for _, r := range w.received.all() {
				parsed := must[*jose.JWS](t)(jose.Parse(r.Header.Get(phantom.EvidenceHeader)))
				require.NoError(t, parsed.Verify(key.Public()))
				assert.Equal(t, "phantom-evidence+jwt", parsed.Header.Type)
				assert.Equal(t, `k"1`, parsed.Header.KeyID)
				var claims map[string]any
				require.NoError(t, json.Unmarshal(parsed.Payload, &claims))
				sum := sha256of(w.book.jwts[opaque])
				want := statement(t)
				maps.Copy(want, map[string]any{
					"htm": "POST", "path": path, "ath": jose.Encode(sum[:]), "iat": claims["iat"], "jti": claims["jti"],
					"exp": claims["iat"].(float64) + 30,
				})
				assert.Equal(t, want, claims)
				ids = append(ids, claims["jti"])
			}
			require.NotEqual(t, ids[0], ids[1])
		})
	}
}

// A statement is no access token, and no proof.
func TestStatementConfusion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.requireHonest(t)
	said := w.received.last(t).Header.Get(phantom.EvidenceHeader)
	_, err := w.verifier.Verify(t.Context(), said)
	require.Error(t, err)
	r := w.request(t, "GET", "/accounts")
	r.Header.Set("DPoP", said)
	require.Equal(t, 401, w.send(r).Code)
}

func TestNewEvidence(t *testing.T) {
	t.Parallel()
	good := phantom.EvidenceConfig{Issuer: gateway, Audience: audience, Keys: keysOf(t, gatewayKey()), Replay: replay.Off{}}
	_, err := phantom.NewEvidence(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*phantom.EvidenceConfig){
		"Issuer":   func(c *phantom.EvidenceConfig) { c.Issuer = "" },
		"Audience": func(c *phantom.EvidenceConfig) { c.Audience = "" },
		"Keys":     func(c *phantom.EvidenceConfig) { c.Keys = nil },
		"Replay":   func(c *phantom.EvidenceConfig) { c.Replay = nil },
		"Leeway":   func(c *phantom.EvidenceConfig) { c.Leeway = 61 * time.Second },
	} {
		bad := good
		change(&bad)
		_, err := phantom.NewEvidence(bad)
		require.ErrorContains(t, err, name)
	}
}

func FuzzEvidence(f *testing.F) {
	f.Add("x")
	f.Add(sign(f, gatewayKey(), "phantom-evidence+jwt", encode(f, statement(f))))
	f.Add(sign(f, testkeys.ES256("mallory"), "phantom-evidence+jwt", encode(f, statement(f))))
	f.Add(sign(f, gatewayKey(), "phantom-evidence+jwt", `{"iss":1,"cnf":{}}`))
	evidence := newEvidence(f, replay.Off{})
	other := newEvidence(f, replay.Off{})
	f.Fuzz(func(t *testing.T, field string) {
		r := httptest.NewRequest("GET", "/accounts", nil)
		r.Header.Set(phantom.EvidenceHeader, field)
		if evidence.Confirm(nil, r, inner, aliceKey(t)) == nil {
			require.NoError(t, other.Confirm(nil, r, inner, aliceKey(t)))
			require.Error(t, other.Confirm(nil, r, inner+"x", aliceKey(t)))
		}
	})
}
