package server

import (
	"net/http"
	"time"

	"github.com/go-fapi/fapi/internal/fault"
)

// What the login below is worth: acr and amr of every token that comes of it.
const (
	acrPassword = "urn:example:acr:password"
	amrPassword = "pwd" // RFC 8176
)

func (s *Server) loginPage(w http.ResponseWriter, r *http.Request) {
	i, request, err := s.current(r)
	switch {
	case err != nil:
		s.fail(w, err)
	case i.session.Load() != nil:
		seeOther(w, s.base+i.page())
	default:
		s.showLogin(w, i, request, "")
	}
}

func (s *Server) showLogin(w http.ResponseWriter, i *interaction, request asked, message string) {
	s.flow.pages.show(w, http.StatusOK, "login", map[string]any{
		"Client": s.clientName(request.clientID), "CSRF": i.csrf, "Message": message,
	})
}

// login takes the form of the login page. A wrong password shows the page again,
// in the same way for names that exist and names that do not.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	i, request, form, err := s.submitted(w, r)
	switch {
	case err != nil:
		s.fail(w, err)
		return
	case !equal(form.Get("csrf"), i.csrf):
		s.fail(w, errRequest)
		return
	}
	if form.Has("cancel") {
		leavePage(w)
		s.deny(w, r, i)
		return
	}
	user, ok, err := s.config.Users.Authenticate(r.Context(), form.Get("username"), form.Get("password"))
	switch {
	case err != nil:
		s.fail(w, fault.Of("server: users", err))
	case !ok:
		s.showLogin(w, i, request, "User name or password is wrong.")
	default:
		leavePage(w)
		i.session.Store(&session{user: user, at: time.Now(), csrf: newSecret()})
		seeOther(w, s.base+i.page())
	}
}

func (s *Server) clientName(id string) string {
	if name := s.config.Clients[id].Name; name != "" {
		return name
	}
	return id
}
