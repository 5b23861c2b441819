package server

import (
	"net/http"

	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// revoke is the revocation endpoint (RFC 7009). A token that is unknown, or has
// ended, is as good as revoked. token_type_hint is not needed.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	if err := s.revokeToken(w, r); err != nil {
		s.observe(err)
		oauthhttp.WriteError(w, err)
		return
	}
	oauthhttp.NoStore(w.Header())
	w.WriteHeader(http.StatusOK)
}

// revokeToken ends one access token, or with a refresh token the whole grant and all
// that came of it (section 2.1). A client cannot end what is another's.
func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request) error {
	form, err := oauthhttp.ReadForm(w, r, 0)
	if err != nil {
		return err
	}
	clientID, err := s.clients.Authenticate(r)
	if err != nil {
		return err
	}
	token := form.Get("token")
	if token == "" {
		return errRequest
	}
	if access, ok := s.ledger.find(token); ok {
		if access.clientID != clientID {
			return ErrTokenClient
		}
		access.revoked.Store(true)
		return nil
	}
	if refresh, ok := s.ledger.refresh.get(refreshName(token)); ok {
		if refresh.grant.clientID != clientID {
			return ErrTokenClient
		}
		refresh.grant.revoked.Store(true)
	}
	return nil
}
