package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/examples/internal/browser"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/ppid"
)

// Three relying parties. The insurer has two, which may know that they have the same
// customer: both registered the same sector_identifier_uri.
const (
	savingsID      = "savings"
	insuranceID    = "insurance"
	insuranceAppID = "insurance-app"

	insurersSector = "https://insurance.example/sector.json"
)

// parties is what relying parties have, and the post that brings logout tokens.
type parties struct {
	keys    map[string]crypto.Signer
	letters letters
}

// newSubjects makes identifiers, each for one sector.
func newSubjects(issuer string) (*ppid.Deriver, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return ppid.NewDeriver(ppid.Config{Issuer: issuer, Epochs: []ppid.Epoch{{ID: "1", Key: key}}})
}

// registerParties gives each a key of its own, or that would tell who belongs
// together.
func (b *bank) registerParties(clients map[string]server.Client) error {
	b.parties.keys = map[string]crypto.Signer{}
	for id, sectorURI := range map[string]string{savingsID: "", insuranceID: insurersSector, insuranceAppID: insurersSector} {
		key, err := newKey()
		if err != nil {
			return err
		}
		b.parties.keys[id] = key
		keys, err := jwks.NewStaticKeys(jwks.Key{Key: key.Public()})
		if err != nil {
			return err
		}
		// The bank's staff has read the insurer's document. A server where clients
		// register themselves has a ppid.Fetcher do that.
		sector, err := ppid.SectorOf(sectorURI, []string{redirectURI(id)})
		if err != nil {
			return err
		}
		clients[id] = server.Client{
			Keys: keys, Profile: fapi.FAPI2MessageSigning, RedirectURIs: []string{redirectURI(id)},
			Scopes: appScopes, APIs: []string{innerAPI}, Sector: sector,
			BackchannelLogoutURI: "https://" + id + ".example/logged-out",
		}
	}
	return nil
}

// letters is the network between the server and the parties' logout endpoints.
type letters struct {
	mu   sync.Mutex
	last map[string][]byte // by host
}

// RoundTrip implements [http.RoundTripper].
func (l *letters) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := drain(r.Body)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last = map[string][]byte{}
	}
	l.last[r.URL.Hostname()] = body
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

// take is the last letter for a party.
func (l *letters) take(id string) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer delete(l.last, id+".example")
	return l.last[id+".example"]
}

// visit is all that a party got about a user, from login to logout.
type visit struct {
	party    string
	received []byte
	subjects map[string]string // sub, by where it stood
}

// visitOf lets a user log in at a party and log out at the bank, in a new browser.
func (b *bank) visitOf(ctx context.Context, send sender, id, username string, scopes ...string) (*visit, error) {
	wire := &tap{base: b.only(b.issuer, send)}
	wire.listen()
	dpopKey, err := newKey()
	if err != nil {
		return nil, err
	}
	a, err := b.app(id, dpopKey, wire)
	if err != nil {
		return nil, err
	}
	a.oauth.Scopes = append([]string{"openid"}, scopes...)
	user, err := browser.New(b.issuer, wire.base)
	if err != nil {
		return nil, err
	}
	v := &visit{party: id, subjects: map[string]string{}}
	token, err := b.logIn(ctx, a, user, username, v)
	if err != nil {
		return nil, err
	}
	if err := b.useLogin(ctx, a, token, v); err != nil {
		return nil, err
	}
	if err := b.logOut(ctx, user, v); err != nil {
		return nil, err
	}
	_, received := wire.heard()
	v.received = append(v.received, received...)
	v.subjects["introspection"], err = b.subjectInside(ctx, send, token.AccessToken)
	return v, err
}

func (b *bank) logIn(ctx context.Context, a *app, user *browser.Browser, username string, v *visit) (*oauth2.Token, error) {
	l, err := a.begin(ctx, newLogin())
	if err != nil {
		return nil, err
	}
	callback, err := user.Authorize(ctx, l.url, username, password)
	if err != nil {
		return nil, err
	}
	v.received = fmt.Appendln(v.received, callback.URL) // what the browser brings
	return a.finish(ctx, l, callback)
}

// useLogin reads the ID token and asks userinfo.
func (b *bank) useLogin(ctx context.Context, a *app, token *oauth2.Token, v *visit) (err error) {
	idToken, _ := token.Extra("id_token").(string)
	if v.subjects["ID token"], err = subjectOf(idToken); err != nil {
		return err
	}
	got, err := a.call(ctx, token, http.MethodGet, b.issuer+"/userinfo")
	if err != nil {
		return err
	}
	var user struct{ Sub string }
	err = json.Unmarshal(got.body, &user)
	v.subjects["userinfo"] = user.Sub
	return err
}

// logOut ends the session at the bank, which tells the party.
func (b *bank) logOut(ctx context.Context, user *browser.Browser, v *visit) error {
	page, err := user.Open(ctx, b.issuer+"/logout")
	if err != nil {
		return err
	}
	if _, err := page.Press(ctx, "logout"); err != nil {
		return err
	}
	letter := b.parties.letters.take(v.party)
	v.received = append(v.received, letter...)
	form, err := url.ParseQuery(string(letter))
	if err != nil {
		return err
	}
	v.subjects["logout token"], err = subjectOf(form.Get("logout_token"))
	return err
}

// subjectInside is who the gateway hears that the user is.
func (b *bank) subjectInside(ctx context.Context, send sender, accessToken string) (string, error) {
	client, err := b.introspecting(gatewayID, b.gateway.key, b.only(b.issuer, send))
	if err != nil {
		return "", err
	}
	asking, err := introspection.NewClient(introspection.ClientConfig{
		Issuer: b.issuer, Endpoint: b.issuer + "/introspect", Audience: innerAPI, HTTP: client,
	})
	if err != nil {
		return "", err
	}
	token, err := asking.Introspect(ctx, accessToken)
	if err != nil {
		return "", err
	}
	return token.Subject(), nil
}

// subjectOf reads sub of a JWT that came from the server itself.
func subjectOf(jwt string) (string, error) {
	segments := strings.Split(jwt, ".")
	if len(segments) != 3 {
		return "", errors.New("no JWT where one was due")
	}
	payload, err := base64.RawURLEncoding.DecodeString(segments[1])
	if err != nil {
		return "", err
	}
	var claims struct{ Sub string }
	err = json.Unmarshal(payload, &claims)
	return claims.Sub, err
}

// subject is sub, if all places agree on it.
func (v *visit) subject() (string, error) {
	for place, subject := range v.subjects {
		if subject == "" || subject != v.subjects["ID token"] {
			return "", fmt.Errorf("%s has another sub in its %s than in the ID token", v.party, place)
		}
	}
	if len(v.subjects) != 4 {
		return "", errors.New("not everywhere was looked for sub")
	}
	return v.subjects["ID token"], nil
}
