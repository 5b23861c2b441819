package server

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// authorize is the authorization endpoint. It starts an interaction, or finds the
// one that this request has already in this browser: a reload, or a request that
// the browser preloaded, comes back to where the user is.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(query["client_id"]) != 1 || len(query["request_uri"]) > 1 {
		s.fail(w, errRequest)
		return
	}
	request, err := s.load(r.Context(), query)
	switch {
	case err != nil && request.clientID != "":
		s.refuse(w, r, request, err)
	case err != nil:
		s.fail(w, err)
	case slices.Contains(strings.Fields(request.params.Get("prompt")), "none"): // nobody is ever logged in beforehand
		s.refuse(w, r, request, coded("login_required"))
	default:
		s.interact(w, r, request)
	}
}

// authorizePosted is the same by POST (OpenID Connect Core 3.1.2.1). A form from
// the client's site comes without our cookie, which is SameSite=Lax; the redirect
// to GET comes with it, and so finds the browser's interactions.
func (s *Server) authorizePosted(w http.ResponseWriter, r *http.Request) {
	form, err := oauthhttp.ReadForm(w, r, 0, "resource")
	if err != nil {
		s.fail(w, errRequest)
		return
	}
	kept := url.Values{}
	for _, name := range []string{"client_id", "request_uri", "request"} {
		if form.Has(name) {
			kept[name] = form[name]
		}
	}
	seeOther(w, s.base+"/authorize?"+kept.Encode())
}

func (s *Server) interact(w http.ResponseWriter, r *http.Request, request asked) {
	i, err := s.begin(browserOf(w, r), request)
	if err != nil {
		s.fail(w, err)
		return
	}
	seeOther(w, s.base+i.page())
}
