package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/jarm"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// lapse is the one check that a naive server forgets.
type lapse int

const (
	nothing           lapse = iota // a control of the controls
	mergesQuery                    // adds the query to the pushed request
	mergesForm                     // adds the form to the request object
	anyRequester                   // takes a request_uri from every client
	anyObject                      // takes request objects of every client
	plainChallenge                 // takes PKCE with plain
	optionalChallenge              // takes requests without PKCE
	unpushed                       // takes requests that were not pushed
	anyVerifier                    // forgets the verifier of PKCE
	anyRedeemer                    // takes a code from every client
	reusableCodes                  // takes a code twice
	anyRefresher                   // takes a refresh token from every client
)

// naive is an authorization server in a few lines: with the checks that the
// attacks are about, but for one. Whoever comes is alice, and approves. It takes
// request objects at their word, since nobody here forges one.
type naive struct {
	forgets   lapse
	bank      *bank
	clients   *privatekeyjwt.Verifier
	proofs    *dpop.Verifier
	tokens    *accesstoken.Issuer
	responses *jarm.Encoder
	pushed    map[string]url.Values
	grants    map[string]*naiveGrant // by code and by refresh token
}

// naiveGrant is what a client may have.
type naiveGrant struct {
	request url.Values
	used    bool
}

// naiveServer makes a naive server. It keeps its state in maps without a lock: an
// attack sends one request after the other.
func (b *bank) naiveServer(forgets lapse) func() (http.Handler, error) {
	return func() (_ http.Handler, err error) {
		n := &naive{forgets: forgets, bank: b, pushed: map[string]url.Values{}, grants: map[string]*naiveGrant{}}
		config := b.serverConfig
		if n.clients, err = privatekeyjwt.NewVerifier(privatekeyjwt.VerifierConfig{
			Issuer: b.issuer, Replay: config.Replay, Clients: naiveClients(config.Clients),
		}); err != nil {
			return nil, err
		}
		if n.proofs, err = dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{b.issuer}, Replay: config.Replay}); err != nil {
			return nil, err
		}
		if n.tokens, err = accesstoken.NewIssuer(accesstoken.IssuerConfig{Issuer: b.issuer, Key: config.Key}); err != nil {
			return nil, err
		}
		n.responses, err = jarm.NewEncoder(jarm.EncoderConfig{Issuer: b.issuer, Key: config.Key})
		mux := http.NewServeMux()
		mux.HandleFunc("POST /par", n.push)
		mux.HandleFunc("GET /authorize", n.authorize)
		mux.HandleFunc("POST /token", n.token)
		return mux, err
	}
}

type naiveClients map[string]server.Client

// Client implements [privatekeyjwt.ClientSource].
func (c naiveClients) Client(_ context.Context, id string) (privatekeyjwt.Client, bool, error) {
	client, ok := c[id]
	return privatekeyjwt.Client{Keys: client.Keys}, ok && client.Keys != nil, nil
}

func (n *naive) push(w http.ResponseWriter, r *http.Request) {
	clientID, err := n.clients.Authenticate(r)
	if err != nil {
		naiveRefuse(w)
		return
	}
	params, ok := n.requested(clientID, r.PostForm)
	method := params.Get("code_challenge_method")
	if !ok || method != "S256" && !(method == "plain" && n.forgets == plainChallenge) && !(method == "" && n.forgets == optionalChallenge) {
		naiveRefuse(w)
		return
	}
	params.Set("client_id", clientID)
	requestURI := "urn:naive:" + rand.Text()
	n.pushed[requestURI] = params
	naiveWrite(w, http.StatusCreated, map[string]any{"request_uri": requestURI, "expires_in": 60})
}

