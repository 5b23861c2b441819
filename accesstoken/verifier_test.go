package accesstoken

import (
	"context"
	"crypto"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/testkeys"
)

var _ cnf.Claims = (*Token)(nil)

func TestNewVerifier(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*VerifierConfig){
		"S65 no issuer":              func(c *VerifierConfig) { c.Issuer = "" },
		"S65 no audience":            func(c *VerifierConfig) { c.Audience = "" },
		"S65 no keys":                func(c *VerifierConfig) { c.Keys = nil },
		"issuer http":                func(c *VerifierConfig) { c.Issuer = "http://as.bank.example" },
		"issuer ftp":                 func(c *VerifierConfig) { c.Issuer = "ftp://as.bank.example" },
		"issuer without host":        func(c *VerifierConfig) { c.Issuer = "https:///as" },
		"issuer with port only":      func(c *VerifierConfig) { c.Issuer = "https://:443" },
		"issuer with user":           func(c *VerifierConfig) { c.Issuer = "https://u@as.bank.example" },
		"issuer with query":          func(c *VerifierConfig) { c.Issuer = "https://as.bank.example?a=b" },
		"issuer with empty query":    func(c *VerifierConfig) { c.Issuer = "https://as.bank.example?" },
		"issuer with fragment":       func(c *VerifierConfig) { c.Issuer = "https://as.bank.example#a" },
		"issuer with empty fragment": func(c *VerifierConfig) { c.Issuer = "https://as.bank.example#" },
		"issuer no URL":              func(c *VerifierConfig) { c.Issuer = "https://as bank" },
		"leeway negative":            func(c *VerifierConfig) { c.Leeway = -1 },
		"leeway over 60 s":           func(c *VerifierConfig) { c.Leeway = 60*time.Second + 1 },
		"cache negative":             func(c *VerifierConfig) { c.CacheSize = -1 },
		"cache over the limit":       func(c *VerifierConfig) { c.CacheSize = maxCacheSize + 1 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := VerifierConfig{Issuer: testIssuer, Audience: testAudience, Keys: publish(testKeyID, issuerKey())}
			_, err := NewVerifier(c)
			require.NoError(t, err, "control")
			change(&c)
			v, err := NewVerifier(c)
			require.Error(t, err)
			require.Nil(t, v)
			var refused *Error
			require.NotErrorAs(t, err, &refused)
		})
	}
	t.Run("limits are inclusive", func(t *testing.T) {
		t.Parallel()
		newVerifier(t, func(c *VerifierConfig) { c.Leeway, c.CacheSize = 60*time.Second, 1_048_576 })
		newVerifier(t, func(c *VerifierConfig) { c.Leeway, c.CacheSize = 1, 1 })
	})
	t.Run("S65 zero and nil verifiers accept nothing", func(t *testing.T) {
		t.Parallel()
		requireFailed(t, nil, goodToken(t))
		requireFailed(t, &Verifier{}, goodToken(t))
	})
}

