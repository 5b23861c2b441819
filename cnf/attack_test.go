package cnf_test

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
)

// attack is a request that must not reach the handler, and the naive guard
// that lets it through.
type attack struct {
	name    string
	request func(t *testing.T, b *bank) *http.Request
	status  int
	code    string
	control naive
}

// run sends the attack to the middleware, where it must fail and spend
// nothing; to the control, where it must succeed; and then an honest request.
func (a attack) run(t *testing.T) {
	t.Run(a.name, func(t *testing.T) {
		t.Parallel()
		b := newBank(t)
		guarded := b.guard.Handler(b)
		got := send(t, guarded, a.request(t, b))
		assert.Equal(t, a.status, got.status)
		assert.Equal(t, a.code, got.code(t))
		assert.NotEmpty(t, got.header.Values("WWW-Authenticate"))
		assert.Equal(t, "no-store", got.header.Get("Cache-Control"))
		assert.Zero(t, b.handled.Load(), "the protected handler ran")
		assert.Zero(t, b.jtis.uses.Load(), "a refused request spent a proof")

		send(t, a.control(b, b), a.request(t, b))
		assert.EqualValues(t, 1, b.handled.Load(), "control: the attack fails without the defence as well")

		require.Equal(t, answer{200, nil, `accounts of "alice"`}, honest(t, b, guarded))
		require.EqualValues(t, 2, b.handled.Load())
	})
}

func honest(t *testing.T, b *bank, h http.Handler) answer {
	a := send(t, h, b.honest(t))
	a.header = nil
	return a
}

// withCNF is a request with a proof of key and a token with the given members.
func withCNF(members string) func(*testing.T, *bank) *http.Request {
	return func(t *testing.T, b *bank) *http.Request {
		return signed(t, b.alice, "GET", accounts, signToken(t, "alice", members))
	}
}

// asBearer is the same without a proof, under Bearer.
func asBearer(members string) func(*testing.T, *bank) *http.Request {
	return func(t *testing.T, b *bank) *http.Request {
		r := request(t, "GET", accounts)
		r.Header.Set("Authorization", "Bearer "+signToken(t, "alice", members))
		return r
	}
}

func TestAttackConfirmationIsNotBypassed(t *testing.T) {
	t.Parallel()
	for name, members := range map[string]string{
		"N01 unknown member":      `"cnf":{"foo":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}`,
		"N01 unknown number":      `"cnf":{"foo":1}`,
		"N01 jku":                 `"cnf":{"jku":"https://keys.example.net/pop-keys.json"}`,
		"N01 kid":                 `"cnf":{"kid":"dfd1aa97-6d8d-4575-a0fe-34b96de2bfad"}`,
		"N01 jwe":                 `"cnf":{"jwe":"e30.e30.e30.e30.e30"}`,
		"N01 jwk":                 `"cnf":{"jwk":{"kty":"EC","crv":"P-256","x":"01kE-OR7IPhbtFRCuyiQXkox091cvDRWKW2aAMDAWbE","y":"Z3ttrisrlKlwr5pvytgF4nGFZ0kjzng-0AZAw0GxtNI"}}`,
		"N01 unknown here":        `"cnf":{"x5t#S256":"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"}`,
		"N02 empty object":        `"cnf":{}`,
		"N02 null":                `"cnf":null`,
		"N02 array":               `"cnf":[]`,
		"N02 string":              `"cnf":"x"`,
		"N02 number":              `"cnf":5`,
		"N02 jkt null":            `"cnf":{"jkt":null}`,
		"N02 jkt empty":           `"cnf":{"jkt":""}`,
		"N02 jkt array":           `"cnf":{"jkt":["0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"]}`,
		"N12 FAPI2 unbound token": ``,
	} {
		attack{name, asBearer(members), 401, "invalid_token", naiveConfirmation}.run(t)
	}
}

