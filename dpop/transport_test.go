package dpop_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/jose"
)

func newSigner(t testing.TB) *dpop.Signer {
	t.Helper()
	signer, err := dpop.NewSigner(client)
	require.NoError(t, err)
	return signer
}

// stub is a server in the place of the network. It reads and closes bodies, as
// a RoundTripper must.
type stub struct {
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
	answer   func(i int, r *http.Request) (*http.Response, error)
}

func (s *stub) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	s.bodies = append(s.bodies, string(body))
	return s.answer(len(s.requests)-1, r)
}

func answer(status int, body string, fields ...string) *http.Response {
	response := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	for i := 0; i < len(fields); i += 2 {
		response.Header.Add(fields[i], fields[i+1])
	}
	return response
}

// always gives the same answer; script gives one after the other.
func always(make func() *http.Response) *stub {
	return &stub{answer: func(int, *http.Request) (*http.Response, error) { return make(), nil }}
}

func script(responses ...*http.Response) *stub {
	return &stub{answer: func(i int, _ *http.Request) (*http.Response, error) {
		if i >= len(responses) {
			return nil, errors.New("one request too many")
		}
		return responses[i], nil
	}}
}

func clientOf(t testing.TB, base http.RoundTripper) *http.Client {
	t.Helper()
	return &http.Client{Transport: &dpop.Transport{Signer: newSigner(t), Base: base}}
}

func tokenRequest(t testing.TB, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "DPoP "+accessToken)
	return r
}

type sentClaims struct {
	Jti, Htm, Htu, Ath, Nonce string
	Iat                       int64
}