func TestVerify(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, nil)
	issued := time.Unix(time.Now().Unix(), 0)
	token := goodToken(t,
		"aud", `["https://other.example","`+testAudience+`"]`,
		"scope", `"payments accounts payments"`,
		"auth_time", fmt.Sprint(issued.Unix()-60),
		"acr", `"urn:mace:incommon:iap:silver"`,
		"amr", `["pwd","hwk"]`,
		"iat", fmt.Sprint(issued.Unix()),
		"exp", fmt.Sprint(issued.Unix()+60),
		"amount", "9007199254740993.10",
	)
	for _, from := range []string{"verification", "cache"} {
		got := requireAccepted(t, v, token)
		assert.Equal(t, "user-1", got.Subject(), from)
		assert.Equal(t, "client-1", got.ClientID())
		assert.Equal(t, []string{"https://other.example", testAudience}, got.Audience())
		assert.Equal(t, "id-1", got.ID())
		assert.Equal(t, issued, got.IssuedAt())
		assert.Equal(t, issued.Add(time.Minute), got.Expires())
		assert.Equal(t, issued.Add(-time.Minute), got.AuthTime())
		assert.Equal(t, "urn:mace:incommon:iap:silver", got.ACR())
		assert.Equal(t, []string{"pwd", "hwk"}, got.AMR())
		assert.Equal(t, []string{"payments", "accounts"}, got.Scopes(), "each once")
		want, err := cnf.ParseConfirmation([]byte(testCNF))
		require.NoError(t, err)
		assert.Equal(t, want, got.Confirmation())
		for _, scope := range []string{"payments", "accounts"} {
			assert.True(t, got.HasScope(scope))
		}
		for _, scope := range []string{"", " ", "payment", "Payments", "payments accounts", "accounts "} {
			assert.False(t, got.HasScope(scope), scope)
		}
		amount, ok := got.Claim("amount")
		assert.True(t, ok)
		assert.Equal(t, "9007199254740993.10", string(amount), "S61")
		_, ok = got.Claim("Amount")
		assert.False(t, ok)
		_, ok = got.Claim("")
		assert.False(t, ok)

		// What a handler does to its copies does not reach the next request.
		got.Audience()[0], got.AMR()[0], got.Scopes()[0] = "x", "x", "x"
		amount[0] = 'x'
	}
}

func TestZeroToken(t *testing.T) {
	t.Parallel()
	for _, token := range []*Token{nil, {}} {
		assert.Empty(t, token.Subject())
		assert.Empty(t, token.ClientID())
		assert.Empty(t, token.Audience())
		assert.Empty(t, token.ID())
		assert.True(t, token.Expires().IsZero())
		assert.True(t, token.IssuedAt().IsZero())
		assert.True(t, token.AuthTime().IsZero())
		assert.Empty(t, token.ACR())
		assert.Empty(t, token.AMR())
		assert.Empty(t, token.Scopes())
		assert.True(t, token.Confirmation().IsZero())
		assert.False(t, token.HasScope(""))
		assert.False(t, token.HasScope("accounts"))
		_, ok := token.Claim("sub")
		assert.False(t, ok)
	}
}

