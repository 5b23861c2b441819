package server

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/jarm"
)

// respond sends the browser to the client with an authorization response: one
// parameter beside state, and iss (RFC 9207), which JARM has inside.
func (s *Server) respond(w http.ResponseWriter, r *http.Request, request asked, name, value string) {
	params := url.Values{name: {value}}
	if request.params.Has("state") {
		params["state"] = request.params["state"]
	}
	target := request.params.Get("redirect_uri")
	if mode := s.responseMode(request); mode != "" {
		if err := s.flow.responses.Write(w, r, mode, target, request.clientID, params); err != nil {
			s.fail(w, fault.Of("server: response", err))
		}
		return
	}
	params.Set("iss", s.config.Issuer)
	seeOther(w, withQuery(target, params.Encode()))
}

// refuse sends the client an error.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, request asked, err error) {
	s.observe(err)
	code, ok := oauthCode(err)
	if !ok {
		code = string(errServer)
	}
	s.respond(w, r, request, "error", code)
}

// responseMode is the JARM mode of a response, or empty. A client whose profile
// has signed responses gets no other, even if what is wrong is the mode.
func (s *Server) responseMode(request asked) string {
	mode := request.params.Get("response_mode")
	switch {
	case isJARM(mode):
		return mode
	case s.config.Clients[request.clientID].signs():
		return jarm.ModeJWT
	}
	return ""
}

// withQuery adds to a URI, whose own query stays as it is, octet by octet.
func withQuery(uri, query string) string {
	switch {
	case !strings.Contains(uri, "?"):
		return uri + "?" + query
	case strings.HasSuffix(uri, "?") || strings.HasSuffix(uri, "&"):
		return uri + query
	}
	return uri + "&" + query
}

// seeOther answers 303, after which the browser comes with GET: with 307 it would
// hand the user's password on (FAPI 2.0 5.3.2.2-10, -11).
func seeOther(w http.ResponseWriter, location string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}