func claimsIn(t testing.TB, r *http.Request) (c sentClaims) {
	t.Helper()
	require.Len(t, r.Header.Values("DPoP"), 1)
	payload, err := jose.Decode(strings.Split(r.Header.Get("DPoP"), ".")[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(payload, &c))
	return c
}

const (
	rsChallenge = `DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof"`
	asChallenge = `{"error":"use_dpop_nonce","error_description":"Authorization server requires nonce in DPoP proof"}`
)

func challenged(nonce string) *http.Response {
	return answer(401, "", "WWW-Authenticate", rsChallenge, "DPoP-Nonce", nonce)
}

func do(t testing.TB, c *http.Client, r *http.Request) (*http.Response, string) {
	t.Helper()
	response, err := c.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

func TestTransportSigns(t *testing.T) {
	t.Parallel()
	base := always(func() *http.Response { return answer(200, "ok") })
	c := clientOf(t, base)
	r := tokenRequest(t, "PUT", "https://U:p@API.bank.example:443/a%2Fb/%7e?x=1#f", "body")
	r.Header.Set("DPoP", "stale")
	before := r.Clone(t.Context())
	body := r.Body
	_, text := do(t, c, r)
	require.Equal(t, "ok", text)
	require.Equal(t, before.Header, r.Header, "the caller's request was changed")
	require.Equal(t, before.URL, r.URL)
	require.Equal(t, body, r.Body)

	require.Equal(t, []string{"body"}, base.bodies)
	sent := claimsIn(t, base.requests[0])
	require.Equal(t, "PUT", sent.Htm)
	require.Equal(t, "https://API.bank.example:443/a%2Fb/%7e", sent.Htu)
	require.Equal(t, hashOf(accessToken), sent.Ath)
	require.Empty(t, sent.Nonce)

	_, err := c.Get(apiURL)
	require.NoError(t, err)
	second := claimsIn(t, base.requests[1])
	require.NotEqual(t, sent.Jti, second.Jti)
	require.Empty(t, second.Ath, "no token, no ath")
	require.Empty(t, base.requests[1].Header.Get("Authorization"))
}

func TestTransportSpellsTheScheme(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"DPoP", "dpop", "DPOP", "dpop  "} {
		base := always(func() *http.Response { return answer(200, "") })
		r := tokenRequest(t, "GET", apiURL, "")
		r.Header.Set("Authorization", scheme+" "+accessToken)
		do(t, clientOf(t, base), r)
		require.Equal(t, []string{"DPoP " + accessToken}, base.requests[0].Header.Values("Authorization"))
		require.Equal(t, hashOf(accessToken), claimsIn(t, base.requests[0]).Ath)
	}
}

func TestTransportHost(t *testing.T) {
	t.Parallel()
	base := always(func() *http.Response { return answer(200, "") })
	r := tokenRequest(t, "GET", "https://10.0.0.7:8443/accounts", "")
	r.Host = "api.bank.example" // the name the server knows itself by
	do(t, clientOf(t, base), r)
	require.Equal(t, apiURL, claimsIn(t, base.requests[0]).Htu)
	require.Equal(t, "10.0.0.7:8443", base.requests[0].URL.Host)
}

func TestTransportNonces(t *testing.T) {
	t.Parallel()
	t.Run("kept from every response", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{200, 204, 304, 400, 401, 403, 404, 429, 500, 503} {
			base := script(answer(status, "", "DPoP-Nonce", "n-1"), answer(200, ""))
			c := clientOf(t, base)
			do(t, c, tokenRequest(t, "GET", apiURL, ""))
			do(t, c, tokenRequest(t, "GET", apiOrigin+"/other", ""))
			require.Equal(t, "n-1", claimsIn(t, base.requests[1]).Nonce, status)
		}
	})
	t.Run("kept from the response to the repetition, the newest wins", func(t *testing.T) {
		t.Parallel()
		base := script(challenged("n-1"), answer(200, "", "DPoP-Nonce", "n-2"), answer(200, "", "DPoP-Nonce", "n-3"), answer(200, ""), answer(200, ""))
		c := clientOf(t, base)
		for range 4 {
			do(t, c, tokenRequest(t, "GET", apiURL, ""))
		}
		var nonces []string
		for _, r := range base.requests {
			nonces = append(nonces, claimsIn(t, r).Nonce)
		}
		require.Equal(t, []string{"", "n-1", "n-2", "n-3", "n-3"}, nonces)
	})
	t.Run("never given to another origin", func(t *testing.T) {
		t.Parallel()
		base := always(func() *http.Response { return answer(200, "", "DPoP-Nonce", "n-1") })
		c := clientOf(t, base)
		do(t, c, tokenRequest(t, "GET", apiURL, ""))
		for _, url := range []string{"https://as.bank.example/", "https://api.bank.example:8443/", "http://api.bank.example/"} {
			do(t, c, tokenRequest(t, "GET", url, ""))
			require.Empty(t, claimsIn(t, base.requests[len(base.requests)-1]).Nonce, url)
		}
		do(t, c, tokenRequest(t, "GET", "HTTPS://API.BANK.example:443/x", ""))
		require.Equal(t, "n-1", claimsIn(t, base.requests[4]).Nonce, "the same origin in another spelling")
	})
	t.Run("two fields, or a malformed one, change nothing", func(t *testing.T) {
		t.Parallel()
		for _, fields := range [][]string{
			{"DPoP-Nonce", "n-2", "DPoP-Nonce", "n-3"}, {"DPoP-Nonce", "n-2, n-3"}, {"DPoP-Nonce", ""}, {"DPoP-Nonce", `n"2`},
			{"DPoP-Nonce", strings.Repeat("n", 257)},
		} {
			bad := answer(401, "", append(fields, "WWW-Authenticate", rsChallenge)...)
			base := script(answer(200, "", "DPoP-Nonce", "n-1"), bad, answer(200, ""))
			c := clientOf(t, base)
			for range 3 {
				do(t, c, tokenRequest(t, "GET", apiURL, ""))
			}
			require.Equal(t, "n-1", claimsIn(t, base.requests[2]).Nonce, fields)
		}
	})
}

