package privatekeyjwt

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxForm bounds the body that [Transport] reads, far above what servers take.
const maxForm = 1 << 20

// Transport is an [http.RoundTripper] that authenticates the client at the
// authorization server. Under the HTTP client of golang.org/x/oauth2 it covers
// all token requests; the refresh in particular has no other way to carry a
// fresh assertion. Set AuthStyleInParams there.
//
// A form posted to one of the Endpoints is sent with client_id,
// client_assertion_type and a new client_assertion. Every RoundTrip signs anew
// and replaces an assertion that is there, so an outer transport can retry.
// Everything else passes unchanged: other methods, other URLs, and so the
// request that follows a redirect away from the Endpoints.
//
// It refuses, without sending anything, a POST to one of the Endpoints that is
// not a form, is larger than 1 MiB, carries an Authorization field or a
// client_secret, or names another client.
//
// Its fields must not change once it is in use. It is safe for concurrent use.
type Transport struct {
	// Signer makes the assertions.
	Signer *Signer // required

	// Endpoints are the URLs of the one authorization server that the Signer
	// signs for: token, pushed authorization request, revocation and so on.
	// They are https, or http on a loopback address, and compared without their
	// query: scheme, host and port normalised, the path exactly. A POST to another
	// URL, such as /token/ for /token, passes without an assertion.
	Endpoints []string // required

	// Base sends the requests. nil: http.DefaultTransport.
	Base http.RoundTripper
}

// RoundTrip implements [http.RoundTripper]. It never changes req.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	out, err := t.outgoing(req)
	if out != req && req.Body != nil {
		req.Body.Close() // nobody else will
	}
	if err != nil {
		return nil, err
	}
	return t.base().RoundTrip(out)
}

// CloseIdleConnections closes those of Base: [http.Client.CloseIdleConnections]
// looks for this method.
func (t *Transport) CloseIdleConnections() {
	if base, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

func (t *Transport) base() http.RoundTripper {
	if t != nil && t.Base != nil {
		return t.Base
	}
	return http.DefaultTransport
}

// outgoing returns req itself if it needs no assertion.
func (t *Transport) outgoing(req *http.Request) (*http.Request, error) {
	if t == nil || t.Signer == nil || len(t.Endpoints) == 0 {
		return nil, errors.New("privatekeyjwt: the transport needs a Signer and Endpoints")
	}
	ours, err := t.isEndpoint(req.URL)
	if err != nil {
		return nil, err
	}
	if !ours || req.Method != http.MethodPost {
		return req, nil
	}
	form, err := readForm(req)
	if err != nil {
		return nil, err
	}
	if err := t.Signer.AuthenticateClient(req.Context(), form); err != nil {
		return nil, err
	}
	return withForm(req, form), nil
}

func (t *Transport) isEndpoint(target *url.URL) (bool, error) {
	endpoints := make([]string, 0, 8)
	for _, text := range t.Endpoints {
		u, ok := parseURL(text)
		if !ok {
			return false, fmt.Errorf("privatekeyjwt: the endpoint %q is not an absolute https URL", text)
		}
		endpoints = append(endpoints, endpointOf(u))
	}
	return target != nil && slices.Contains(endpoints, endpointOf(target)), nil
}

// readForm reads the body of a request that can be authenticated.
func readForm(req *http.Request) (url.Values, error) {
	if len(req.Header.Values("Authorization")) > 0 {
		// What x/oauth2 tries first when it may choose.
		return nil, errors.New("privatekeyjwt: the request authenticates in the Authorization field as well: set oauth2.AuthStyleInParams")
	}
	contentType, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil || contentType != "application/x-www-form-urlencoded" || req.Header.Get("Content-Encoding") != "" {
		return nil, errors.New("privatekeyjwt: a POST to an endpoint must be a plain form")
	}
	if req.Body == nil {
		return url.Values{}, nil
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxForm+1))
	if err != nil {
		return nil, fmt.Errorf("privatekeyjwt: read form: %w", err)
	}
	if len(body) > maxForm {
		return nil, errors.New("privatekeyjwt: the form is larger than 1 MiB")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("privatekeyjwt: the form is malformed") // the parser's text repeats it
	}
	return form, nil
}

// withForm copies req around a new body. GetBody lets the base transport send
// it again on another connection, which it does only if the server saw none of
// it; a retry that means a new attempt starts from the caller's request.
func withForm(req *http.Request, form url.Values) *http.Request {
	body := form.Encode()
	out := req.Clone(req.Context())
	out.Header.Del("Content-Length")
	out.TransferEncoding = nil
	out.ContentLength = int64(len(body))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
	out.Body = io.NopCloser(strings.NewReader(body))
	return out
}
