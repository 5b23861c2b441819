package server

import (
	"net/http"
	"net/url"
)

const (
	errServer = coded("server_error")
	errBusy   = coded("temporarily_unavailable")
)

// failure is what the error page says about a code.
type failure struct {
	status int
	text   string
}

// failures are the codes the page shows. Anybody can put anything into a link to
// it: what is not listed is not repeated.
func failures() map[string]failure {
	return map[string]failure{
		"invalid_request":           {http.StatusBadRequest, "The request was not understood, or this page belongs to another browser."},
		"invalid_request_uri":       {http.StatusBadRequest, "The request has expired or was already answered."},
		"invalid_request_object":    {http.StatusBadRequest, "The request was not properly signed."},
		"request_not_supported":     {http.StatusBadRequest, "Signed requests are not taken here."},
		"request_uri_not_supported": {http.StatusBadRequest, "Requests by reference are not taken here."},
		"unauthorized_client":       {http.StatusBadRequest, "The application may not ask for this."},
		"invalid_scope":             {http.StatusBadRequest, "The application asks for something unknown."},
		"invalid_target":            {http.StatusBadRequest, "The application asks for access to something unknown."},
		string(errBusy):             {http.StatusServiceUnavailable, "The service is busy."},
		string(errServer):           {http.StatusServiceUnavailable, "Something went wrong on our side."},
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

func (s *Server) errorPage(w http.ResponseWriter, r *http.Request) {
	code := r.URL.Query().Get("error")
	failure, ok := failures()[code]
	if !ok {
		code = string(errRequest)
		failure = failures()[code]
	}
	s.flow.pages.show(w, failure.status, "error", map[string]any{"Code": code, "Text": failure.text})
}