func TestTransportRetries(t *testing.T) {
	t.Parallel()
	t.Run("once, with a new proof and the same body", func(t *testing.T) {
		t.Parallel()
		base := script(challenged("n-1"), answer(200, "ok"))
		response, text := do(t, clientOf(t, base), tokenRequest(t, "POST", apiURL, "payload"))
		require.Equal(t, 200, response.StatusCode)
		require.Equal(t, "ok", text)
		require.Equal(t, []string{"payload", "payload"}, base.bodies)
		first, second := claimsIn(t, base.requests[0]), claimsIn(t, base.requests[1])
		require.NotEqual(t, first.Jti, second.Jti)
		require.Equal(t, "n-1", second.Nonce)
		require.Equal(t, first.Ath, second.Ath)
		require.Equal(t, base.requests[0].ContentLength, base.requests[1].ContentLength)
	})
	t.Run("D41 endless challenges", func(t *testing.T) {
		t.Parallel()
		n := 0
		base := always(func() *http.Response {
			n++
			response := challenged("n-" + strings.Repeat("x", n))
			response.Body = io.NopCloser(strings.NewReader("refused"))
			return response
		})
		response, text := do(t, clientOf(t, base), tokenRequest(t, "GET", apiURL, ""))
		require.Len(t, base.requests, 2)
		require.Equal(t, 401, response.StatusCode)
		require.Equal(t, "refused", text)
	})
	t.Run("D41 not for the nonce it had sent", func(t *testing.T) {
		t.Parallel()
		base := always(func() *http.Response { return challenged("n-1") })
		c := clientOf(t, base)
		do(t, c, tokenRequest(t, "GET", apiURL, ""))
		require.Len(t, base.requests, 2)
		do(t, c, tokenRequest(t, "GET", apiURL, ""))
		require.Len(t, base.requests, 3, "n-1 was sent and is not news")
	})
	t.Run("the repetition fails", func(t *testing.T) {
		t.Parallel()
		_, err := clientOf(t, script(challenged("n-1"))).Do(tokenRequest(t, "GET", apiURL, ""))
		require.ErrorContains(t, err, "one request too many")
	})
	t.Run("D41 each of the challenges, and nothing like them", func(t *testing.T) {
		t.Parallel()
		const jsonType, www = "application/json", "WWW-Authenticate"
		tests := []struct {
			name    string
			status  int
			body    string
			fields  []string
			repeats bool
		}{
			{"authorization server", 400, asChallenge, []string{"Content-Type", jsonType}, true},
			{"with a charset", 400, asChallenge, []string{"Content-Type", "Application/JSON; charset=utf-8"}, true},
			{"with 401", 401, asChallenge, []string{"Content-Type", jsonType}, true},
			{"resource server", 401, "", []string{www, rsChallenge}, true},
			{"resource server with 400", 400, "", []string{www, rsChallenge}, true},
			{"lower case, with algs and other schemes", 401, "", []string{www, `Bearer realm="x", dpop algs="ES256, PS256" , error = use_dpop_nonce`}, true},
			{"second line", 401, "", []string{www, "Basic realm=x", www, rsChallenge}, true},
			{"in another scheme", 401, "", []string{www, `Bearer error="use_dpop_nonce"`}, false},
			{"within a quoted string", 401, "", []string{www, `DPoP realm="error=\"use_dpop_nonce\""`}, false},
			{"another error", 401, "", []string{www, `DPoP error="invalid_token"`}, false},
			{"no challenge", 401, "", nil, false},
			{"another status", 403, asChallenge, []string{"Content-Type", jsonType, www, rsChallenge}, false},
			{"success", 200, asChallenge, []string{"Content-Type", jsonType}, false},
			{"not JSON", 400, asChallenge, []string{"Content-Type", "text/plain"}, false},
			{"no type", 400, asChallenge, nil, false},
			{"another JSON error", 400, `{"error":"invalid_grant"}`, []string{"Content-Type", jsonType}, false},
			{"deeper down", 400, `{"x":{"error":"use_dpop_nonce"}}`, []string{"Content-Type", jsonType}, false},
			{"not a string", 400, `{"error":["use_dpop_nonce"]}`, []string{"Content-Type", jsonType}, false},
			{"broken JSON", 400, `{"error":"use_dpop_nonce"`, []string{"Content-Type", jsonType}, false},
			{"empty", 400, "", []string{"Content-Type", jsonType}, false},
		}
		for _, test := range tests {
			base := script(answer(test.status, test.body, append(test.fields, "DPoP-Nonce", "n-1")...), answer(200, "ok"))
			response, body := do(t, clientOf(t, base), tokenRequest(t, "GET", apiURL, ""))
			if test.repeats {
				require.Equal(t, 200, response.StatusCode, test.name)
				continue
			}
			require.Equal(t, test.status, response.StatusCode, test.name)
			require.Equal(t, test.body, body, test.name)
		}
	})
}

