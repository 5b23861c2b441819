package mtls

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// maxClientID is in octets. Some identifiers are URLs.
const maxClientID = 2048

// readClientID reads the form. resource and audience may repeat (RFC 8707
// section 2, RFC 8693 section 2.1); nothing that is read here may.
//
// A certificate that merely arrives beside another method is no second method,
// as it may be there for bound tokens. But who is authenticated by the
// certificate must not have sent anything else that authenticates.
func readClientID(r *http.Request) (string, error) {
	form, err := oauthhttp.ReadForm(nil, r, 0, "resource", "audience")
	if refused, ok := errors.AsType[*oauthhttp.FormError](err); ok {
		return "", refuseForm(refused)
	}
	if err != nil {
		return "", fmt.Errorf("mtls: %w", err)
	}
	if len(r.Header.Values("Authorization")) > 0 || authenticates(form) || queryAuthenticates(r.URL) {
		return "", refuse(ErrMethods, codeRequest)
	}
	clientID := form.Get("client_id")
	if !isClientID(clientID) {
		return "", refuse(ErrClientID, codeClient)
	}
	return clientID, nil
}

func authenticates(params url.Values) bool {
	return params.Has("client_secret") || params.Has("client_assertion") || params.Has("client_assertion_type")
}

// queryAuthenticates reports credentials in the request URI, where RFC 6749
// section 2.3.1 forbids them. A query that cannot be read may hold some.
func queryAuthenticates(u *url.URL) bool {
	if u == nil || u.RawQuery == "" {
		return false
	}
	query, err := url.ParseQuery(u.RawQuery)
	return err != nil || authenticates(query)
}

// isClientID reports whether id is a client identifier: VSCHAR, at least one
// (RFC 6749 appendix A.1). It keeps line breaks and NUL from stores and logs.
func isClientID(id string) bool {
	for i := range len(id) {
		if id[i] < 0x20 || id[i] > 0x7e {
			return false
		}
	}
	return id != "" && len(id) <= maxClientID
}
