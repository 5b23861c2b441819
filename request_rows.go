package fapi

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

var (
	isPushed = holds("pushed")
	isSigned = holds("object")
	isOpenID = hasWord("request.scope", "openid")
)

// authenticationParams are for the client's authentication, no part of the
// request (RFC 9126 section 2.1).
var authenticationParams = []string{"client_assertion", "client_assertion_type", "client_secret"}

// oauthRequest are the rules for any request.
var oauthRequest = append([]row{
	{"RFC 6749 3.1", Must, "front.*", nil, once, "send every parameter once"},
	{"RFC 6749 3.1", Must, "pushed.*", nil, once, "send every parameter once"},
	{"RFC 9126 2.1", Must, "pushed.client_id", isPushed, given(""), "send client_id with every push"},
	{"RFC 9126 2.1", Must, "pushed.request_uri", nil, absent, "push the parameters themselves"},
	{"RFC 9126 2.2", Must, "front.client_id",
		both(isPushed, has("front.client_id")), same("pushed.client_id"), "refer to a request from the client that pushed it"},
	{"RFC 9126 3", Must, "pushed.*",
		both(isPushed, isSigned), named(append([]string{"request", "client_id"}, authenticationParams...)...), "move it into the request object"},
	{"RFC 9126 4", Must, "front.request_uri", isPushed, given(""), "send the request_uri that the push returned"},
	{"RFC 9101 4", Must, "request.request", isSigned, absent, "take it out of the request object"},
	{"RFC 9101 4", Must, "request.request_uri", isSigned, absent, "take it out of the request object"},
	{"RFC 9101 5", Must, "front.client_id", nil, given(""), "send client_id"},
	{"RFC 9101 5", Must, "front.request_uri", both(isSigned, not(isPushed)), absent, "send request or request_uri, not both"},
	{"RFC 9101 5", Must, "request.client_id",
		both(isSigned, not(isPushed)), same("front.client_id"), "put the client_id of the query into the request object"},
	{"RFC 9126 3", Must, "request.client_id",
		both(isSigned, isPushed), same("pushed.client_id"), "put the client_id of the push into the request object"},
}, signedTypes()...)

// signedTypes are about claims; parameters outside a request object have no
// types.
func signedTypes() []row {
	rows := typeText.rows("RFC 9101 4", "request.response_type", "request.response_mode", "request.redirect_uri", "request.scope",
		"request.state", "request.nonce", "request.code_challenge", "request.code_challenge_method")
	for i := range rows {
		rows[i].when = isSigned
	}
	return rows
}

// securityRequest is FAPI 2.0 Security Profile.
var securityRequest = []row{
	{"FAPI 2.0 SP 5.3.2.2-1", Must, "request.response_type", nil, given(""), "ask for code"},
	{"FAPI 2.0 SP 5.3.2.2-1", Must, "request.response_type", nil, only("code"), "ask for code"},
	{"FAPI 2.0 SP 5.3.2.2-6", Must, "request.redirect_uri", nil, given(""), "send redirect_uri"},
	{"FAPI 2.0 SP 5.3.2.2-8", Must, "request.redirect_uri",
		nil, unencryptedRedirect(always), "use https; http only on the loopback interface, for native applications"},
	{"RFC 8252 7.2", Should, "request.redirect_uri", nil, privateScheme, "use an https URI that the application claims"},
	{"FAPI 2.0 SP 5.3.3.1-2", Must, "pushed.client_secret", nil, absent, "authenticate by private_key_jwt or with a certificate"},
	{"FAPI 2.0 SP 5.3.3.1-5", Must, "assertion.aud", has("pushed.client_assertion"), same("issuer"), "set aud to the issuer identifier, as a string"},
	{"FAPI 2.0 SP 5.3.3.2-2", Must, "pushed", nil, given(""), "push the request (RFC 9126)"},
	{"FAPI 2.0 SP 5.3.3.2-3", Must, "request.code_challenge_method", nil, given(", which means plain"), "use PKCE with S256"},
	{"FAPI 2.0 SP 5.3.3.2-3", Must, "request.code_challenge_method", nil, only("S256"), "use PKCE with S256"},
	{"FAPI 2.0 SP 5.3.3.2-3", Must, "request.code_challenge", nil, challenge, "send the SHA-256 hash of the verifier, 43 characters in base64url"},
	{"FAPI 2.0 SP 5.3.3.2-6", Must, "front.*",
		isPushed, named("client_id", "request_uri"), "push it: the front channel has client_id and request_uri only"},
	{"FAPI 2.0 SP 5.3.3.2-7", Should, "request.nonce", nil, maxLength(64), "use 64 characters at most"},
	{"FAPI 2.0 SP 5.4.1", Must, "object.alg", isSigned, algorithm(securityAlgorithms...), "sign with PS256, ES256 or EdDSA"},
	{"FAPI 2.0 SP 5.4.1", Must, "assertion.alg", has("pushed.client_assertion"), algorithm(securityAlgorithms...), "sign with PS256, ES256 or EdDSA"},
}

