package server

import "net/http"

func (s *Server) consentPage(w http.ResponseWriter, r *http.Request) {
	i, request, err := s.current(r)
	if err != nil {
		s.fail(w, err)
		return
	}
	session := i.session.Load()
	if session == nil {
		seeOther(w, s.base+i.page())
		return
	}
	s.flow.pages.show(w, http.StatusOK, "consent", map[string]any{
		"Client": s.clientName(request.clientID), "CSRF": session.csrf, "User": session.user.Name,
		"Scopes": scopesOf(request.params), "APIs": s.apis(request),
	})
}

// apis are the resources that a request is for: those it names, or the client's
// default.
func (s *Server) apis(request asked) []string {
	if named := distinct(request.params["resource"]); len(named) > 0 {
		return named
	}
	known := s.config.Clients[request.clientID].APIs
	return known[:min(1, len(known))]
}

// consent takes the user's decision.
func (s *Server) consent(w http.ResponseWriter, r *http.Request) {
	i, _, form, err := s.submitted(w, r)
	if err != nil {
		s.fail(w, err)
		return
	}
	leavePage(w)
	session := i.session.Load()
	switch {
	case session == nil || !equal(form.Get("csrf"), session.csrf):
		s.fail(w, errRequest)
	case form.Has("deny"):
		s.deny(w, r, i)
	case form.Has("approve"):
		s.approve(w, r, i, session)
	default: // neither button is no decision
		s.fail(w, errRequest)
	}
}

// approve spends the request and then makes the code: who is not the one who
// spent it gets none. If the server dies in between, the user starts again.
func (s *Server) approve(w http.ResponseWriter, r *http.Request, i *interaction, session *session) {
	request, err := s.spend(r.Context(), i)
	if err != nil {
		s.fail(w, err)
		return
	}
	var code string
	sid, err := s.visit(i, request.clientID, session.user)
	if err == nil {
		code, err = s.newCode(request, session, sid)
	}
	if err != nil {
		s.refuse(w, r, request, err)
		return
	}
	s.respond(w, r, request, "code", code)
}

func (s *Server) deny(w http.ResponseWriter, r *http.Request, i *interaction) {
	request, err := s.spend(r.Context(), i)
	if err != nil {
		s.fail(w, err)
		return
	}
	s.refuse(w, r, request, coded("access_denied"))
}
