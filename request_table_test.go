package fapi

import (
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
)

const issuer = "https://as.example"

// exchange is a request before it is put into forms and tokens.
type exchange struct {
	issuer                       string
	pushed, front                url.Values
	header, object               map[string]any // of the request object; nil: none
	assertionHeader, assertion   map[string]any // of the client assertion; nil: none
	objectInFront, neitherPushed bool
}

// unsigned is a token whose signature nobody looks at.
func unsigned(header, claims map[string]any) string {
	var segments []string
	for _, part := range []map[string]any{header, claims} {
		data, err := json.Marshal(part)
		if err != nil {
			panic(err)
		}
		segments = append(segments, jose.Encode(data))
	}
	return strings.Join(append(segments, "AAAA"), ".")
}

func (e *exchange) check(p Profile) ([]Finding, error) {
	e.compose()
	return p.CheckAuthorizationRequest(e.issuer, e.pushed, e.front)
}

func (e *exchange) compose() {
	if e.object != nil {
		params := e.pushed
		if e.objectInFront {
			params = e.front
		}
		params.Set("request", unsigned(e.header, e.object))
	}
	if e.assertion != nil {
		e.pushed.Set("client_assertion", unsigned(e.assertionHeader, e.assertion))
	}
	if e.neitherPushed {
		e.pushed = nil
	}
}

var challengeOfNothing = strings.Repeat("a", 43)

func securityExchange() *exchange {
	return &exchange{
		issuer: issuer,
		pushed: url.Values{
			"client_id": {"fintech"}, "response_type": {"code"}, "redirect_uri": {"https://fintech.example/cb"}, "scope": {"openid accounts"},
			"code_challenge": {challengeOfNothing}, "code_challenge_method": {"S256"}, "nonce": {strings.Repeat("n", 64)},
			"resource": {"https://a.example", "https://b.example"}, "empty": {""},
		},
		front:           url.Values{"client_id": {"fintech"}, "request_uri": {"urn:ietf:params:oauth:request_uri:x"}},
		assertionHeader: map[string]any{"alg": "ES256"},
		assertion:       map[string]any{"aud": issuer},
	}
}

func signedClaims() map[string]any {
	return map[string]any{
		"iss": "fintech", "aud": []string{"x", issuer}, "nbf": 1700000000, "exp": 1700003600, "client_id": "fintech",
		"response_type": "code", "response_mode": "jwt", "redirect_uri": "https://fintech.example/cb", "scope": "openid accounts",
		"nonce": "n", "code_challenge": challengeOfNothing, "code_challenge_method": "S256", "max_age": 10,
	}
}

func messageSigningExchange() *exchange {
	e := securityExchange()
	e.pushed = url.Values{"client_id": {"fintech"}}
	e.header = map[string]any{"alg": "EdDSA", "typ": "oauth-authz-req+jwt"}
	e.object = signedClaims()
	return e
}

// advancedExchange pushes; advancedFront does not.
func advancedExchange() *exchange {
	e := messageSigningExchange()
	e.header["alg"] = "PS256"
	return e
}

func advancedFront() *exchange {
	e := advancedExchange()
	e.neitherPushed, e.objectInFront, e.assertion = true, true, nil
	e.object["response_type"] = "code id_token"
	delete(e.object, "response_mode")
	e.front = url.Values{"client_id": {"fintech"}, "response_type": {"code id_token"}, "scope": {"openid accounts"}}
	return e
}

type requestMutation struct {
	want   string
	change func(*exchange)
}

func pushedIs(name, value string) func(*exchange) {
	return func(e *exchange) { e.pushed[name] = []string{value} }
}

func frontIs(name, value string) func(*exchange) {
	return func(e *exchange) { e.front[name] = []string{value} }
}

// claim sets a claim of the request object; nil takes it out.
func claim(name string, value any) func(*exchange) {
	return func(e *exchange) { e.object = with(maps.Clone(e.object), name, value) }
}

func all(changes ...func(*exchange)) func(*exchange) {
	return func(e *exchange) {
		for _, change := range changes {
			change(e)
		}
	}
}