func TestAttackConfirmationIsNotForged(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	sum := dpoptest.Thumbprint(t, b.alice)
	mine := dpop.JKT(sum) // of the one who makes the proofs
	const other = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	for name, members := range map[string]string{
		"N04 only upper case":           fmt.Sprintf(`"cnf":{"JKT":%q}`, mine),
		"N04 upper case beside":         fmt.Sprintf(`"cnf":{"jkt":%q,"JKT":%q}`, other, mine),
		"N04 S07 Kelvin sign beside":    fmt.Sprintf(`"cnf":{"jkt":%q,"j\u212at":%q}`, other, mine),
		"N04 Cnf":                       fmt.Sprintf(`"Cnf":{"jkt":%q}`, mine),
		"N04 Cnf beside cnf":            fmt.Sprintf(`"cnf":{"jkt":%q},"Cnf":{"jkt":%q}`, other, mine),
		"N05 duplicate jkt":             fmt.Sprintf(`"cnf":{"jkt":%q,"jkt":%q}`, other, mine),
		"N05 duplicate jkt, escaped":    fmt.Sprintf(`"cnf":{"jkt":%q,"\u006akt":%q}`, other, mine),
		"N05 duplicate cnf":             fmt.Sprintf(`"cnf":{"jkt":%q},"cnf":{"jkt":%q}`, other, mine),
		"N07 hex":                       fmt.Sprintf(`"cnf":{"jkt":"%s"}`, hex.EncodeToString(sum[:])),
		"N07 padded":                    fmt.Sprintf(`"cnf":{"jkt":"%s="}`, mine),
		"N07 trailing bits":             fmt.Sprintf(`"cnf":{"jkt":%q}`, withSpareBits(mine)),
		"N07 42 characters":             fmt.Sprintf(`"cnf":{"jkt":%q}`, mine[:42]),
		"N07 44 characters":             fmt.Sprintf(`"cnf":{"jkt":"%sA"}`, mine),
		"N07 line break":                fmt.Sprintf(`"cnf":{"jkt":"%s\n"}`, mine),
		"N01 jkt beside what is not":    fmt.Sprintf(`"cnf":{"jkt":%q,"foo":"bar"}`, mine),
		"N03 jkt and x5t#S256, no cert": fmt.Sprintf(`"cnf":{"jkt":%q,"x5t#S256":%q}`, mine, other),
	} {
		attack{name, withCNF(members), 401, "invalid_token", naiveConfirmation}.run(t)
	}
}

// withSpareBits sets the two low bits of the last character, which carry
// nothing: another spelling of the same octets.
func withSpareBits(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + string(alphabet[last|1])
}

func TestAttackProof(t *testing.T) {
	t.Parallel()
	for _, a := range []attack{
		{"D01 no proof", func(t *testing.T, b *bank) *http.Request {
			r := request(t, "GET", accounts)
			r.Header.Set("Authorization", "DPoP "+b.token)
			return r
		}, 401, "invalid_dpop_proof", naiveOptionalProof},
		{"D43 stolen token, proof by the thief's key", func(t *testing.T, b *bank) *http.Request {
			return signed(t, b.mallory, "GET", accounts, b.token)
		}, 401, "invalid_token", naiveUnbound},
		{"D43 stolen token, the thief's signature under the victim's key", func(t *testing.T, b *bank) *http.Request {
			r := b.honest(t)
			r.Header.Set("DPoP", dpoptest.Forge(t, b.mallory, r.Header.Get("DPoP"), dpoptest.Change{}))
			return r
		}, 401, "invalid_dpop_proof", naiveUnsigned},
	} {
		a.run(t)
	}
}

