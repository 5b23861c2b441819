package dpop

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// Errors of [Transport]: requests it does not send.
var (
	// ErrBearer: the authorization server handed out a Bearer token where a
	// DPoP-bound one was asked for (RFC 9449 section 5).
	ErrBearer = errors.New("dpop: refusing to send a Bearer token; set AllowBearer if the server may issue one")
	// ErrRedirect: following it would hand a token, a code or an assertion to
	// another origin.
	ErrRedirect = errors.New("dpop: refusing to follow a redirect to another origin")
)

// Transport signs requests. Put it, in an [http.Client], into the context
// under oauth2.HTTPClient, and golang.org/x/oauth2 needs no other change: the
// token requests get a proof, and so do the API requests of the client it
// makes, whose token the Transport reads from "Authorization: DPoP".
//
// It keeps the newest nonce of every server, whatever the status of the
// response that brought it, and repeats a request once when the server asks
// for a nonce that is new and the body can be read again (GetBody). The
// repetition has a new proof, and passes through Base again: a transport below
// that adds client assertions makes a new one too.
//
// A Transport is safe for concurrent use and must not be copied after the
// first request.
type Transport struct {
	Signer      *Signer           // required
	Base        http.RoundTripper // nil: http.DefaultTransport
	AllowBearer bool              // lets a request with a Bearer token pass, without a proof

	nonces nonceMemory
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	token, bearer, err := t.admit(r)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	if bearer {
		return t.pass(r)
	}
	origin := originOf(r)
	used := t.nonces.get(origin)
	response, err := t.send(r, r.Body, token, used)
	if err != nil {
		return nil, err
	}
	fresh := t.nonces.keep(origin, response)
	if fresh == "" || fresh == used || !asksForNonce(response) {
		return response, nil
	}
	body, ok := bodyAgain(r)
	if !ok {
		return response, nil
	}
	discard(response)
	if response, err = t.send(r, body, token, fresh); err == nil {
		t.nonces.keep(origin, response)
	}
	return response, err
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

// admit decides whether a request may leave, and finds its access token.
func (t *Transport) admit(r *http.Request) (token string, bearer bool, err error) {
	if t == nil || t.Signer == nil {
		return "", false, errors.New("dpop: Transport.Signer is required")
	}
	if r == nil || r.URL == nil || r.URL.Host == "" {
		return "", false, errors.New("dpop: the request has no host")
	}
	if first := firstRequest(r); originOf(first) != originOf(r) {
		return "", false, ErrRedirect
	}
	if len(r.Header.Values("Authorization")) > 1 {
		return "", false, errors.New("dpop: the request has more than one Authorization field")
	}
	// White space of any kind and number parts them: x/oauth2 copies a
	// token_type as the server wrote it, and " Bearer" must not slip through.
	credentials := strings.Fields(r.Header.Get("Authorization"))
	switch {
	case len(credentials) == 0:
	case strings.EqualFold(credentials[0], "DPoP"):
		if len(credentials) != 2 {
			return "", false, errors.New("dpop: the request has the DPoP scheme but not one token")
		}
		token = credentials[1]
	case strings.EqualFold(credentials[0], "Bearer"):
		if bearer = t.AllowBearer; !bearer {
			err = ErrBearer
		}
	}
	return token, bearer, err
}

// firstRequest is the request that a chain of redirects began with. The client
// of x/oauth2 adds the token again at every hop, so net/http's own dropping of
// Authorization does not help.
func firstRequest(r *http.Request) *http.Request {
	for r.Response != nil && r.Response.Request != nil {
		r = r.Response.Request
	}
	return r
}

func (t *Transport) send(r *http.Request, body io.ReadCloser, token, nonce string) (*http.Response, error) {
	target := *r.URL
	if r.Host != "" {
		target.Host = r.Host // goes over the wire as Host, and makes the target URI (RFC 9110 section 7.1)
	}
	proof, err := t.Signer.sign(r.Context(), methodOf(r), target.String(), token, nonce)
	if err != nil {
		if body != nil {
			body.Close()
		}
		return nil, err
	}
	signed := r.Clone(r.Context()) // a RoundTripper must leave its caller's request alone
	signed.Body = body
	if signed.Header == nil {
		signed.Header = make(http.Header)
	}
	signed.Header.Set("DPoP", proof)
	if token != "" {
		signed.Header.Set("Authorization", "DPoP "+token)
	}
	return t.pass(signed)
}

// pass lets a request leave. Request is set here, whatever Base put there:
// [firstRequest] follows it, and without it would take a redirect for a first
// request and let the token go anywhere.
func (t *Transport) pass(r *http.Request) (*http.Response, error) {
	response, err := t.base().RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if response == nil {
		return nil, errors.New("dpop: Transport.Base returned neither response nor error")
	}
	response.Request = r
	if response.Body == nil { // as net/http allows it
		response.Body = http.NoBody
	}
	return response, nil
}

func methodOf(r *http.Request) string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

func closeBody(r *http.Request) {
	if r != nil && r.Body != nil {
		r.Body.Close()
	}
}

// bodyAgain returns the request's body from its beginning.
func bodyAgain(r *http.Request) (io.ReadCloser, bool) {
	if r.Body == nil || r.Body == http.NoBody {
		return r.Body, true
	}
	if r.GetBody == nil {
		return nil, false
	}
	body, err := r.GetBody()
	return body, err == nil
}

// peekLimit is how much of a JSON error is read. A longer one is not a nonce
// challenge of any known server, and is passed on whole.
const peekLimit = 4 << 10

// asksForNonce recognises the challenge of a resource server (401 and
// WWW-Authenticate, section 9) and of an authorization server (400 and JSON,
// section 8). The body stays readable.
func asksForNonce(response *http.Response) bool {
	if response.StatusCode != http.StatusUnauthorized && response.StatusCode != http.StatusBadRequest {
		return false
	}
	challenges := oauthhttp.ParseChallenges(response.Header.Values("WWW-Authenticate"))
	if challenge, ok := oauthhttp.Find(challenges, "DPoP"); ok && challenge.Get("error") == codeNonce {
		return true
	}
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return mediaType == "application/json" && errorIn(response) == codeNonce
}

func errorIn(response *http.Response) (code string) {
	head, err := io.ReadAll(io.LimitReader(response.Body, peekLimit))
	rest := io.Reader(response.Body)
	if err != nil {
		rest = failing{err}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), rest), response.Body}
	err = jose.ReadObject(head, func(name []byte, value jose.Value) (err error) {
		if string(name) == "error" {
			code, err = value.Text()
		}
		return err
	})
	if err != nil {
		return ""
	}
	return code
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// discard frees the connection of a response that nobody will see.
func discard(response *http.Response) {
	io.Copy(io.Discard, io.LimitReader(response.Body, peekLimit))
	response.Body.Close()
}
