package dpop_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/go-fapi/fapi/dpop"
)

// throughOAuth2 is the usual stack: http.Client, oauth2.Transport, ours.
func throughOAuth2(t *testing.T, base http.RoundTripper, tokenType string) *http.Client {
	t.Helper()
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, clientOf(t, base))
	return oauth2.NewClient(ctx, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: accessToken, TokenType: tokenType}))
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	var thefts atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("DPoP") != "" {
			thefts.Add(1)
		}
	}))
	t.Cleanup(thief.Close)
	var seen []*http.Request
	mux := http.NewServeMux()
	mux.HandleFunc("/302", redirectTo("/target", http.StatusFound))
	mux.HandleFunc("/307", redirectTo("/target", http.StatusTemporaryRedirect))
	mux.HandleFunc("/out302", redirectTo(thief.URL+"/x", http.StatusFound))
	mux.HandleFunc("/out307", redirectTo(thief.URL+"/x", http.StatusTemporaryRedirect))
	mux.HandleFunc("/detour", redirectTo("/out307", http.StatusTemporaryRedirect))
	mux.HandleFunc("/target", func(_ http.ResponseWriter, r *http.Request) { seen = append(seen, r) })
	api := httptest.NewServer(mux)
	t.Cleanup(api.Close)

	for _, path := range []string{"/out302", "/out307", "/detour"} {
		t.Run("token never leaves its origin "+path, func(t *testing.T) {
			for _, method := range []string{"GET", "POST"} {
				r, err := http.NewRequestWithContext(t.Context(), method, api.URL+path, strings.NewReader("body"))
				require.NoError(t, err)
				_, err = throughOAuth2(t, nil, "DPoP").Do(r)
				require.ErrorIs(t, err, dpop.ErrRedirect)
				r.Body, _ = r.GetBody()
				// A request without a token may be one with a code or an assertion.
				_, err = clientOf(t, nil).Do(r)
				require.ErrorIs(t, err, dpop.ErrRedirect)
			}
			require.Zero(t, thefts.Load())
		})
	}
	t.Run("control: without the transport oauth2 hands it over", func(t *testing.T) {
		plain := oauth2.NewClient(t.Context(), oauth2.StaticTokenSource(&oauth2.Token{AccessToken: accessToken, TokenType: "DPoP"}))
		response, err := plain.Get(api.URL + "/out302")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.EqualValues(t, 1, thefts.Load())
	})
	for path, method := range map[string]string{"/302": "GET", "/307": "POST"} {
		t.Run("same origin gets a proof of its own "+path, func(t *testing.T) {
			seen = nil
			r, err := http.NewRequestWithContext(t.Context(), "POST", api.URL+path, strings.NewReader("body"))
			require.NoError(t, err)
			do(t, throughOAuth2(t, nil, "DPoP"), r)
			require.Len(t, seen, 1)
			sent := claimsIn(t, seen[0])
			require.Equal(t, method, sent.Htm)
			require.Equal(t, api.URL+"/target", sent.Htu)
			require.Equal(t, hashOf(accessToken), sent.Ath)
		})
	}
	t.Run("a Base that does not set Response.Request", func(t *testing.T) {
		base := &stub{answer: func(i int, _ *http.Request) (*http.Response, error) {
			return answer(http.StatusFound, "", "Location", "https://evil.example/"), nil
		}}
		_, err := throughOAuth2(t, base, "DPoP").Get(apiURL)
		require.ErrorIs(t, err, dpop.ErrRedirect)
		require.Len(t, base.requests, 1)

		allowing := &http.Client{Transport: &dpop.Transport{Signer: newSigner(t), Base: base, AllowBearer: true}}
		r := tokenRequest(t, "GET", apiURL, "")
		r.Header.Set("Authorization", "Bearer "+accessToken)
		_, err = allowing.Do(r)
		require.ErrorIs(t, err, dpop.ErrRedirect)
		require.Len(t, base.requests, 2)
	})
	t.Run("a Base that sends another request than it was given", func(t *testing.T) {
		base := &stub{answer: func(i int, r *http.Request) (*http.Response, error) {
			response := answer(http.StatusFound, "", "Location", "https://evil.example/")
			response.Request = tokenRequest(t, "GET", "https://evil.example/", "")
			return response, nil
		}}
		_, err := throughOAuth2(t, base, "DPoP").Get(apiURL)
		require.ErrorIs(t, err, dpop.ErrRedirect)
		require.Len(t, base.requests, 1)
	})
}

func redirectTo(target string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		http.Redirect(w, r, target, status)
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	for _, tokenType := range []string{"Bearer", "bearer", "BEARER", "", " Bearer", "Bearer ", "Bearer\t", "\tbearer"} {
		t.Run("refused "+tokenType, func(t *testing.T) {
			t.Parallel()
			base := always(func() *http.Response { return answer(200, "") })
			_, err := throughOAuth2(t, base, tokenType).Get(apiURL)
			require.ErrorIs(t, err, dpop.ErrBearer)
			require.NotContains(t, err.Error(), accessToken)
			require.Empty(t, base.requests)
		})
	}
	t.Run("allowed, and then without a proof", func(t *testing.T) {
		t.Parallel()
		base := always(func() *http.Response { return answer(200, "") })
		c := &http.Client{Transport: &dpop.Transport{Signer: newSigner(t), Base: base, AllowBearer: true}}
		r := tokenRequest(t, "GET", apiURL, "")
		r.Header.Set("Authorization", "bearer "+accessToken)
		do(t, c, r)
		require.Empty(t, base.requests[0].Header.Values("DPoP"))
		do(t, c, tokenRequest(t, "GET", apiURL, ""))
		require.Len(t, base.requests[1].Header.Values("DPoP"), 1, "a bound token still gets its proof")
	})
	t.Run("a bound token of the lower-case type", func(t *testing.T) {
		t.Parallel()
		base := always(func() *http.Response { return answer(200, "") })
		_, err := throughOAuth2(t, base, "dpop").Get(apiURL)
		require.NoError(t, err)
		require.Equal(t, "DPoP "+accessToken, base.requests[0].Header.Get("Authorization"))
		require.Equal(t, hashOf(accessToken), claimsIn(t, base.requests[0]).Ath)
	})
}

