package server

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/jarm"
)

// maxNonce: FAPI 2.0 (5.3.2.2-14) demands 64 characters. The nonce travels in
// every ID token, which is why there is a limit at all.
const maxNonce = 512

// policy is what clients may ask for. It is the Check of package par: asked at
// the push, and again whenever the request is used.
type policy map[string]Client

func (p policy) check(_ context.Context, clientID string, params url.Values) error {
	client, ok := p[clientID]
	switch {
	case !ok || !client.usesCodes():
		return errUnauthorized
	case !slices.Contains(client.RedirectURIs, params.Get("redirect_uri")):
		return errRequest
	case params.Has("authorization_details"): // no type is known
		return errDetails
	}
	for _, rule := range []func(Client, url.Values) error{checkScope, checkResources, checkMode, checkLogin} {
		if err := rule(client, params); err != nil {
			return err
		}
	}
	return nil
}

func checkScope(client Client, params url.Values) error {
	scopes := scopesOf(params)
	if len(scopes) == 0 { // RFC 6749 section 3.3: no default here
		return errRequest
	}
	return subset(scopes, client.Scopes, errScope)
}

// checkResources is RFC 8707. A request without an API is for userinfo alone.
func checkResources(client Client, params url.Values) error {
	openid := slices.Contains(scopesOf(params), "openid")
	if len(params["resource"]) == 0 && len(client.APIs) == 0 && !openid {
		return errTarget
	}
	return subset(params["resource"], client.APIs, errTarget)
}

// checkMode: JARM is for who asks for it, and compulsory in Message Signing
// (5.4.1) and in FAPI 1.0 without a front-channel ID token (Advanced 5.2.2-2).
func checkMode(client Client, params url.Values) error {
	mode := params.Get("response_mode")
	if isJARM(mode) || !client.signs() && (mode == "" || mode == "query") {
		return nil
	}
	return errRequest
}

func isJARM(mode string) bool {
	return slices.Contains([]string{jarm.ModeJWT, jarm.ModeQueryJWT, jarm.ModeFragmentJWT, jarm.ModeFormPostJWT}, mode)
}

// checkLogin: every request begins with a login, which is what prompt=login and
// max_age ask for; how long ago it was, auth_time says.
func checkLogin(client Client, params url.Values) error {
	prompts := strings.Fields(params.Get("prompt"))
	maxAge, err := strconv.Atoi(params.Get("max_age"))
	switch {
	case len(params.Get("nonce")) > maxNonce:
		return errRequest
	case slices.Contains(prompts, "none") && len(prompts) > 1: // OpenID Connect Core 3.1.2.1
		return errRequest
	case params.Has("max_age") && (err != nil || maxAge < 0):
		return errRequest
	case client.Profile == fapi.FAPI1Advanced: // Baseline 5.2.2.2, 5.2.2.3
		return requireNonceOrState(params)
	}
	return nil
}

func requireNonceOrState(params url.Values) error {
	needed := "state"
	if slices.Contains(scopesOf(params), "openid") {
		needed = "nonce"
	}
	if params.Get(needed) == "" {
		return errRequest
	}
	return nil
}

func scopesOf(params url.Values) []string { return distinct(strings.Fields(params.Get("scope"))) }

// distinct keeps the first of equal values.
func distinct(values []string) (kept []string) {
	for _, value := range values {
		if !slices.Contains(kept, value) {
			kept = append(kept, value)
		}
	}
	return kept
}

// subset is refusal unless all wanted values are among those that may be had.
func subset(wanted, had []string, refusal error) error {
	for _, value := range wanted {
		if !slices.Contains(had, value) {
			return refusal
		}
	}
	return nil
}