// TestRequirements goes through RFC 9068 section 4 and 2.2. Each token is
// validly signed, so that only the rule in question can refuse it.
func TestRequirements(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, nil)
	now := time.Now()
	tests := []struct {
		name   string
		header string // empty: a good one
		change []string
		want   error // nil: accepted
	}{
		{"AT-4-2 at+jwt", `{"alg":"ES256","typ":"at+jwt","kid":"as-1"}`, nil, nil},
		{"J-1 at+JWT", `{"alg":"ES256","typ":"at+JWT","kid":"as-1"}`, nil, nil},
		{"J-1 application/at+jwt", `{"alg":"ES256","typ":"application/at+jwt","kid":"as-1"}`, nil, nil},
		{"J-1 APPLICATION/AT+JWT", `{"alg":"ES256","typ":"APPLICATION/AT+JWT","kid":"as-1"}`, nil, nil},
		{"J-1 two prefixes", `{"alg":"ES256","typ":"application/application/at+jwt","kid":"as-1"}`, nil, ErrType},
		{"AT-4-2 no typ", `{"alg":"ES256","kid":"as-1"}`, nil, ErrType},
		{"AT-4-2 empty typ", `{"alg":"ES256","typ":"","kid":"as-1"}`, nil, ErrType},
		{"AT-4-2 JWT (ID token)", `{"alg":"ES256","typ":"JWT","kid":"as-1"}`, nil, ErrType},
		{"AT-4-2 dpop+jwt", `{"alg":"ES256","typ":"dpop+jwt","kid":"as-1"}`, nil, ErrType},
		{"AT-4-2 introspection response", `{"alg":"ES256","typ":"token-introspection+jwt","kid":"as-1"}`, nil, ErrType},
		{"AT-4-2 other tree", `{"alg":"ES256","typ":"text/at+jwt","kid":"as-1"}`, nil, ErrType},
		{"AT-4-2 parameter", `{"alg":"ES256","typ":"at+jwt;v=1","kid":"as-1"}`, nil, ErrType},
		{"AT-4-2 blank", `{"alg":"ES256","typ":"at+jwt ","kid":"as-1"}`, nil, ErrType},
		{"AT-4-2 typ a number", `{"alg":"ES256","typ":1,"kid":"as-1"}`, nil, ErrMalformed},

		{"AT-4-4 other issuer", "", []string{"iss", `"https://evil.example"`}, ErrIssuer},
		{"AT-4-4 trailing slash", "", []string{"iss", `"` + testIssuer + `/"`}, ErrIssuer},
		{"AT-4-4 letter case", "", []string{"iss", `"https://AS.bank.example"`}, ErrIssuer},
		{"AT-4-4 prefix", "", []string{"iss", `"https://as.bank.exampl"`}, ErrIssuer},
		{"AT-4-4 list of issuers", "", []string{"iss", `["` + testIssuer + `"]`}, ErrMalformed},

		{"AT-4-5 other audience", "", []string{"aud", `"https://other.example"`}, ErrAudience},
		{"AT-4-5 other audiences", "", []string{"aud", `["https://other.example","` + testAudience + `/"]`}, ErrAudience},
		{"AT-4-5 prefix of ours", "", []string{"aud", `"https://api.bank.exampl"`}, ErrAudience},
		{"AT-4-5 ours with a suffix", "", []string{"aud", `"` + testAudience + `.evil.example"`}, ErrAudience},
		{"AT-4-5 one of several", "", []string{"aud", `["https://other.example","` + testAudience + `"]`}, nil},
		{"AT-4-5 one, as a list", "", []string{"aud", `["` + testAudience + `"]`}, nil},

		{"AT-4-6 FAPI RS256", `{"alg":"RS256","typ":"at+jwt","kid":"as-1"}`, nil, ErrAlgorithm},
		{"J-2 unknown kid", `{"alg":"ES256","typ":"at+jwt","kid":"as-2"}`, nil, ErrKey},
		{"J-2 no kid", `{"alg":"ES256","typ":"at+jwt"}`, nil, ErrKey},
		{"J-2 jku, x5u, x5c are ignored", `{"alg":"ES256","typ":"at+jwt","kid":"as-1","jku":"https://evil.example","x5u":"https://evil.example","x5c":["AA=="]}`, nil, nil},

		{"AT-4-7 expired", "", []string{"exp", fmt.Sprint(now.Unix() - 1)}, ErrExpired},
		{"AT-4-7 expired long ago", "", []string{"exp", "0"}, ErrExpired},
		{"J-4 exp year 292277026596", "", []string{"exp", "9223372036854775807"}, ErrMalformed},
		{"J-4 exp over 64 bits", "", []string{"exp", "18446744073709551617"}, ErrMalformed},
		{"J-4 exp 1e300", "", []string{"exp", "1e300"}, ErrMalformed},
		{"J-4 exp negative", "", []string{"exp", "-1"}, ErrMalformed},
		{"J-4 exp last second of 9999", "", []string{"exp", "253402300799"}, nil},
		{"J-4 nbf ahead", "", []string{"nbf", fmt.Sprint(now.Unix() + 120)}, ErrNotYetValid},
		{"J-4 nbf past", "", []string{"nbf", fmt.Sprint(now.Unix() - 120)}, nil},
		{"J-4 nbf a string", "", []string{"nbf", `"0"`}, ErrMalformed},
		{"J-4 iat ahead", "", []string{"iat", fmt.Sprint(now.Unix() + 120)}, ErrNotYetValid},

		{"J-3 no iss", "", []string{"iss", ""}, ErrClaims},
		{"J-3 no exp", "", []string{"exp", ""}, ErrClaims},
		{"J-3 no aud", "", []string{"aud", ""}, ErrClaims},
		{"J-3 empty aud list", "", []string{"aud", "[]"}, ErrClaims},
		{"J-3 no sub", "", []string{"sub", ""}, ErrClaims},
		{"J-3 no client_id", "", []string{"client_id", ""}, ErrClaims},
		{"J-3 empty client_id", "", []string{"client_id", `""`}, ErrClaims},
		{"J-3 empty sub", "", []string{"sub", `""`}, ErrMalformed},
		{"J-3 no iat", "", []string{"iat", ""}, ErrClaims},
		{"J-3 no jti", "", []string{"jti", ""}, ErrClaims},
		{"J-3 azp is no client_id", "", []string{"client_id", "", "azp", `"client-1"`}, ErrClaims},

		{"AT-2.2.3-1 no scope", "", []string{"scope", ""}, nil},
		{"AT-2.2.3-1 one value", "", []string{"scope", `"a"`}, nil},
		{"AT-2.2.3-1 all characters", "", []string{"scope", `"!#$%&'()*+,-./09:;<=>?@AZ[]^_` + "`" + `az{|}~ a"`}, nil},
		{"AT-2.2.3-1 empty", "", []string{"scope", `""`}, ErrClaims},
		{"AT-2.2.3-1 two spaces", "", []string{"scope", `"a  b"`}, ErrClaims},
		{"AT-2.2.3-1 space before", "", []string{"scope", `" a"`}, ErrClaims},
		{"AT-2.2.3-1 space after", "", []string{"scope", `"a "`}, ErrClaims},
		{"AT-2.2.3-1 tab", "", []string{"scope", `"a\tb"`}, ErrClaims},
		{"AT-2.2.3-1 newline", "", []string{"scope", `"a\nb"`}, ErrClaims},
		{"AT-2.2.3-1 quote", "", []string{"scope", `"a\"b"`}, ErrClaims},
		{"AT-2.2.3-1 backslash", "", []string{"scope", `"a\\b"`}, ErrClaims},
		{"AT-2.2.3-1 DEL", "", []string{"scope", `"a\u007fb"`}, ErrClaims},
		{"AT-2.2.3-1 not ASCII", "", []string{"scope", `"añb"`}, ErrClaims},
		{"AT-2.2.3-1 list", "", []string{"scope", `["accounts"]`}, ErrMalformed},
		{"AT-2.2.3-1 null", "", []string{"scope", `null`}, ErrMalformed},

		{"J-5 N02 cnf empty", "", []string{"cnf", `{}`}, ErrConfirmation},
		{"J-5 N02 cnf null", "", []string{"cnf", `null`}, ErrConfirmation},
		{"J-5 N02 cnf a list", "", []string{"cnf", `[]`}, ErrConfirmation},
		{"J-5 N02 cnf a string", "", []string{"cnf", `"x"`}, ErrConfirmation},
		{"J-5 N02 cnf a number", "", []string{"cnf", `5`}, ErrConfirmation},
		{"J-5 N01 unknown member", "", []string{"cnf", `{"jku":"https://evil.example"}`}, ErrConfirmation},
		{"J-5 N01 unknown beside jkt", "", []string{"cnf", strings.TrimSuffix(testCNF, "}") + `,"kid":"a"}`}, ErrConfirmation},
		{"J-5 N04 JKT", "", []string{"cnf", strings.Replace(testCNF, "jkt", "JKT", 1)}, ErrConfirmation},
		{"J-5 N07 jkt padded", "", []string{"cnf", strings.Replace(testCNF, `I"}`, `I="}`, 1)}, ErrConfirmation},
		{"J-5 N07 jkt trailing bits", "", []string{"cnf", strings.Replace(testCNF, `I"}`, `J"}`, 1)}, ErrConfirmation},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			header := test.header
			if header == "" {
				header = testHeader
			}
			token := sign(t, issuerKey(), header, payload(now, test.change...))
			if test.want == nil {
				requireAccepted(t, v, token)
				return
			}
			requireRefused(t, v, token, test.want)
		})
	}
}