// requested are the parameters of a push: the form, or those of the object in it.
func (n *naive) requested(clientID string, form url.Values) (url.Values, bool) {
	segments := strings.Split(form.Get("request"), ".")
	if len(segments) != 3 {
		return form, !form.Has("request")
	}
	payload, _ := base64.RawURLEncoding.DecodeString(segments[1])
	var claims map[string]any
	if json.Unmarshal(payload, &claims) != nil || claims["iss"] != clientID && n.forgets != anyObject {
		return nil, false
	}
	params := url.Values{}
	for name, value := range claims {
		if text, ok := value.(string); ok {
			params.Set(name, text)
		}
	}
	if n.forgets == mergesForm {
		maps.Copy(params, form)
	}
	return params, true
}

func (n *naive) authorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	params, ok := n.pushed[query.Get("request_uri")]
	delete(n.pushed, query.Get("request_uri"))
	switch {
	case !ok && n.forgets == unpushed:
		params = query
	case !ok || params.Get("client_id") != query.Get("client_id") && n.forgets != anyRequester:
		naiveRefuse(w)
		return
	case n.forgets == mergesQuery:
		maps.Copy(params, query)
	}
	code := rand.Text()
	n.grants[code] = &naiveGrant{request: params}
	n.respond(w, r, params, url.Values{"code": {code}, "state": params["state"]})
}

func (n *naive) respond(w http.ResponseWriter, r *http.Request, request, response url.Values) {
	if mode := request.Get("response_mode"); mode != "" {
		if n.responses.Write(w, r, mode, request.Get("redirect_uri"), request.Get("client_id"), response) != nil {
			naiveRefuse(w)
		}
		return
	}
	response.Set("iss", n.bank.issuer)
	http.Redirect(w, r, request.Get("redirect_uri")+"?"+response.Encode(), http.StatusSeeOther)
}

func (n *naive) token(w http.ResponseWriter, r *http.Request) {
	clientID, err := n.clients.Authenticate(r)
	if err != nil {
		naiveRefuse(w)
		return
	}
	proof, err := n.proofs.VerifyTokenRequest(r)
	if err != nil {
		naiveRefuse(w)
		return
	}
	grant, ok := n.redeemed(clientID, r.PostForm)
	if !ok {
		naiveRefuse(w)
		return
	}
	scope := grant.request.Get("scope")
	token, _, err := n.tokens.Issue(r.Context(), accesstoken.Grant{
		Subject: alice, ClientID: clientID, Audience: []string{n.bank.api}, Scope: strings.Fields(scope),
		Confirmation: cnf.Bind(cnf.MemberJKT, proof.Thumbprint()),
	})
	if err != nil {
		naiveRefuse(w)
		return
	}
	refreshToken := rand.Text()
	n.grants[refreshToken] = grant
	naiveWrite(w, http.StatusOK, map[string]any{
		"access_token": token, "token_type": "DPoP", "expires_in": 300, "scope": scope, "refresh_token": refreshToken,
	})
}

// redeemed is the grant behind a code or a refresh token.
func (n *naive) redeemed(clientID string, form url.Values) (*naiveGrant, bool) {
	if form.Get("grant_type") == "refresh_token" {
		grant, ok := n.grants[form.Get("refresh_token")]
		return grant, ok && (grant.request.Get("client_id") == clientID || n.forgets == anyRefresher)
	}
	grant, ok := n.grants[form.Get("code")]
	if !ok ||
		grant.request.Get("client_id") != clientID && n.forgets != anyRedeemer ||
		grant.used && n.forgets != reusableCodes ||
		!fits(form.Get("code_verifier"), grant.request) && n.forgets != anyVerifier {
		return nil, false
	}
	grant.used = true
	return grant, true
}

// fits is PKCE, for those who asked for it.
func fits(verifier string, request url.Values) bool {
	switch challenge := request.Get("code_challenge"); request.Get("code_challenge_method") {
	case "S256":
		return oauth2.S256ChallengeFromVerifier(verifier) == challenge
	case "plain":
		return verifier == challenge
	}
	return true
}

func naiveRefuse(w http.ResponseWriter) {
	naiveWrite(w, http.StatusBadRequest, map[string]any{"error": "invalid_request"})
}

func naiveWrite(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // into memory
}