var securityRequestMutations = []requestMutation{
	{"RFC 6749 3.1 front.request_uri", func(e *exchange) { e.front.Add("request_uri", "urn:x") }},
	{"RFC 6749 3.1 pushed.scope", func(e *exchange) { e.pushed.Add("scope", "x") }},
	{"RFC 9126 2.1 pushed.client_id; RFC 9126 2.2 front.client_id", pushedIs("client_id", "")},
	{"RFC 9126 2.2 front.client_id", frontIs("client_id", "other")},
	{"RFC 9126 2.1 pushed.request_uri", pushedIs("request_uri", "urn:x")},
	{"RFC 9126 4 front.request_uri", frontIs("request_uri", "")},
	{"RFC 9101 5 front.client_id", frontIs("client_id", "")},
	{"FAPI 2.0 SP 5.3.2.2-1 request.response_type", pushedIs("response_type", "")},
	{"FAPI 2.0 SP 5.3.2.2-1 request.response_type", pushedIs("response_type", "code id_token")},
	{"FAPI 2.0 SP 5.3.2.2-6 request.redirect_uri", pushedIs("redirect_uri", "")},
	{"FAPI 2.0 SP 5.3.2.2-8 request.redirect_uri", pushedIs("redirect_uri", "http://fintech.example/cb")},
	{"RFC 8252 7.2 request.redirect_uri", pushedIs("redirect_uri", "example.fintech:/cb")},
	{"FAPI 2.0 SP 5.3.3.1-2 pushed.client_secret", pushedIs("client_secret", "secret")},
	{"FAPI 2.0 SP 5.3.3.1-5 assertion.aud", func(e *exchange) { e.assertion["aud"] = []string{issuer} }},
	{"FAPI 2.0 SP 5.3.3.1-5 assertion.aud", func(e *exchange) { e.assertion["aud"] = issuer + "/token" }},
	{"FAPI 2.0 SP 5.4.1 assertion.alg", func(e *exchange) { e.assertionHeader["alg"] = "RS256" }},
	{"FAPI 2.0 SP 5.4.1 assertion.alg", func(e *exchange) { delete(e.assertionHeader, "alg") }},
	{"FAPI 2.0 SP 5.3.3.2-2 pushed", func(e *exchange) { // all in front
		e.front, e.neitherPushed = maps.Clone(e.pushed), true
		e.assertion = nil
	}},
	{"FAPI 2.0 SP 5.3.3.2-3 request.code_challenge_method", pushedIs("code_challenge_method", "")},
	{"FAPI 2.0 SP 5.3.3.2-3 request.code_challenge_method", pushedIs("code_challenge_method", "plain")},
	{"FAPI 2.0 SP 5.3.3.2-3 request.code_challenge", pushedIs("code_challenge", "")},
	{"FAPI 2.0 SP 5.3.3.2-3 request.code_challenge", pushedIs("code_challenge", strings.Repeat("a", 42)+"=")},
	{"FAPI 2.0 SP 5.3.3.2-6 front.scope", frontIs("scope", "x")},
	{"FAPI 2.0 SP 5.3.3.2-6 \"front.\\x1b[31m\"", frontIs("\x1b[31m", "x")},
	{"FAPI 2.0 SP 5.3.3.2-7 request.nonce", pushedIs("nonce", strings.Repeat("n", 65))},
	// Objects are optional here, but one that is there is looked at.
	{"FAPI 2.0 SP 5.4.1 object.alg", all(toObject, func(e *exchange) { e.header = map[string]any{"alg": "none"} })},
	{"RFC 9126 3 pushed.scope", all(toObject, pushedIs("scope", "x"))},
	{"RFC 9101 4 request.request", all(toObject, claim("request", "x"))},
	{"RFC 9101 4 request.request_uri", all(toObject, claim("request_uri", "x"))},
	{"RFC 9126 3 request.client_id", all(toObject, claim("client_id", "other"))},
	{"RFC 9101 4 request.state", all(toObject, claim("state", 1))},
	{"RFC 9101 4 request.nonce", all(toObject, claim("nonce", 1))},
	{"RFC 9101 4 request.scope", all(toObject, claim("scope", 1))},
	{"RFC 9101 4 request.response_type", all(toObject, claim("response_type", []string{"code"}))},
	{"RFC 9101 4 request.response_mode", all(toObject, claim("response_mode", 1))},
	{"RFC 9101 4 request.redirect_uri", all(toObject, claim("redirect_uri", 1))},
	{"RFC 9101 4 request.code_challenge_method", all(toObject, claim("code_challenge_method", 1))},
	{"RFC 9101 4 request.code_challenge; FAPI 2.0 SP 5.3.3.2-3 request.code_challenge", all(toObject, claim("code_challenge", 1))},
}

