package accesstoken

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

func issue(t testing.TB, change func(*Grant)) (string, error) {
	t.Helper()
	g := goodGrant()
	if change != nil {
		change(&g)
	}
	token, expires, err := newIssuer(t, nil).Issue(context.Background(), g)
	if err != nil {
		require.Empty(t, token)
		require.True(t, expires.IsZero())
		var refused *Error
		require.NotErrorAs(t, err, &refused, "no client is at fault")
		require.Equal(t, 1, strings.Count(err.Error(), "accesstoken: "))
	}
	return token, err
}

// members reads a token the way anybody would.
func members(t testing.TB, token string) (header, claims map[string]json.RawMessage) {
	t.Helper()
	for i, target := range []any{&header, &claims} {
		data, err := jose.Decode(strings.Split(token, ".")[i])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(data, target))
	}
	return header, claims
}

func TestNewIssuer(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	tests := map[string]func(*IssuerConfig){
		"S65 no issuer":        func(c *IssuerConfig) { c.Issuer = "" },
		"S65 no key":           func(c *IssuerConfig) { c.Key = nil },
		"S65 nil key":          func(c *IssuerConfig) { c.Key = (*ecdsa.PrivateKey)(nil) },
		"S65 empty key":        func(c *IssuerConfig) { c.Key = ed25519.PrivateKey{} },
		"S38 RSA 1024":         func(c *IssuerConfig) { c.Key = small },
		"S33 P-384":            func(c *IssuerConfig) { c.Key = p384 },
		"issuer http":          func(c *IssuerConfig) { c.Issuer = "http://as.bank.example" },
		"issuer query":         func(c *IssuerConfig) { c.Issuer = "https://as.bank.example?a" },
		"lifetime negative":    func(c *IssuerConfig) { c.Lifetime = -time.Second },
		"lifetime under 1 s":   func(c *IssuerConfig) { c.Lifetime = time.Second - 1 },
		"DPOP-11.2-1 over 1 h": func(c *IssuerConfig) { c.Lifetime = time.Hour + 1 },
		"S10 key id not UTF-8": func(c *IssuerConfig) { c.KeyID = "a\xff" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := IssuerConfig{Issuer: testIssuer, Key: issuerKey()}
			_, err := NewIssuer(c)
			require.NoError(t, err, "control")
			change(&c)
			i, err := NewIssuer(c)
			require.Error(t, err)
			require.Nil(t, i)
		})
	}
	t.Run("limits are inclusive", func(t *testing.T) {
		t.Parallel()
		for _, lifetime := range []time.Duration{time.Second, time.Hour} {
			newIssuer(t, func(c *IssuerConfig) { c.Lifetime = lifetime })
		}
	})
	t.Run("zero and nil issuers issue nothing", func(t *testing.T) {
		t.Parallel()
		for _, i := range []*Issuer{nil, {}} {
			token, _, err := i.Issue(context.Background(), goodGrant())
			require.Error(t, err)
			require.Empty(t, token)
		}
		var none context.Context
		_, _, err := newIssuer(t, nil).Issue(none, goodGrant())
		require.Error(t, err)
	})
}

