package par_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/par"
)

// Whatever is posted: no panic, an answer of the table, and what is accepted is
// what a second reader would accept too, and works once.
func FuzzHandler(f *testing.F) {
	f.Add(form().Encode())
	f.Add(form("resource", "urn:a:1", "authorization_details", `[{"type":"a"}]`, "dpop_jkt", challenge).Encode() + "&resource=urn:b:2")
	f.Add(url.Values{"client_id": {"client-1"}, "request": {form().Encode()}}.Encode())
	f.Add(url.Values{"client_id": {"client-1"}, "request": {"scope=%ff&scope=b&request_uri=c"}}.Encode())
	f.Add("client_id=client-1&client_id=client-1")
	f.Add("%zz;&=&\x00")
	memory, err := par.NewMemory(par.MemoryConfig{})
	require.NoError(f, err)
	handler, err := par.NewHandler(par.HandlerConfig{
		Clients: byHeader{}, Store: memory, Check: (&registry{}).checkPrefix, RequestObjects: &objects{},
	})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, pushRequest(body))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		if w.Code != http.StatusCreated {
			require.Contains(t, []int{400, 413}, w.Code)
			return
		}
		requestURI := requireCreated(t, w)
		request, err := handler.Consume(t.Context(), "client-1", requestURI)
		require.NoError(t, err)
		params := request.Params()
		require.Equal(t, "code", params.Get("response_type"))
		require.Equal(t, "client-1", params.Get("client_id"))
		require.Equal(t, "S256", params.Get("code_challenge_method"))
		require.Len(t, params.Get("code_challenge"), 43)
		u, err := url.Parse(params.Get("redirect_uri"))
		require.NoError(t, err)
		require.Nil(t, u.User)
		require.Empty(t, u.Fragment)
		for name, values := range params {
			require.False(t, strings.HasPrefix(name, "client_secret") || strings.HasPrefix(name, "client_assertion"))
			require.True(t, len(values) == 1 || name == "resource" || len(values) == 0)
		}
		_, err = handler.Consume(t.Context(), "client-1", requestURI)
		require.ErrorIs(t, err, par.ErrRequestURI)
	})
}

// A request_uri comes from anybody's browser.
func FuzzLoad(f *testing.F) {
	s := newServer(f)
	good := s.pushed(f)
	f.Add("client-1", good[:len(good)-1])
	f.Add("client-2", good)
	f.Add("", "")
	f.Add("client-1", uriPrefix+challenge)
	f.Fuzz(func(t *testing.T, clientID, requestURI string) {
		if clientID == "client-1" && requestURI == good {
			return
		}
		_, err := s.Load(t.Context(), clientID, requestURI)
		if requestURI == "" {
			requireRule(t, par.ErrNotPushed, err)
			return
		}
		requireRule(t, par.ErrRequestURI, err)
	})
}