func toObject(e *exchange) {
	o := messageSigningExchange()
	e.pushed, e.header, e.object = o.pushed, o.header, o.object
}

// objectInFrontMutations need a request that is not pushed: under FAPI 2.0 that
// is a finding of its own.
var objectInFrontMutations = []requestMutation{
	{"RFC 9101 5 front.request_uri; FAPI 2.0 SP 5.3.3.2-2 pushed", all(toFront, frontIs("request_uri", "urn:x"))},
	{"RFC 9101 5 request.client_id; FAPI 2.0 SP 5.3.3.2-2 pushed", all(toFront, claim("client_id", "other"))},
}

func toFront(e *exchange) {
	toObject(e)
	e.front, e.neitherPushed, e.objectInFront, e.assertion = url.Values{"client_id": {"fintech"}}, true, true, nil
}

var messageSigningRequestMutations = []requestMutation{
	{"FAPI 2.0 MS 5.3.2-1 object", func(e *exchange) {
		e.pushed, e.object = securityExchange().pushed, nil
		e.pushed.Set("response_mode", "jwt")
	}},
	{"FAPI 2.0 MS 5.3.2-2 object.aud", claim("aud", issuer+"/par")},
	{"FAPI 2.0 MS 5.3.2-2 object.aud", claim("aud", nil)},
	{"FAPI 2.0 MS 5.3.2-3 object.nbf", claim("nbf", nil)},
	{"FAPI 2.0 MS 5.3.2-3 object.nbf", claim("nbf", "1700000000")},
	{"FAPI 2.0 MS 5.3.2-4 object.exp", claim("exp", nil)},
	{"FAPI 2.0 MS 5.3.2-4 object.exp", claim("exp", 1700003601)},
	{"FAPI 2.0 MS 5.3.2-5 object.typ", func(e *exchange) { delete(e.header, "typ") }},
	{"FAPI 2.0 MS 5.4.2-1 request.response_mode", claim("response_mode", nil)},
	{"FAPI 2.0 MS 5.4.2-1 request.response_mode", claim("response_mode", "query.jwt")},
}

var advancedRequestMutations = []requestMutation{
	{"FAPI 1.0 Baseline 5.2.2-9 request.redirect_uri", claim("redirect_uri", nil)},
	{"FAPI 1.0 Baseline 5.2.2-20 request.redirect_uri", claim("redirect_uri", "http://localhost/cb")},
	{"FAPI 1.0 Baseline 5.2.2.2 request.nonce", claim("nonce", nil)},
	{"FAPI 1.0 Baseline 5.2.2.3 request.state", claim("scope", "accounts")},
	{"FAPI 1.0 Advanced 5.2.2-2 request.response_type", claim("response_type", nil)},
	{"FAPI 1.0 Advanced 5.2.2-2 request.response_type", claim("response_type", "token")},
	{"FAPI 1.0 Advanced 5.2.2-2 request.response_mode", claim("response_mode", nil)},
	{"FAPI 1.0 Advanced 5.2.2-14 pushed.client_secret", pushedIs("client_secret", "x")},
	{"FAPI 1.0 Advanced 5.2.3-2 object", func(e *exchange) {
		e.pushed, e.object = securityExchange().pushed, nil
		e.pushed.Set("response_mode", "jwt")
	}},
	{"FAPI 1.0 Advanced 5.2.3-10 object.aud", claim("aud", "https://other.example")},
	{"FAPI 1.0 Advanced 5.2.3-11 object.exp", claim("exp", 1700003601)},
	{"FAPI 1.0 Advanced 5.2.3-14 object.nbf", claim("nbf", nil)},
	{"FAPI 1.0 Advanced 5.2.3-15 request.code_challenge_method", claim("code_challenge_method", nil)},
	{"FAPI 1.0 Advanced 5.2.3-15 request.code_challenge_method", claim("code_challenge_method", "plain")},
	{"FAPI 1.0 Advanced 5.2.3-15 request.code_challenge", claim("code_challenge", nil)},
	{"FAPI 1.0 Baseline 5.2.2.3 request.state; FAPI 1.0 Advanced 5.2.3.1-1 request.scope", all(claim("response_type", "code id_token"), claim("scope", "accounts"))},
	{"FAPI 1.0 Advanced 8.6 object.alg", func(e *exchange) { e.header["alg"] = "EdDSA" }},
	{"FAPI 1.0 Advanced 8.6 assertion.alg", func(e *exchange) { e.assertionHeader["alg"] = "RS256" }},
	{"RFC 6749 3.1 pushed.request", func(e *exchange) {
		e.compose()
		e.object = nil
		e.pushed.Add("request", "x")
	}},
}