func TestIssue(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	t.Run("AT-2.1-3 AT-2.2-1 header and claims", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(1500 * time.Millisecond)
			token, expires, err := newIssuer(t, nil).Issue(ctx, goodGrant())
			require.NoError(t, err)
			header, claims := members(t, token)
			assert.Equal(t, map[string]json.RawMessage{
				"alg": []byte(`"ES256"`), "typ": []byte(`"at+jwt"`), "kid": []byte(`"as-1"`),
			}, header)
			assert.Len(t, claims["jti"], 26+2)
			delete(claims, "jti")
			assert.Equal(t, map[string]json.RawMessage{
				"iss": []byte(`"https://as.bank.example"`), "sub": []byte(`"user-1"`), "aud": []byte(`"https://api.bank.example"`),
				"client_id": []byte(`"client-1"`), "exp": []byte("946685101"), "iat": []byte("946684801"),
				"scope": []byte(`"accounts payments"`), "cnf": []byte(`{"jkt":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`),
			}, claims)
			assert.Equal(t, time.Unix(946685101, 0), expires)
		})
	})
	t.Run("everything a grant has comes back", func(t *testing.T) {
		t.Parallel()
		login := time.Unix(time.Now().Unix()-60, 0)
		bound := cnf.Bind(cnf.MemberJKT, [32]byte{1}).And(cnf.MemberX5TS256, [32]byte{2})
		token, err := issue(t, func(g *Grant) {
			g.Subject, g.ClientID = "юзер \"1\"\n", "<client>\\"
			g.Audience = []string{testAudience, "https://other.example"}
			g.Scope = []string{"a", "b", "a"}
			g.AuthTime, g.ACR, g.AMR = login, "urn:acr", []string{"pwd", "hwk"}
			g.Confirmation = bound
			g.Extra = map[string]any{"groups": []string{"x"}, "authorization_details": json.RawMessage(`[{"type":"payment","amount":123.50}]`)}
		})
		require.NoError(t, err)
		got := requireAccepted(t, newVerifier(t, nil), token)
		assert.Equal(t, "юзер \"1\"\n", got.Subject())
		assert.Equal(t, "<client>\\", got.ClientID())
		assert.Equal(t, []string{testAudience, "https://other.example"}, got.Audience())
		assert.Equal(t, []string{"a", "b"}, got.Scopes())
		assert.Equal(t, login, got.AuthTime())
		assert.Equal(t, "urn:acr", got.ACR())
		assert.Equal(t, []string{"pwd", "hwk"}, got.AMR())
		assert.Equal(t, bound, got.Confirmation())
		details, _ := got.Claim("authorization_details")
		assert.Equal(t, `[{"type":"payment","amount":123.50}]`, string(details))
		scope, _ := got.Claim("scope")
		assert.Equal(t, `"a b"`, string(scope))
	})
	t.Run("what a grant does not have is left out", func(t *testing.T) {
		t.Parallel()
		token, err := issue(t, func(g *Grant) { g.Scope = nil })
		require.NoError(t, err)
		_, claims := members(t, token)
		for _, name := range []string{"scope", "auth_time", "acr", "amr", "nbf"} {
			assert.NotContains(t, claims, name)
		}
	})
	t.Run("AT-2.1-1 the algorithm follows from the key, the kid is its thumbprint", func(t *testing.T) {
		t.Parallel()
		for alg, key := range map[string]crypto.Signer{"ES256": issuerKey(), "EdDSA": testkeys.EdDSA("a"), "PS256": testkeys.PS256()} {
			i := newIssuer(t, func(c *IssuerConfig) { c.Key, c.KeyID = key, "" })
			token, _, err := i.Issue(ctx, goodGrant())
			require.NoError(t, err)
			header, _ := members(t, token)
			thumbprint, err := jose.Thumbprint(key.Public())
			require.NoError(t, err)
			kid := jose.Encode(thumbprint[:])
			assert.Equal(t, `"`+alg+`"`, string(header["alg"]))
			assert.Equal(t, `"`+kid+`"`, string(header["kid"]))
			requireAccepted(t, newVerifier(t, func(c *VerifierConfig) { c.Keys = publish(kid, key) }), token)
		}
	})
	t.Run("every token has its own jti", func(t *testing.T) {
		t.Parallel()
		seen := map[string]bool{}
		for range 50 {
			token, err := issue(t, nil)
			require.NoError(t, err)
			seen[requireAccepted(t, newVerifier(t, nil), token).ID()] = true
		}
		assert.Len(t, seen, 50)
	})
	t.Run("the lifetime is the configured one", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			i := newIssuer(t, func(c *IssuerConfig) { c.Lifetime = 1900 * time.Millisecond })
			token, expires, err := i.Issue(ctx, goodGrant())
			require.NoError(t, err)
			assert.True(t, expires.Equal(time.Now().Add(time.Second)))
			requireAccepted(t, newVerifier(t, nil), token)
			time.Sleep(time.Until(expires))
			_, err = newVerifier(t, nil).Verify(ctx, token)
			assert.ErrorIs(t, err, ErrExpired)
		})
	})
	t.Run("a key that fails", func(t *testing.T) {
		t.Parallel()
		i := newIssuer(t, func(c *IssuerConfig) { c.Key = failingKey{issuerKey()} })
		_, _, err := i.Issue(ctx, goodGrant())
		require.ErrorIs(t, err, errHSM)
	})
	t.Run("a cancelled context", func(t *testing.T) {
		t.Parallel()
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		_, _, err := newIssuer(t, nil).Issue(cancelled, goodGrant())
		require.ErrorIs(t, err, context.Canceled)
	})
}