func TestUnboundToken(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"cnf", "N04 Cnf"} {
		t.Run("J-5 without cnf the confirmation is zero "+name, func(t *testing.T) {
			t.Parallel()
			change := []string{"cnf", ""}
			if name != "cnf" {
				change = append(change, "Cnf", testCNF)
			}
			got := requireAccepted(t, newVerifier(t, nil), goodToken(t, change...))
			require.True(t, got.Confirmation().IsZero())
		})
	}
	t.Run("N03 both members are kept", func(t *testing.T) {
		t.Parallel()
		both := strings.TrimSuffix(testCNF, "}") + strings.Replace(testCNF, `{"jkt`, `,"x5t#S256`, 1)
		got := requireAccepted(t, newVerifier(t, nil), goodToken(t, "cnf", both))
		_, jkt := got.Confirmation().Thumbprint(cnf.MemberJKT)
		_, x5t := got.Confirmation().Thumbprint(cnf.MemberX5TS256)
		require.True(t, jkt && x5t)
	})
}

func TestTime(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	at := time.Unix(1_800_000_000, 0)
	verify := func(leeway, offset time.Duration, change ...string) error {
		v := newVerifier(t, func(c *VerifierConfig) { c.Leeway = leeway })
		token := sign(t, issuerKey(), testHeader, payload(at, change...))
		_, err := v.verifyAt(ctx, token, at.Add(offset))
		_, again := v.verifyAt(ctx, token, at.Add(offset))
		assert.Equal(t, err, again, "the same from the cache")
		return err
	}
	const life = 5 * time.Minute
	require.NoError(t, verify(0, life-1), "before exp")
	require.ErrorIs(t, verify(0, life), ErrExpired, "exp itself is too late")
	require.ErrorIs(t, verify(60*time.Second, life), ErrExpired, "exp has no leeway")
	require.NoError(t, verify(0, -10*time.Second), "iat 10 s ahead")
	require.ErrorIs(t, verify(0, -10*time.Second-1), ErrNotYetValid)
	require.NoError(t, verify(60*time.Second, -60*time.Second))
	require.ErrorIs(t, verify(60*time.Second, -60*time.Second-1), ErrNotYetValid)
	require.NoError(t, verify(time.Second, -time.Second))
	require.ErrorIs(t, verify(time.Second, -time.Second-1), ErrNotYetValid)
	nbf := []string{"nbf", "1800000030"}
	require.NoError(t, verify(0, 20*time.Second, nbf...), "nbf 10 s ahead")
	require.ErrorIs(t, verify(0, 20*time.Second-1, nbf...), ErrNotYetValid)

	t.Run("the texts say how far off the clocks are", func(t *testing.T) {
		require.EqualError(t, verify(0, life+90*time.Second), "accesstoken: expired: by 1m30s")
		require.EqualError(t, verify(0, -25*time.Second),
			"accesstoken: nbf or iat lies ahead: by 25s, with a leeway of 10s")
	})
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	keys := map[string]crypto.Signer{
		"ES256": issuerKey(), "EdDSA": testkeys.EdDSA("issuer"), "Ed25519": testkeys.EdDSA("issuer"), "PS256": testkeys.PS256(),
	}
	for alg, key := range keys {
		t.Run("AT-2.1-1 S34 "+alg, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, func(c *VerifierConfig) { c.Keys = publish(testKeyID, key) })
			token := sign(t, key, strings.Replace(testHeader, "ES256", alg, 1), payload(time.Now()))
			requireAccepted(t, v, token)
			last := map[bool]string{true: "A", false: "B"}[token[len(token)-20] != 'A']
			_, err := v.Verify(context.Background(), token[:len(token)-20]+last+token[len(token)-19:])
			require.ErrorIs(t, err, ErrSignature)
		})
	}
}
