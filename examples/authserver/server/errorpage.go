package server

import (
	"net/http"
	"net/url"
)

const (
	errServer = coded("server_error")
	errBusy   = coded("temporarily_unavailable")
)

// failures are the codes the page shows, and what it says about them. Anybody can put
// anything into a link to it: what is not listed is not repeated.
func failures() map[string]string {
	return map[string]string{
		"invalid_request":           "The request was not understood, or this page belongs to another browser.",
		"invalid_request_uri":       "The request has expired or was already answered.",
		"invalid_request_object":    "The request was not properly signed.",
		"request_not_supported":     "Signed requests are not taken here.",
		"request_uri_not_supported": "Requests by reference are not taken here.",
		"unauthorized_client":       "The application may not ask for this.",
		"invalid_scope":             "The application asks for something unknown.",
		"invalid_target":            "The application asks for access to something unknown.",
		string(errBusy):             "The service is busy.",
		string(errServer):           "Something went wrong on our side.",
	}
}

// fail sends the browser to the error page: nobody is known to whom the error
// could go instead.
func (s *Server) fail(w http.ResponseWriter, err error) {
	s.observe(err)
	code, ok := oauthCode(err)
	if !ok {
		code = string(errServer)
	}
	seeOther(w, s.base+"/error?"+url.Values{"error": {code}}.Encode())
}

// errorPage has one status for all codes: whoever writes a link chooses the code, and
// must not be able to make it look as if the server failed.
func (s *Server) errorPage(w http.ResponseWriter, r *http.Request) {
	code := r.URL.Query().Get("error")
	text, ok := failures()[code]
	if !ok {
		code = string(errRequest)
		text = failures()[code]
	}
	s.flow.pages.show(w, http.StatusBadRequest, "error", map[string]any{"Code": code, "Text": text})
}