func TestAttackDowngrade(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"Bearer", "bearer", "BEARER"} {
		attack{"D44 " + scheme, func(t *testing.T, b *bank) *http.Request {
			r := request(t, "GET", accounts)
			r.Header.Set("Authorization", scheme+" "+b.token)
			return r
		}, 401, "invalid_token", naiveScheme}.run(t)
		attack{"D44 with a valid proof, " + scheme, func(t *testing.T, b *bank) *http.Request {
			r := b.honest(t)
			r.Header.Set("Authorization", scheme+" "+b.token)
			return r
		}, 401, "invalid_token", naiveScheme}.run(t)
	}
	for _, scheme := range []string{"dpop", "DPOP", "dPoP"} {
		attack{"D44 " + scheme + " without proof", func(t *testing.T, b *bank) *http.Request {
			r := request(t, "GET", accounts)
			r.Header.Set("Authorization", scheme+" "+b.token)
			return r
		}, 401, "invalid_dpop_proof", naiveScheme}.run(t)
	}
	for _, a := range []attack{
		{"D44 N15 token in the query", func(t *testing.T, b *bank) *http.Request {
			return request(t, "GET", accounts+"?access_token="+b.token)
		}, 400, "invalid_request", naiveForm},
		{"D44 N15 token in the query, encoded name", func(t *testing.T, b *bank) *http.Request {
			return request(t, "GET", accounts+"?acces%73_token="+b.token)
		}, 400, "invalid_request", naiveForm},
		{"D44 N15 token in the query, proof in the header", func(t *testing.T, b *bank) *http.Request {
			r := b.honest(t)
			r.Header.Del("Authorization")
			r.URL.RawQuery = "access_token=" + b.token
			return r
		}, 400, "invalid_request", naiveForm},
		{"D44 N15 token in a form", func(t *testing.T, b *bank) *http.Request {
			return form(t, url.Values{"access_token": {b.token}})
		}, 401, "", naiveForm},
	} {
		a.run(t)
	}
}

func form(t *testing.T, values url.Values) *http.Request {
	r, err := http.NewRequest("POST", accounts, strings.NewReader(values.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestAttackSeveralCredentials(t *testing.T) {
	t.Parallel()
	second := func(field string) func(t *testing.T, b *bank) *http.Request {
		return func(t *testing.T, b *bank) *http.Request {
			r := b.honest(t)
			r.Header.Add("Authorization", strings.ReplaceAll(field, "{token}", b.token))
			return r
		}
	}
	for name, field := range map[string]string{
		"D46 the same twice":       "DPoP {token}",
		"D46 DPoP and Bearer":      "Bearer {token}",
		"D46 DPoP and Basic":       "Basic YWxpY2U6",
		"D46 another user's token": "DPoP another",
		"D46 an empty field":       "",
	} {
		attack{name, second(field), 400, "invalid_request", naiveScheme}.run(t)
	}
	attack{"D46 header and query", func(t *testing.T, b *bank) *http.Request {
		r := b.honest(t)
		r.URL.RawQuery = "access_token=" + b.token
		return r
	}, 400, "invalid_request", naiveScheme}.run(t)
	attack{"D46 header and query without value", func(t *testing.T, b *bank) *http.Request {
		r := b.honest(t)
		r.URL.RawQuery = "a=1;access_token"
		return r
	}, 400, "invalid_request", naiveScheme}.run(t)
}

// A body belongs to the handler, and the middleware does not read it. A second
// token there is seen if something in front has parsed the form.
func TestAttackSecondTokenInForm(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	post := func() *http.Request {
		r := form(t, url.Values{"access_token": {"another"}})
		r.Header = signed(t, b.alice, "POST", accounts, b.token).Header
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return r
	}
	guarded := b.guard.Handler(b)
	parsed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, r.ParseForm())
		guarded.ServeHTTP(w, r)
	})
	t.Run("D46 header and parsed form", func(t *testing.T) {
		got := send(t, parsed, post())
		assert.Equal(t, 400, got.status)
		assert.Equal(t, "invalid_request", got.code(t))
		assert.Zero(t, b.handled.Load())
	})
	t.Run("D46 control: only the header's token counts", func(t *testing.T) {
		got := send(t, guarded, post())
		assert.Equal(t, 200, got.status)
		assert.Equal(t, `accounts of "alice"`, got.body)
	})
}