var errHSM = errors.New("hsm: offline")

type failingKey struct{ crypto.Signer }

func (failingKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errHSM }

func TestGrantRefused(t *testing.T) {
	t.Parallel()
	extra := func(name string, value any) func(*Grant) {
		return func(g *Grant) { g.Extra = map[string]any{name: value} }
	}
	nested := func(levels int) json.RawMessage {
		return json.RawMessage(strings.Repeat("[", levels) + strings.Repeat("]", levels))
	}
	tests := map[string]func(*Grant){
		"SP-A4 not sender-constrained":   func(g *Grant) { g.Confirmation = cnf.Confirmation{} },
		"AT-2.2-2 no subject":            func(g *Grant) { g.Subject = "" },
		"AT-2.2-1 no client":             func(g *Grant) { g.ClientID = "" },
		"AT-3-3 no audience":             func(g *Grant) { g.Audience = nil },
		"AT-3-3 empty audience":          func(g *Grant) { g.Audience = []string{testAudience, ""} },
		"AT-2.2.3-1 scope with space":    func(g *Grant) { g.Scope = []string{"a b"} },
		"AT-2.2.3-1 empty scope value":   func(g *Grant) { g.Scope = []string{"a", ""} },
		"AT-2.2.3-1 scope with quote":    func(g *Grant) { g.Scope = []string{`a"`} },
		"auth_time ahead":                func(g *Grant) { g.AuthTime = time.Now().Add(2 * time.Minute) },
		"auth_time before 1970":          func(g *Grant) { g.AuthTime = time.Unix(-1, 0) },
		"empty amr":                      func(g *Grant) { g.AMR = []string{""} },
		"S10 subject not UTF-8":          func(g *Grant) { g.Subject = "a\xff" },
		"S10 client not UTF-8":           func(g *Grant) { g.ClientID = "a\xff" },
		"S10 audience not UTF-8":         func(g *Grant) { g.Audience = []string{"a\xff", "b"} },
		"S10 acr not UTF-8":              func(g *Grant) { g.ACR = "a\xff" },
		"S10 amr not UTF-8":              func(g *Grant) { g.AMR = []string{"a\xff"} },
		"S10 extra name not UTF-8":       extra("a\xff", 1),
		"S10 extra value not UTF-8":      extra("x", "a\xff"),
		"S10 nested name not UTF-8":      extra("x", map[string]any{"a\xff": 1}),
		"S04 duplicate in a raw value":   extra("x", json.RawMessage(`{"a":1,"a":2}`)),
		"S08 two raw values":             extra("x", json.RawMessage(`1,"admin":true`)),
		"S08 empty raw value":            extra("x", json.RawMessage(``)),
		"S61 json.Number no number":      extra("x", json.Number(`{"admin":true}`)),
		"S61 json.Number goes on":        extra("x", json.Number(`1,"admin":true`)),
		"S61 json.Number empty":          extra("x", json.Number(``)),
		"not a number":                   extra("x", math.NaN()),
		"no JSON form":                   extra("x", make(chan int)),
		"S17 nested deeper than we read": extra("x", nested(jose.MaxDepth)),
		"S19 larger than we read":        extra("x", strings.Repeat("x", jose.MaxToken)),
	}
	for _, name := range append(registered[:], "ISS", "Sub", "CNF", "ſub", "ſcope", "Client_ID") {
		tests["S07 extra shadows "+name] = extra(name, "x")
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := issue(t, nil)
			require.NoError(t, err, "control")
			_, err = issue(t, change)
			require.Error(t, err)
		})
	}
	t.Run("SP-A4 is refused before anything is encoded", func(t *testing.T) {
		t.Parallel()
		_, err := issue(t, func(g *Grant) { g.Confirmation = cnf.Confirmation{} })
		require.ErrorContains(t, err, "Confirmation is required")
	})
	t.Run("controls on the right side of the limits", func(t *testing.T) {
		t.Parallel()
		token, err := issue(t, func(g *Grant) {
			g.AuthTime = time.Now().Add(30 * time.Second)
			g.Extra = map[string]any{"x": nested(jose.MaxDepth - 1), "issuer": 1, "subject": 1}
		})
		require.NoError(t, err)
		requireAccepted(t, newVerifier(t, nil), token)
	})
}

