package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/examples/internal/browser"
	"github.com/go-fapi/fapi/jarm"
)

// RoundTrip implements [http.RoundTripper]: clients and browsers of an attack
// send by what the attack sends by.
func (s sender) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	got, err := s(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: got.status, Status: fmt.Sprint(got.status, " ", http.StatusText(got.status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: got.header, Body: io.NopCloser(bytes.NewReader(got.body)), ContentLength: int64(len(got.body)),
	}, nil
}

// only sends requests to one origin, that of the server under attack, by send,
// and all others as usual.
func (b *bank) only(origin string, send sender) sender {
	return func(r *http.Request) (answer, error) {
		if "https://"+r.URL.Host == origin {
			return send(r)
		}
		return b.send(r)
	}
}

// appAt is a client whose authorization server is reached by send.
func (b *bank) appAt(send sender, id string) (*app, error) {
	key := b.dpopKey
	if id == otherAppID {
		key = b.thiefKey
	}
	return b.app(id, key, b.only(b.issuer, send))
}

// visit sends a new browser to an authorization URL, where the user logs in and
// approves. It returns the request that the browser then makes to the client, or
// the page at which it ended instead.
func (b *bank) visit(ctx context.Context, a *app, username, address string) (*http.Request, answer, error) {
	user, err := browser.New(b.issuer, a.base)
	if err != nil {
		return nil, answer{}, err
	}
	page, err := user.Open(ctx, address)
	for _, step := range []func() (*browser.Page, error){
		func() (*browser.Page, error) { return page.Login(ctx, username, password) },
		func() (*browser.Page, error) { return page.Press(ctx, "approve") },
	} {
		if err == nil && page.Callback == nil && page.Status == http.StatusOK {
			page, err = step()
		}
	}
	switch {
	case err != nil:
		return nil, answer{}, err
	case page.Callback == nil:
		return nil, answer{status: page.Status, code: page.URL.Query().Get("error")}, nil
	}
	return page.Callback, landed(page.Callback), nil
}

// landed is what a browser that comes to a client says of the server: a plain
// error response was a redirect, and everything else is a success until the
// client has read it.
func landed(callback *http.Request) answer {
	if code := callback.URL.Query().Get("error"); code != "" {
		return answer{status: http.StatusSeeOther, code: code}
	}
	return answer{status: http.StatusOK}
}

// approved is visit by alice for a request to which nothing is wrong.
func (b *bank) approved(ctx context.Context, a *app, l login) (*http.Request, error) {
	callback, got, err := b.visit(ctx, a, alice, l.url)
	if err == nil && callback == nil {
		err = errors.New("the honest user ended at " + got.String())
	}
	return callback, err
}

// outcome is what the thief sees of an error: the server's answer to the client,
// or the client's own to the browser. Any other error is no refusal.
func (b *bank) outcome(err error) (answer, error) {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return answer{status: refused.Response.StatusCode, code: refused.ErrorCode}, nil
	}
	if refused, ok := errors.AsType[*jarm.Error](err); ok {
		b.rules.record(err)
		return answer{status: http.StatusBadRequest, code: refused.OAuthCode()}, nil
	}
	return answer{}, err
}

// accountsOf is GET /accounts with a token that was to be had, or why it was not.
func (b *bank) accountsOf(ctx context.Context, a *app, token *oauth2.Token, err error) (answer, error) {
	if err != nil {
		return b.outcome(err)
	}
	return a.call(ctx, token, http.MethodGet, b.api+"/accounts")
}

// push pushes a form that no sound client would make. A refusal is of the type
// that begin returns.
func (a *app) push(ctx context.Context, l login, form url.Values) (login, error) {
	target := strings.TrimSuffix(a.oauth.Endpoint.AuthURL, "/authorize") + "/par"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return l, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := a.http.Do(r)
	if err != nil {
		return l, err
	}
	got, err := read(response)
	if err == nil && got.status != http.StatusCreated {
		err = &oauth2.RetrieveError{Response: response, ErrorCode: got.code}
	}
	if err != nil {
		return l, err
	}
	var pushed struct {
		RequestURI string `json:"request_uri"`
	}
	err = json.Unmarshal(got.body, &pushed)
	l.url = a.authorizationURL(url.Values{"client_id": {a.oauth.ClientID}, "request_uri": {pushed.RequestURI}})
	return l, err
}

func (a *app) authorizationURL(query url.Values) string {
	return a.oauth.Endpoint.AuthURL + "?" + query.Encode()
}

// parameters are those of an honest authorization request.
func (a *app) parameters(l login) url.Values {
	params := url.Values{
		"client_id": {a.oauth.ClientID}, "response_type": {"code"}, "redirect_uri": {a.oauth.RedirectURL},
		"scope": {strings.Join(appScopes, " ")}, "state": {l.state},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(l.verifier)}, "code_challenge_method": {"S256"},
	}
	if a.objects != nil {
		params.Set("response_mode", jarm.ModeJWT)
	}
	return params
}
