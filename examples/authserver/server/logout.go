package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-fapi/fapi/internal/oauthhttp"
)

const (
	logoutTime      = 5 * time.Second // for all clients together
	logoutTokenLife = 2 * time.Minute // OpenID Connect Back-Channel Logout section 2.4
	logoutEvent     = "http://schemas.openid.net/event/backchannel-logout"
)

// logoutPage asks: a link on another site must not log anybody out.
func (s *Server) logoutPage(w http.ResponseWriter, r *http.Request) {
	data := map[string]any{"CSRF": ""}
	if cookie, err := r.Cookie(browserCookie); err == nil {
		data["CSRF"] = logoutCSRF(cookie.Value)
	}
	s.flow.pages.show(w, http.StatusOK, "logout", data)
}

// logoutCSRF needs no store: who can compute it has the cookie.
func logoutCSRF(browser string) string { return digest("logout", browser) }

// logout ends the sessions that began in this browser, and tells the clients. What
// users have approved stays: consent is withdrawn at the client, or at /revoke. The
// browser gets no new name before it logs in again, so logins half done end, too.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	form, err := oauthhttp.ReadForm(w, r, 0)
	cookie, cookieErr := r.Cookie(browserCookie)
	if err != nil || cookieErr != nil || !equal(form.Get("csrf"), logoutCSRF(cookie.Value)) {
		s.fail(w, errRequest)
		return
	}
	var failed []string
	if known, ok := s.flow.visits.get(digest("browser", cookie.Value)); ok {
		failed = s.tell(context.WithoutCancel(r.Context()), known.end()) // also if the user does not wait
	}
	http.SetCookie(w, &http.Cookie{
		Name: browserCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	s.flow.pages.show(w, http.StatusOK, "goodbye", map[string]any{"Failed": failed})
}

// tell sends the logout tokens, all at once, and returns the names of the clients
// that could not be told.
func (s *Server) tell(ctx context.Context, ended []visit) (failed []string) {
	ctx, cancel := context.WithTimeout(ctx, logoutTime)
	defer cancel()
	errs := make([]error, len(ended))
	var all sync.WaitGroup
	for i, visit := range ended {
		all.Go(func() { errs[i] = s.sendLogout(ctx, visit) })
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			s.observe(err)
			failed = append(failed, s.clientName(ended[i].clientID))
		}
	}
	slices.Sort(failed)
	return slices.Compact(failed)
}

// sendLogout posts a logout token (OpenID Connect Back-Channel Logout section 2.5).
func (s *Server) sendLogout(ctx context.Context, visit visit) error {
	token, err := s.logoutToken(ctx, visit)
	if err != nil {
		return err
	}
	form := url.Values{"logout_token": {token}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.Clients[visit.clientID].BackchannelLogoutURI, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sender := *s.config.Logout
	sender.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := sender.Do(r)
	if err != nil {
		return fmt.Errorf("server: logout: client %q cannot be reached: %w", visit.clientID, err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("server: logout: client %q answers %d", visit.clientID, response.StatusCode)
	}
	return nil
}

// logoutClaims are those of OpenID Connect Back-Channel Logout section 2.4. There is
// never a nonce, or the token could pass for an ID token.
type logoutClaims struct {
	Issuer   string                    `json:"iss"`
	Subject  string                    `json:"sub"`
	Audience string                    `json:"aud"`
	IssuedAt int64                     `json:"iat"`
	Expires  int64                     `json:"exp"`
	ID       string                    `json:"jti"`
	SID      string                    `json:"sid"`
	Events   map[string]map[string]any `json:"events"`
}

func (s *Server) logoutToken(ctx context.Context, visit visit) (string, error) {
	subject, err := s.subjects.of(visit.clientID, visit.account)
	if err != nil {
		return "", err
	}
	now := time.Now()
	return s.jwts.sign(ctx, "logout+jwt", logoutClaims{
		Issuer: s.config.Issuer, Subject: subject, Audience: visit.clientID, ID: newSecret(), SID: visit.sid,
		IssuedAt: now.Unix(), Expires: now.Add(logoutTokenLife).Unix(),
		Events: map[string]map[string]any{logoutEvent: {}},
	})
}
