package oauthhttp

import (
	"encoding/json"
	"errors"
	"net/http"
)

const codeServerError = "server_error"

// coded is an error of any package of the family that refused its input.
type coded interface {
	error
	OAuthCode() string
}

// NoStore marks a response that carries tokens, requests or errors about them as not
// to be stored: Cache-Control: no-store and Pragma: no-cache. RFC 6749 5.1 demands
// both; the second costs nothing.
func NoStore(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
}

// WriteTokenError writes the JSON error of RFC 6749 5.2, which RFC 9126 and RFC 7662
// use as well. The code and the description are reduced to the characters allowed
// there, others become '?'; an empty description is left out. Fields set before,
// as DPoP-Nonce or WWW-Authenticate, stay. A status that is not an error becomes 500,
// an empty code server_error.
//
// The description must be a fixed text: nothing that came from the request, nothing
// from the inside.
func WriteTokenError(w http.ResponseWriter, status int, code, description string) {
	if status < 400 || status > 599 {
		status = http.StatusInternalServerError
	}
	if code == "" {
		code = codeServerError
	}
	body, _ := json.Marshal(struct { // two strings of plain ASCII cannot fail
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{printable(code), printable(description)})
	w.Header().Set("Content-Type", "application/json")
	NoStore(w.Header())
	w.WriteHeader(status)
	_, _ = w.Write(body) // nobody is left to tell
}

// WriteError answers a refused or failed request at the token, PAR or introspection
// endpoint with [WriteTokenError]:
//
//   - a [*FormError]: its status, 405 with Allow: POST;
//   - an error with a method OAuthCode() string, also a wrapped one: 401 for
//     invalid_client, 503 for server_error and temporarily_unavailable, else 400;
//   - anything else, nil too: 503 server_error, since the fault is not the client's.
//
// Descriptions are fixed per code. The text of err is never sent.
//
// RFC 6749 5.2 wants WWW-Authenticate on the 401 when the client authenticated with
// the Authorization field: the caller, who knows the scheme, sets it before.
func WriteError(w http.ResponseWriter, err error) {
	if form, ok := errors.AsType[*FormError](err); ok {
		if form.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
		WriteTokenError(w, form.status, form.OAuthCode(), form.description)
		return
	}
	code := codeServerError
	if refused, ok := errors.AsType[coded](err); ok && refused.OAuthCode() != "" {
		code = refused.OAuthCode()
	}
	WriteTokenError(w, statusOf(code), code, descriptionOf(code))
}

func statusOf(code string) int {
	switch code {
	case "invalid_client":
		return http.StatusUnauthorized
	case codeServerError, "temporarily_unavailable":
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// descriptionOf says no more than the code does: which check failed is for the
// server's log, a client that could read it from the answer could probe for it.
func descriptionOf(code string) string {
	switch code {
	case "invalid_request": // RFC 6749 5.2
		return "a parameter is missing, repeated, malformed or not supported"
	case "invalid_client":
		return "client authentication failed"
	case "invalid_grant":
		return "the grant is invalid, expired, revoked or not for this client"
	case "unauthorized_client":
		return "the client may not use this grant type"
	case "unsupported_grant_type":
		return "the grant type is not supported"
	case "invalid_scope":
		return "the scope is unknown, malformed or more than was granted"
	case "invalid_dpop_proof": // RFC 9449 5, 8
		return "the DPoP proof is missing or not valid"
	case "use_dpop_nonce":
		return "the DPoP proof must carry the nonce of this response"
	case "invalid_request_object": // RFC 9101 7
		return "the request object is not valid"
	case "invalid_request_uri":
		return "the request_uri is unknown, expired or not for this client"
	case "invalid_target": // RFC 8707 2
		return "the resource is unknown or not allowed"
	case "invalid_authorization_details": // RFC 9396 5
		return "the authorization_details are unknown, malformed or not allowed"
	case codeServerError:
		return "the server could not process the request"
	case "temporarily_unavailable":
		return "the server is not available at present"
	}
	return ""
}