// TestOAuth2 is a client as it would be written, against the two servers.
func TestOAuth2(t *testing.T) {
	t.Parallel()
	connect := func(t *testing.T, b *bank) *http.Client {
		config := clientcredentials.Config{ClientID: "client", TokenURL: b.as.URL + "/token", AuthStyle: oauth2.AuthStyleInParams}
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, clientOf(t, nil))
		return config.Client(ctx)
	}
	for _, tokenType := range []string{"DPoP", "dpop"} {
		t.Run("token and API requests, token_type "+tokenType, func(t *testing.T) {
			t.Parallel()
			b := newBank(t)
			b.tokenType = tokenType
			c := connect(t, b)
			for i := range 3 {
				r, err := http.NewRequestWithContext(t.Context(), "POST", b.api.URL+"/accounts?x=1", strings.NewReader("payload"))
				require.NoError(t, err)
				response, body := do(t, c, r)
				require.Equal(t, 200, response.StatusCode)
				require.Equal(t, "POST ok", body)
				require.EqualValues(t, i+1, b.served.Load())
			}
			require.EqualValues(t, 1, b.granted.Load())
			require.Equal(t, 3, b.apiStore.size(), "one challenge only, before the first request")
		})
	}
	t.Run("a server that hands out a Bearer token", func(t *testing.T) {
		t.Parallel()
		b := newBank(t)
		b.tokenType = "Bearer"
		_, err := connect(t, b).Get(b.api.URL + "/accounts")
		require.ErrorIs(t, err, dpop.ErrBearer)
		require.Zero(t, b.served.Load())
	})
	t.Run("50 goroutines through one transport", func(t *testing.T) {
		t.Parallel()
		b := newBank(t)
		c := connect(t, b)
		results := make(chan error, 50)
		for range cap(results) {
			go func() {
				response, err := c.Get(b.api.URL + "/accounts")
				if err == nil {
					io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
				results <- err
			}()
		}
		for range cap(results) {
			require.NoError(t, <-results)
		}
		require.EqualValues(t, 50, b.served.Load())
	})
}

func TestTransportContext(t *testing.T) {
	t.Parallel()
	t.Run("cancelled while the server thinks", func(t *testing.T) {
		t.Parallel()
		arrived := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done()
		}))
		t.Cleanup(server.Close)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		_, err := clientOf(t, nil).Do(tokenRequest(t, "GET", server.URL, "").WithContext(ctx))
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("cancelled between challenge and repetition", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		closed := false
		base := &stub{answer: func(int, *http.Request) (*http.Response, error) {
			cancel()
			return challenged("n-1"), nil
		}}
		r := tokenRequest(t, "POST", apiURL, "payload").WithContext(ctx)
		r.GetBody = func() (io.ReadCloser, error) { return bodyOf(strings.NewReader("payload"), &closed), nil }
		_, err := (&dpop.Transport{Signer: newSigner(t), Base: base}).RoundTrip(r)
		require.ErrorIs(t, err, context.Canceled)
		require.Len(t, base.requests, 1)
		require.True(t, closed, "the second body")
	})
}

func TestTransportTolerance(t *testing.T) {
	t.Parallel()
	t.Run("a Base that returns nothing", func(t *testing.T) {
		t.Parallel()
		base := &stub{answer: func(int, *http.Request) (*http.Response, error) { return nil, nil }}
		_, err := (&dpop.Transport{Signer: newSigner(t), Base: base}).RoundTrip(tokenRequest(t, "GET", apiURL, ""))
		require.ErrorContains(t, err, "neither")
	})
	t.Run("a Base that returns no body", func(t *testing.T) {
		t.Parallel()
		bare := func(fields ...string) *http.Response {
			response := answer(401, "", append(fields, "DPoP-Nonce", "n-1")...)
			response.Body = nil
			return response
		}
		for _, response := range []*http.Response{bare("Content-Type", "application/json"), bare("WWW-Authenticate", rsChallenge)} {
			_, err := (&dpop.Transport{Signer: newSigner(t), Base: script(response, answer(200, ""))}).RoundTrip(tokenRequest(t, "GET", apiURL, ""))
			require.NoError(t, err)
		}
	})
	t.Run("a request without header fields or method", func(t *testing.T) {
		t.Parallel()
		base := always(func() *http.Response { return answer(200, "") })
		r := &http.Request{URL: tokenRequest(t, "GET", apiURL, "").URL}
		_, err := (&dpop.Transport{Signer: newSigner(t), Base: base}).RoundTrip(r)
		require.NoError(t, err)
		require.Equal(t, "GET", claimsIn(t, base.requests[0]).Htm)
		require.Nil(t, r.Header)
	})
	t.Run("no request", func(t *testing.T) {
		t.Parallel()
		_, err := (&dpop.Transport{Signer: newSigner(t)}).RoundTrip(nil)
		require.Error(t, err)
	})
}