func TestTransportBodies(t *testing.T) {
	t.Parallel()
	t.Run("a body that cannot be read again", func(t *testing.T) {
		t.Parallel()
		for name, getBody := range map[string]func() (io.ReadCloser, error){
			"no GetBody": nil, "GetBody fails": func() (io.ReadCloser, error) { return nil, errors.New("gone") },
		} {
			challenge := answer(400, asChallenge, "Content-Type", "application/json", "DPoP-Nonce", "n-1")
			base := script(challenge, answer(200, ""))
			c := clientOf(t, base)
			r := tokenRequest(t, "POST", apiURL, "payload")
			r.GetBody = getBody
			response, body := do(t, c, r)
			require.Equal(t, 400, response.StatusCode, name)
			require.Equal(t, asChallenge, body, name)
			do(t, c, tokenRequest(t, "GET", apiURL, ""))
			require.Equal(t, "n-1", claimsIn(t, base.requests[1]).Nonce, name)
		}
	})
	t.Run("a large JSON error comes through whole", func(t *testing.T) {
		t.Parallel()
		large := `{"error":"use_dpop_nonce","x":"` + strings.Repeat("y", 100_000) + `"}`
		base := script(answer(400, large, "Content-Type", "application/json", "DPoP-Nonce", "n-1"))
		_, body := do(t, clientOf(t, base), tokenRequest(t, "GET", apiURL, ""))
		require.Equal(t, large, body)
	})
	t.Run("a body that breaks off keeps its error", func(t *testing.T) {
		t.Parallel()
		broken := answer(400, "", "Content-Type", "application/json", "DPoP-Nonce", "n-1")
		closed := false
		broken.Body = bodyOf(io.MultiReader(strings.NewReader(`{"error":`), failingReader{}), &closed)
		response, err := clientOf(t, script(broken)).Do(tokenRequest(t, "GET", apiURL, ""))
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.ErrorIs(t, err, errBroken)
		require.Equal(t, `{"error":`, string(body))
		require.NoError(t, response.Body.Close())
		require.True(t, closed)
	})
	t.Run("the challenge's body is closed before the repetition", func(t *testing.T) {
		t.Parallel()
		closed := false
		challenge := challenged("n-1")
		challenge.Body = bodyOf(strings.NewReader("x"), &closed)
		do(t, clientOf(t, script(challenge, answer(200, ""))), tokenRequest(t, "GET", apiURL, ""))
		require.True(t, closed)
	})
	t.Run("the request's body is closed, sent or not", func(t *testing.T) {
		t.Parallel()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		ok := always(func() *http.Response { return answer(200, "") })
		good := &dpop.Transport{Signer: newSigner(t), Base: ok}
		for name, test := range map[string]struct {
			transport *dpop.Transport
			change    func(*http.Request) *http.Request
		}{
			"sent":                  {good, func(r *http.Request) *http.Request { return r }},
			"no signer":             {&dpop.Transport{Base: ok}, func(r *http.Request) *http.Request { return r }},
			"nil transport":         {nil, func(r *http.Request) *http.Request { return r }},
			"Bearer":                {good, func(r *http.Request) *http.Request { r.Header.Set("Authorization", "Bearer x"); return r }},
			"two tokens":            {good, func(r *http.Request) *http.Request { r.Header.Set("Authorization", "DPoP a b"); return r }},
			"two fields":            {good, func(r *http.Request) *http.Request { r.Header.Add("Authorization", "Bearer x"); return r }},
			"no token":              {good, func(r *http.Request) *http.Request { r.Header.Set("Authorization", "DPoP"); return r }},
			"no host":               {good, func(r *http.Request) *http.Request { r.URL.Host = ""; return r }},
			"no URL":                {good, func(r *http.Request) *http.Request { r.URL = nil; return r }},
			"no ASCII host":         {good, func(r *http.Request) *http.Request { r.URL.Host, r.Host = "bücher.example", ""; return r }},
			"not http":              {good, func(r *http.Request) *http.Request { r.URL.Scheme = "ftp"; return r }},
			"context ended":         {good, func(r *http.Request) *http.Request { return r.WithContext(ended) }},
			"another origin":        {good, func(r *http.Request) *http.Request { r.Response = answerTo(t, "https://a.example"); return r }},
			"a method not in UTF-8": {good, func(r *http.Request) *http.Request { r.Method = "\xff"; return r }},
		} {
			closed := false
			r := tokenRequest(t, "POST", apiURL, "")
			r.Body = bodyOf(strings.NewReader("payload"), &closed)
			_, err := test.transport.RoundTrip(test.change(r))
			require.Equal(t, name == "sent", err == nil, "%s: %v", name, err)
			require.True(t, closed, name)
		}
		require.Len(t, ok.requests, 1)
	})
}

func answerTo(t testing.TB, url string) *http.Response {
	t.Helper()
	return &http.Response{Request: tokenRequest(t, "GET", url, "")}
}

var errBroken = errors.New("connection reset")

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errBroken }

type closing struct {
	io.Reader
	closed *bool
}

func (c closing) Close() error {
	*c.closed = true
	return nil
}

func bodyOf(r io.Reader, closed *bool) io.ReadCloser { return closing{r, closed} }