func TestExtraClaims(t *testing.T) {
	t.Parallel()
	t.Run("S60 a name is one member", func(t *testing.T) {
		t.Parallel()
		const name = `x":0,"admin`
		token, err := issue(t, func(g *Grant) {
			g.Extra = map[string]any{name: true, "inner": map[string]any{name: true}, "text": `x","admin":"true`}
		})
		require.NoError(t, err)
		_, claims := members(t, token)
		assert.NotContains(t, claims, "admin")
		assert.NotContains(t, claims, "x")
		assert.Len(t, claims, 9+3)
		got := requireAccepted(t, newVerifier(t, nil), token)
		value, ok := got.Claim(name)
		assert.True(t, ok)
		assert.Equal(t, "true", string(value))
		_, ok = got.Claim("admin")
		assert.False(t, ok)
		text, _ := got.Claim("text")
		assert.Equal(t, `"x\",\"admin\":\"true"`, string(text))
		inner, _ := got.Claim("inner")
		assert.Equal(t, `{"x\":0,\"admin":true}`, string(inner))
	})
	t.Run("S60 the registered claims cannot break out either", func(t *testing.T) {
		t.Parallel()
		const evil = `x","admin":"true`
		token, err := issue(t, func(g *Grant) {
			g.Subject, g.ClientID, g.ACR, g.AMR = evil, evil, evil, []string{evil}
		})
		require.NoError(t, err)
		got := requireAccepted(t, newVerifier(t, nil), token)
		_, ok := got.Claim("admin")
		assert.False(t, ok)
		assert.Equal(t, evil, got.Subject())
	})
	t.Run("S61 numbers keep their digits", func(t *testing.T) {
		t.Parallel()
		for want, value := range map[string]any{
			"9007199254740993":         int64(9007199254740993),
			"-9223372036854775808":     int64(math.MinInt64),
			"18446744073709551615":     uint64(math.MaxUint64),
			"9007199254740993.00":      json.Number("9007199254740993.00"),
			"[9007199254740993]":       []any{json.Number("9007199254740993")},
			`{"n":1e400}`:              map[string]json.Number{"n": "1e400"},
			`{"n":9007199254740993.5}`: json.RawMessage(`{"n":9007199254740993.5}`),
		} {
			token, err := issue(t, func(g *Grant) { g.Extra = map[string]any{"n": value} })
			require.NoError(t, err)
			got, ok := requireAccepted(t, newVerifier(t, nil), token).Claim("n")
			assert.True(t, ok)
			assert.Equal(t, want, string(got))
		}
	})
	t.Run("equal grants give equal payloads", func(t *testing.T) {
		t.Parallel()
		g := goodGrant()
		g.Extra = map[string]any{"c": map[string]int{"z": 1, "y": 2, "x": 3}, "b": 2, "a": 1}
		first := ""
		for range 20 {
			var o object
			o.text("iss", testIssuer)
			o.grant(&g)
			data, err := o.close()
			require.NoError(t, err)
			if first == "" {
				first = string(data)
			}
			require.Equal(t, first, string(data))
		}
		require.True(t, strings.HasSuffix(first, `"a":1,"b":2,"c":{"x":3,"y":2,"z":1}}`))
	})
}

func TestGrantExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			until, want time.Duration // zero: refused
		}{
			{time.Minute, time.Minute}, {90*time.Second + 900*time.Millisecond, 90 * time.Second},
			{time.Hour, defaultLifetime}, {time.Second, time.Second},
			{999 * time.Millisecond, 0}, {-time.Minute, 0},
		} {
			g := goodGrant()
			g.Expires = time.Now().Add(c.until)
			token, expires, err := newIssuer(t, nil).Issue(t.Context(), g)
			if c.want == 0 {
				require.ErrorContains(t, err, "Expires", c.until)
				continue
			}
			require.NoError(t, err, c.until)
			require.Equal(t, c.want, time.Until(expires), c.until)
			_, claims := members(t, token)
			require.JSONEq(t, strconv.FormatInt(expires.Unix(), 10), string(claims["exp"]))
		}
	})
}