// messageSigningRequest is what FAPI 2.0 Message Signing adds.
var messageSigningRequest = []row{
	{"FAPI 2.0 MS 5.3.2-1", Must, "object", nil, given(""), "push a signed request object (RFC 9101)"},
	{"FAPI 2.0 MS 5.3.2-2", Must, "object.aud", isSigned, includes("issuer"), "set aud to the issuer identifier"},
	{"FAPI 2.0 MS 5.3.2-3", Must, "object.nbf", isSigned, date, "set nbf to the time of signing, a number of seconds"},
	{"FAPI 2.0 MS 5.3.2-4", Must, "object.exp", isSigned, lifetime(messageSigningRules.RequestObjectLifetime), "set exp at most 60 minutes after nbf"},
	{"FAPI 2.0 MS 5.3.2-5", Should, "object.typ", isSigned, requestType, "set typ to oauth-authz-req+jwt"},
	{"FAPI 2.0 MS 5.4.2-1", Must, "request.response_mode", nil, given(""), "ask for response mode jwt"},
	{"FAPI 2.0 MS 5.4.2-1", Must, "request.response_mode", nil, only("jwt"), "ask for response mode jwt"},
}

var (
	isHybrid   = lists("request.response_type", "code id_token", "id_token code")
	isJustCode = lists("request.response_type", "code")
)

// advancedRequest is FAPI 1.0 Advanced.
var advancedRequest = []row{
	{"FAPI 1.0 Baseline 5.2.2-9", Must, "request.redirect_uri", nil, given(""), "send redirect_uri"},
	{"FAPI 1.0 Baseline 5.2.2-20", Must, "request.redirect_uri", nil, httpsURL, "use https"},
	{"FAPI 1.0 Baseline 5.2.2.2", Must, "request.nonce", isOpenID, given(""), "send a nonce, since scope has openid"},
	{"FAPI 1.0 Baseline 5.2.2.3", Must, "request.state", not(isOpenID), given(""), "send a state, since scope has no openid"},
	{"FAPI 1.0 Advanced 5.2.2-2", Must, "request.response_type", nil, given(""), "ask for code id_token, or code with response mode jwt"},
	{"FAPI 1.0 Advanced 5.2.2-2", Must, "request.response_type",
		nil, only("code", "code id_token", "id_token code"), "ask for code id_token, or code with response mode jwt"},
	{"FAPI 1.0 Advanced 5.2.2-2", Must, "request.response_mode", isJustCode, contains("jwt"), "ask for response mode jwt"},
	{"FAPI 1.0 Advanced 5.2.2-14", Must, "pushed.client_secret", nil, absent, "authenticate by private_key_jwt or with a certificate"},
	{"FAPI 1.0 Advanced 5.2.3-2", Must, "object", nil, given(""), "send a signed request object"},
	{"FAPI 1.0 Advanced 5.2.3-8", Must, "front.*", both(isSigned, not(isPushed)), alsoSigned, "put the same value into the request object"},
	{"FAPI 1.0 Advanced 5.2.3-9", Must, "front.response_type", not(isPushed), given(""), "send it beside the request object too"},
	{"FAPI 1.0 Advanced 5.2.3-9", Must, "front.scope", not(isPushed), given(""), "send it beside the request object too"},
	{"FAPI 1.0 Advanced 5.2.3-10", Must, "object.aud", isSigned, includes("issuer"), "set aud to the issuer identifier"},
	{"FAPI 1.0 Advanced 5.2.3-11", Must, "object.exp", isSigned, lifetime(advancedRules.RequestObjectLifetime), "set exp at most 60 minutes after nbf"},
	{"FAPI 1.0 Advanced 5.2.3-14", Must, "object.nbf", isSigned, date, "set nbf to the time of signing, a number of seconds"},
	{"FAPI 1.0 Advanced 5.2.3-15", Must, "request.code_challenge_method", isPushed, given(", which means plain"), "use PKCE with S256"},
	{"FAPI 1.0 Advanced 5.2.3-15", Must, "request.code_challenge_method", isPushed, only("S256"), "use PKCE with S256"},
	{"FAPI 1.0 Advanced 5.2.3-15", Must, "request.code_challenge",
		isPushed, challenge, "send the SHA-256 hash of the verifier, 43 characters in base64url"},
	{"FAPI 1.0 Advanced 5.2.3.1-1", Must, "request.scope", isHybrid, word("openid"), "add openid to scope"},
	{"FAPI 1.0 Advanced 8.6", Must, "object.alg", isSigned, algorithm(advancedAlgorithms...), "sign with PS256 or ES256"},
	{"FAPI 1.0 Advanced 8.6", Must, "assertion.alg", has("pushed.client_assertion"), algorithm(advancedAlgorithms...), "sign with PS256 or ES256"},
}

