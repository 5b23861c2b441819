package par_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/par"
)

func TestDPoP(t *testing.T) {
	t.Parallel()
	key, other := [32]byte{1, 2, 3}, [32]byte{4, 5, 6}
	withProof := func(c *par.HandlerConfig) {
		c.Proof = func(h http.Header, r *http.Request) ([32]byte, error) {
			h.Set("DPoP-Nonce", "fresh")
			switch r.Header.Get("DPoP") {
			case "good":
				return key, nil
			case "stale":
				return [32]byte{}, coded("use_dpop_nonce")
			}
			return [32]byte{}, coded("invalid_dpop_proof")
		}
	}
	with := func(proof string, changes ...string) *http.Request {
		r := pushRequest(form(changes...).Encode())
		r.Header.Set("DPoP", proof)
		return r
	}
	t.Run("P24 bad proof", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, withProof)
		requireOAuthError(t, s.serve(with("bad")), http.StatusBadRequest, "invalid_dpop_proof")
		w := s.serve(with("stale"))
		requireOAuthError(t, w, http.StatusBadRequest, "use_dpop_nonce")
		require.Equal(t, "fresh", w.Header().Get("DPoP-Nonce"))
		require.Equal(t, 0, s.store.puts())
		w = s.serve(with("good"))
		require.Equal(t, "fresh", w.Header().Get("DPoP-Nonce"))
		jkt, ok := s.works(t, requireCreated(t, w)).JKT()
		require.True(t, ok)
		require.Equal(t, key, jkt)
	})
	t.Run("P24 proof of another key than dpop_jkt", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, withProof)
		s.refuses(t, par.ErrProof, 400, "invalid_dpop_proof", with("good", "dpop_jkt", jose.Encode(other[:])))
		jkt, _ := s.works(t, requireCreated(t, s.serve(with("good", "dpop_jkt", jose.Encode(key[:]))))).JKT()
		require.Equal(t, key, jkt)
		jkt, ok := s.works(t, s.pushed(t, "dpop_jkt", jose.Encode(other[:]))).JKT()
		require.True(t, ok)
		require.Equal(t, other, jkt)
	})
	t.Run("P24 a server without DPoP does not drop the binding", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.refuses(t, par.ErrProof, 400, "invalid_dpop_proof", with("good"))
	})
	t.Run("P24 a nonce challenge spends no request object", func(t *testing.T) {
		t.Parallel()
		verifier := &objects{}
		s := newServer(t, withProof, func(c *par.HandlerConfig) { c.RequestObjects = verifier })
		body := url.Values{"client_id": {"client-1"}, "request": {form().Encode()}}.Encode()
		r := pushRequest(body)
		r.Header.Set("DPoP", "stale")
		requireOAuthError(t, s.serve(r), http.StatusBadRequest, "use_dpop_nonce")
		require.Equal(t, 0, verifier.calls)
		r = pushRequest(body)
		r.Header.Set("DPoP", "good")
		requireCreated(t, s.serve(r))
		require.Equal(t, 1, verifier.calls)
	})
}

func TestLeaks(t *testing.T) {
	t.Parallel()
	const secret = "DE02100100109307118603"
	details := `[{"type":"payment_initiation","iban":"` + secret + `"}]`
	t.Run("P23 nothing of the request is in logs, errors or the store", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		requestURI := s.pushed(t, "authorization_details", details, "login_hint", secret)
		reference := strings.TrimPrefix(requestURI, uriPrefix)
		request, err := s.Load(t.Context(), "client-1", requestURI)
		require.NoError(t, err)

		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		jsonLog := slog.New(slog.NewJSONHandler(&out, nil))
		for _, l := range []*slog.Logger{log, jsonLog} {
			l.Info("loaded", "request", request, "value", *request, "event", s.lastEvent())
		}
		fmt.Fprintf(&out, "%v %+v %#v %s %q %x", request, request, request, *request, *request, request)
		for _, changes := range [][]string{
			{"scope", secret}, {"redirect_uri", "https://" + secret}, {"code_challenge", secret}, {"resource", "#" + secret},
			{"authorization_details", secret}, {"dpop_jkt", secret}, {"client_id", secret}, {"request_uri", secret}, {"response_type", secret},
		} {
			w := s.push(form(changes...).Encode())
			require.Equal(t, http.StatusBadRequest, w.Code)
			fmt.Fprint(&out, w.Body, w.Header(), s.lastEvent().Err)
			log.Info("refused", "err", s.lastEvent().Err)
		}
		_, err = s.Load(t.Context(), secret, requestURI)
		fmt.Fprint(&out, err)
		for i, sealed := range s.store.sealed {
			out.Write(sealed)
			out.WriteString(s.store.keys[i])
		}
		require.NotContains(t, out.String(), secret)
		require.NotContains(t, out.String(), reference)
		require.Contains(t, out.String(), "par.Request")
		require.Equal(t, secret, s.works(t, requestURI).Params().Get("login_hint"))
	})
	t.Run("P23 control: a plain record shows it", func(t *testing.T) {
		t.Parallel()
		plain, err := json.Marshal(form("authorization_details", details))
		require.NoError(t, err)
		require.Contains(t, string(plain), secret)
		require.Contains(t, fmt.Sprintf("%+v", form("login_hint", secret)), secret)
	})
	t.Run("a store that somebody writes to", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		requestURI, other := s.pushed(t), s.pushed(t, "state", "other")
		for _, forged := range [][]byte{{}, []byte(`{"client_id":"client-1"}`), s.store.sealed[1], append([]byte{0}, s.store.sealed[0]...)} {
			_, err := s.store.Memory.Take(t.Context(), s.store.keys[0])
			require.NoError(t, err)
			require.NoError(t, s.store.Memory.Put(t.Context(), s.store.keys[0], forged, time.Now().Add(time.Minute)))
			request, err := s.Load(t.Context(), "client-1", requestURI)
			requireFault(t, request, err)
			request, err = s.Consume(t.Context(), "client-1", requestURI)
			requireFault(t, request, err)
		}
		s.works(t, other)
	})
}

// Two users and two clients at once through one handler.
func TestCrossTalk(t *testing.T) {
	t.Parallel()
	t.Run("X17 every push is its own", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		var wg sync.WaitGroup
		for i := range 200 {
			clientID, uri := "client-1", callback
			if i%2 == 1 {
				clientID, uri = "client-2", "https://other.example/cb"
			}
			wg.Go(func() {
				r := pushRequest(form("client_id", clientID, "redirect_uri", uri, "state", fmt.Sprint(i)).Encode())
				r.Header.Set("Test-Client", clientID)
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				var body map[string]any
				assert.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
				request, err := s.Consume(t.Context(), clientID, fmt.Sprint(body["request_uri"]))
				if assert.NoError(t, err) {
					assert.Equal(t, fmt.Sprint(i), request.Params().Get("state"))
					assert.Equal(t, clientID, request.ClientID())
				}
			})
		}
		wg.Wait()
	})
}
