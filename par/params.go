package par

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/weburl"
)

// secrets are parameters of the token endpoint and of client authentication. They
// have no meaning in an authorization request (RFC 9126 section 2.1), and some are
// credentials, so they are not stored.
func secrets() []string {
	return []string{
		"client_assertion", "client_assertion_type", "client_secret", "code_verifier",
		"code", "refresh_token", "username", "password", "assertion", "grant_type",
	}
}

func dropSecrets(params url.Values) {
	for _, name := range secrets() {
		delete(params, name)
	}
}

// checkInner applies the rules of a form to what came out of a request object.
func checkInner(params url.Values, clientID string) error {
	for name, values := range params {
		if name == "request" || name == "request_uri" || len(values) > 1 && name != "resource" {
			return refuse(ErrRequestObject)
		}
		if notText(name) || slices.ContainsFunc(values, notText) {
			return refuse(ErrRequestObject)
		}
	}
	if params.Has("client_id") && params.Get("client_id") != clientID {
		return refuse(ErrRequestObject)
	}
	return nil
}

func notText(s string) bool { return !utf8.ValidString(s) || strings.Contains(s, "\x00") }

// checkParams makes the checks that no registration is needed for.
func checkParams(params url.Values) error {
	switch {
	case params.Get("response_type") != "code":
		return refuse(ErrResponseType)
	case !isRedirectURI(params.Get("redirect_uri")):
		return refuse(ErrRedirectURI)
	case !hasChallenge(params):
		return refuse(ErrChallenge)
	case slices.ContainsFunc(params["resource"], func(resource string) bool { return !isResource(resource) }):
		return refuse(ErrResource)
	case params.Has("authorization_details") && !areDetails(params.Get("authorization_details")):
		return refuse(ErrDetails)
	}
	return nil
}

// hasChallenge: a challenge of S256 is base64url of 32 octets. A missing method
// means plain (RFC 7636 section 4.3).
func hasChallenge(params url.Values) bool {
	return params.Get("code_challenge_method") == "S256" && is256Bits(params.Get("code_challenge"))
}

// isRedirectURI takes the URIs that every reader understands in the same way. Where
// parsers differ (user information, backslashes, dot segments, control characters)
// a policy that compares loosely would be fooled.
func isRedirectURI(text string) bool {
	if notPrintable(text) || strings.ContainsAny(text, `\#`) {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil || !weburl.IsSecure(u) {
		return false
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// isResource reports an absolute URI without fragment, an empty one included.
func isResource(text string) bool {
	if notPrintable(text) || strings.Contains(text, "#") {
		return false
	}
	u, err := url.Parse(text)
	return err == nil && u.IsAbs() && (u.Host != "" || u.Opaque != "" || u.Path != "")
}

func notPrintable(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return true
		}
	}
	return text == ""
}

// areDetails reports a JSON array of objects that each have a type (RFC 9396
// section 2). No object may have a member twice, at any depth: the policy, the
// consent page and the API would otherwise each see another payment.
func areDetails(text string) bool {
	var details []map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &details) != nil || details == nil {
		return false
	}
	if jose.ReadObject([]byte(`{"authorization_details":`+text+`}`), nil) != nil {
		return false
	}
	return !slices.ContainsFunc(details, func(detail map[string]json.RawMessage) bool {
		kind, err := jose.Value(detail["type"]).Text()
		return err != nil || kind == ""
	})
}