// once excepts resource, which may repeat (RFC 8707 section 2).
func once(d document, field string) string {
	values, ok := d.members[field].([]string)
	if !ok || strings.HasSuffix(field, ".resource") {
		return ""
	}
	return fmt.Sprintf("is there %d times", len(values))
}

// named is about all parameters of a prefix: they have one of these names.
func named(names ...string) check {
	return func(_ document, field string) string {
		if _, name, _ := strings.Cut(field, "."); slices.Contains(names, name) {
			return ""
		}
		return "does not belong here"
	}
}

// same wants the string that another member holds. It does not repeat either:
// parameters can be personal.
func same(other string) check {
	return func(d document, field string) string {
		if value, ok := d.members[field].(string); ok && value == d.text(other) {
			return ""
		}
		return "is not the string that is in " + other
	}
}

// includes wants the string of another member, alone or in an array.
func includes(other string) check {
	return func(d document, field string) string {
		if d.lists(field, d.text(other)) {
			return ""
		}
		return "neither is nor holds what is in " + other
	}
}

// alsoSigned is about parameters beside a request object. client_id is the
// matter of RFC 9101 section 5.
func alsoSigned(d document, field string) string {
	_, name, _ := strings.Cut(field, ".")
	if name == "request" || name == "request_uri" || name == "client_id" || slices.Contains(authenticationParams, name) {
		return ""
	}
	return same("request."+name)(d, field)
}

func algorithm(values ...string) check {
	return func(d document, field string) string {
		if !d.has(field) || !typeText.fits(d.members[field]) {
			return "is no algorithm"
		}
		return only(values...)(d, field)
	}
}

// challenge is RFC 7636 section 4.2 for S256.
func challenge(d document, field string) string {
	text := d.text(field)
	isAlphabet := func(c rune) bool {
		return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
	}
	if len(text) != 43 || strings.ContainsFunc(text, func(c rune) bool { return !isAlphabet(c) }) {
		return "is no S256 challenge"
	}
	return ""
}

func maxLength(most int) check {
	return func(d document, field string) string {
		if length := len(d.text(field)); length > most {
			return fmt.Sprintf("has %d characters", length)
		}
		return ""
	}
}

func word(want string) check {
	return func(d document, field string) string {
		if hasWord(field, want)(d) {
			return ""
		}
		return "does not have the word " + want
	}
}

func requestType(d document, field string) string {
	if strings.EqualFold(strings.TrimPrefix(d.text(field), "application/"), "oauth-authz-req+jwt") {
		return ""
	}
	return "is not that of a request object"
}

func date(d document, field string) string {
	if _, ok := d.members[field].(float64); ok {
		return ""
	}
	return "is not a number"
}

// lifetime is about exp. Without nbf, which is another row's matter, there is
// nothing to compare.
func lifetime(most time.Duration) check {
	return func(d document, field string) string {
		exp, ok := d.members[field].(float64)
		if !ok {
			return "is not a number"
		}
		nbf, ok := d.members[strings.TrimSuffix(field, "exp")+"nbf"].(float64)
		if ok && exp-nbf > most.Seconds() {
			return fmt.Sprintf("is %.0f s after nbf", exp-nbf)
		}
		return ""
	}
}
