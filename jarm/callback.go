package jarm

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// maxQuery bounds the query of a callback, in octets: room for the longest JWT
// and for what the redirect URI has of its own.
const maxQuery = 64 << 10

// Callback verifies the request that a browser makes to the redirect URI, and
// returns the parameters of the response without iss. The configured response
// mode decides where they are read from: the query of a GET, or the form of a
// POST.
//
// state is the one that this very browser was sent away with: look it up in its
// session, never by what the request says. If there is none, pass "": the
// response is then refused, since nobody here asked for it. Requests therefore
// have to carry a state, PKCE or not. Take the state out of the session when
// Callback has returned parameters or an [*AuthorizationError], atomically, and
// not before: a response that was refused must not end the pending request.
//
// The errors are those of [Decoder.Decode]. A response that was refused, or
// that could not be judged, must not lead to a token request.
//
// A form comes from another site: its session cookie needs SameSite=None, and
// its path an exemption from [http.CrossOriginProtection], whose work state does.
func (d *Decoder) Callback(r *http.Request, state string) (url.Values, error) {
	if d == nil || d.issuer == "" || r == nil || r.URL == nil {
		return nil, errors.New("jarm: no request, or a decoder not made by NewDecoder")
	}
	if state == "" {
		return nil, refuse(ErrState, errors.New("no request is pending"))
	}
	params, err := d.received(r)
	if err != nil {
		return nil, err
	}
	if isPlain(d.mode) {
		return d.checkPlain(params, state)
	}
	if !params.Has(paramResponse) || hasAny(params, plainParams[:]...) {
		return nil, refuse(ErrMode, nil)
	}
	return d.decode(r.Context(), params.Get(paramResponse), state)
}

// received reads the parameters from the one place where the response mode puts
// them, each with one value.
func (d *Decoder) received(r *http.Request) (url.Values, error) {
	form := d.mode == ModeFormPostJWT || d.mode == ModeFormPost
	want := http.MethodGet
	if form {
		want = http.MethodPost
	}
	if d.mode == ModeFragmentJWT || r.Method != want {
		return nil, refuse(ErrMode, nil) // a fragment is never sent to a server
	}
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refuse(ErrMalformed, err)
	}
	if !form {
		return query, nil
	}
	if query.Has(paramResponse) || hasAny(query, plainParams[:]...) {
		return nil, refuse(ErrMode, nil)
	}
	return readForm(r)
}

// readForm returns a copy, since whatever we take out belongs to the request.
func readForm(r *http.Request) (url.Values, error) {
	form, err := oauthhttp.ReadForm(nil, r, 0)
	if refused, ok := errors.AsType[*oauthhttp.FormError](err); ok {
		return nil, refuse(ErrMalformed, errors.New(strings.TrimPrefix(refused.Error(), "oauthhttp: ")))
	}
	if err != nil {
		return nil, fmt.Errorf("jarm: %w", err)
	}
	return maps.Clone(form), nil
}

// checkPlain applies RFC 9207 section 2.4, to errors as well. Nothing here is
// signed: state and iss are all there is.
func (d *Decoder) checkPlain(params url.Values, state string) (url.Values, error) {
	switch {
	case params.Has(paramResponse):
		return nil, refuse(ErrMode, nil)
	case params.Get(paramIssuer) != d.issuer:
		return nil, refuse(ErrIssuer, nil)
	case !sameState(params, state):
		return nil, refuse(ErrState, nil)
	}
	params.Del(paramIssuer)
	return outcome(params)
}

// parseQuery is as strict as a form is read, with which a response may come as
// well. What is empty is left out (RFC 6749 section 3.1).
func parseQuery(raw string) (url.Values, error) {
	if len(raw) > maxQuery || strings.Count(raw, "&") >= oauthhttp.MaxFormParams {
		return nil, errors.New("the query is too large")
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("the query is malformed")
	}
	for name, values := range query {
		switch {
		case len(values) > 1:
			return nil, errors.New("a parameter is repeated")
		case !isText(name) || !isText(values[0]):
			return nil, errors.New("the query is malformed")
		case values[0] == "":
			delete(query, name)
		}
	}
	return query, nil
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
