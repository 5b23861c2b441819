package mtls_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/mtls"
)

// refreshServer is what RFC 8705 section 4 asks of an authorization server that
// gives refresh tokens to public clients: the token is bound to the certificate
// of its first request, whoever signed that.
type refreshServer struct {
	mu    sync.Mutex
	bound map[string][32]byte
	naive bool // does not look at the certificate again
}

func (s *refreshServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	chain, err := mtls.FromTLS(r)
	if err != nil {
		http.Error(w, "invalid_request", http.StatusBadRequest)
		return
	}
	thumbprint := mtls.Thumbprint(chain[0])
	if r.PostFormValue("grant_type") == "authorization_code" {
		s.bound["rt"] = thumbprint
		return
	}
	if stored, ok := s.bound[r.PostFormValue("refresh_token")]; !ok || stored != thumbprint && !s.naive {
		http.Error(w, "invalid_grant", http.StatusBadRequest) // the token stays as it is
	}
}

func TestRefreshOfPublicClient(t *testing.T) {
	t.Parallel()
	alice, mallory := selfSigned(t, "alice"), selfSigned(t, "mallory")
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"rt"}}
	start := func(t *testing.T, naive bool) func(form url.Values, certificate ...tls.Certificate) int {
		server := httptest.NewUnstartedServer(&refreshServer{bound: map[string][32]byte{}, naive: naive})
		server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
		server.StartTLS()
		t.Cleanup(server.Close)
		post := func(form url.Values, certificate ...tls.Certificate) int {
			transport := server.Client().Transport.(*http.Transport).Clone()
			transport.TLSClientConfig.Certificates = certificate
			defer transport.CloseIdleConnections()
			response, err := (&http.Client{Transport: transport}).PostForm(server.URL, form)
			require.NoError(t, err)
			response.Body.Close()
			return response.StatusCode
		}
		require.Equal(t, 200, post(url.Values{"grant_type": {"authorization_code"}}, alice))
		return post
	}
	t.Run("M24 refresh token with another certificate, or none", func(t *testing.T) {
		t.Parallel()
		post := start(t, false)
		require.Equal(t, 400, post(refresh, mallory))
		require.Equal(t, 400, post(refresh))
		require.Equal(t, 200, post(refresh, alice), "the token was kept")
	})
	t.Run("M24 control: a server that does not look again", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, 200, start(t, true)(refresh, mallory))
	})
}
