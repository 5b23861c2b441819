package jarm

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-fapi/fapi/internal/weburl"
)

// Write sends an authorization response to the client, through the browser that
// r came from: a redirect with status 303 (FAPI 2.0 5.3.2.2) for query.jwt,
// fragment.jwt and jwt, which is query.jwt, and a page with a form that submits
// itself for form_post.jwt. mode comes from the request object or the pushed
// request, if there is one, and not from the query beside it.
//
// redirectURI must be one that is registered for the client, or that it pushed
// while authenticated; an error that occurs before the client and its redirect
// URI are known is a page of the server and never a response. The query of the
// redirect URI is kept as it stands. It is https, http on a loopback address, or
// of a private-use scheme (RFC 8252 section 7.1), which takes no form.
//
// access_token and id_token are refused in a query (JARM section 2.3.1).
//
// An error means that nothing was written. None is an [*Error]; see
// [Encoder.Encode].
func (e *Encoder) Write(w http.ResponseWriter, r *http.Request, mode, redirectURI, clientID string, params url.Values) error {
	if w == nil || r == nil {
		return errors.New("jarm: Write needs a response writer and a request")
	}
	target, err := parseRedirect(redirectURI)
	if err != nil {
		return err
	}
	if err := checkMode(mode, target, params); err != nil {
		return err
	}
	response, err := e.Encode(r.Context(), clientID, params)
	if err != nil {
		return err
	}
	// The compact form is base64url and dots: nothing in it needs escaping.
	switch mode {
	case ModeFormPostJWT:
		writeForm(w, target, redirectURI, response)
	case ModeFragmentJWT:
		redirect(w, redirectURI+"#response="+response)
	default:
		redirect(w, withQuery(redirectURI, "response="+response))
	}
	return nil
}

func checkMode(mode string, target *url.URL, params url.Values) error {
	switch mode {
	case ModeJWT, ModeQueryJWT:
		if hasAny(params, paramAccessToken, paramIDToken) {
			return errors.New("jarm: tokens must not be sent in a query")
		}
	case ModeFragmentJWT:
	case ModeFormPostJWT:
		if !weburl.IsSecure(target) {
			return errors.New("jarm: a form cannot be posted to a private-use scheme")
		}
	default:
		return errors.New("jarm: the response mode is none of jwt, query.jwt, fragment.jwt and form_post.jwt")
	}
	return nil
}

func withQuery(uri, pair string) string {
	switch {
	case !strings.Contains(uri, "?"):
		return uri + "?" + pair
	case strings.HasSuffix(uri, "?") || strings.HasSuffix(uri, "&"):
		return uri + pair
	}
	return uri + "&" + pair
}

// redirect answers 303 and not 307, with which a browser would post the user's
// password on to the client.
func redirect(w http.ResponseWriter, location string) {
	h := w.Header()
	keepPrivate(h)
	h.Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}

// keepPrivate keeps the response out of caches, and the URL of the
// authorization server, which may name the user, from the client.
func keepPrivate(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
}

// autosubmit is the only script of the form page, which the policy names by its
// hash. The button must not be called submit: it would hide the method.
const autosubmit = "document.forms[0].submit()"

var autosubmitHash = func() string {
	hash := sha256.Sum256([]byte(autosubmit))
	return "'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"
}()

// The form page. The button is always there: it also serves a browser that runs
// scripts and refuses this one.
const (
	pageBeforeAction   = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Continue</title></head><body><form method="post" action="`
	pageBeforeResponse = `"><input type="hidden" name="response" value="`
	pageEnd            = `"><button>Continue</button></form><script>` + autosubmit + `</script></body></html>`
)

func writeForm(w http.ResponseWriter, target *url.URL, action, response string) {
	h := w.Header()
	keepPrivate(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src "+autosubmitHash+
		"; form-action "+formSource(target)+"; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(http.StatusOK)
	page := pageBeforeAction + html.EscapeString(action) + pageBeforeResponse + html.EscapeString(response) + pageEnd
	_, _ = w.Write([]byte(page)) // a browser that went away is no one's error
}

// formSource is where the form may be posted to. It names schemes and not the
// redirect URI's origin: Chromium applies form-action to redirects as well, so a
// client that answers the post with a redirect to another origin of its own would
// be stopped there. The page has one form, whose action is fixed.
func formSource(target *url.URL) string {
	if target.Scheme == "https" {
		return "https:"
	}
	return "http: https:" // a loopback address
}