var advancedFrontMutations = []requestMutation{
	{"FAPI 1.0 Advanced 5.2.3-8 front.ui_locales", frontIs("ui_locales", "de")},
	{"FAPI 1.0 Advanced 5.2.3-8 front.scope", frontIs("scope", "openid payments")},
	{"FAPI 1.0 Advanced 5.2.3-9 front.scope", frontIs("scope", "")},
	{"FAPI 1.0 Advanced 5.2.3-9 front.response_type", frontIs("response_type", "")},
	{"RFC 9101 5 front.request_uri", frontIs("request_uri", "urn:x")},
	{"RFC 9101 5 request.client_id", claim("client_id", "other")},
	{"RFC 6749 3.1 front.scope; FAPI 1.0 Advanced 5.2.3-8 front.scope", func(e *exchange) { e.front.Add("scope", "x") }},
}

type requestCase struct {
	name      string
	good      func() *exchange
	mutations []requestMutation
}

func TestRequestTables(t *testing.T) {
	t.Parallel()
	for profile, cases := range map[Profile][]requestCase{
		FAPI2Security: {{"pushed", securityExchange, securityRequestMutations}, {"front", securityExchange, objectInFrontMutations}},
		FAPI2MessageSigning: {
			{"pushed", messageSigningExchange, messageSigningRequestMutations},
		},
		FAPI1Advanced: {{"pushed", advancedExchange, advancedRequestMutations}, {"front", advancedFront, advancedFrontMutations}},
	} {
		own := profiles[profile].request
		fired := make([]bool, len(own))
		for _, c := range cases {
			found, err := c.good().check(profile)
			require.NoError(t, err)
			require.Empty(t, found)
			for _, m := range c.mutations {
				t.Run(string(profile)+"/"+c.name+"/"+m.want, func(t *testing.T) {
					e := c.good()
					m.change(e)
					found, err := e.check(profile)
					require.NoError(t, err)
					requireComplete(t, found)
					if strings.HasSuffix(m.want, "pushed.request") { // nothing else can be read then
						require.Contains(t, summary(found), m.want)
					} else {
						require.Equal(t, sorted(m.want), summary(found), "%+v", found)
					}
					d, err := readRequest(e.pushed, e.front)
					require.NoError(t, err)
					d.members["issuer"] = e.issuer
					for i, r := range own {
						fired[i] = fired[i] || len(d.findings([]row{r}, "")) > 0
					}
				})
			}
		}
		for i, r := range own {
			assert.True(t, fired[i] || sharedRow(profile, r), "%s: no mutation for %s %s: %s", profile, r.clause, r.field, r.change)
		}
	}
}

// sharedRow is true for the rows that the mutations of the Security Profile
// cover.
func sharedRow(profile Profile, r row) bool {
	for _, shared := range profiles[FAPI2Security].request {
		if profile != FAPI2Security && shared.clause == r.clause && shared.field == r.field {
			return true
		}
	}
	return false
}
