package privatekeyjwt_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/oauthhttp"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

func TestNewVerifierRefuses(t *testing.T) {
	t.Parallel()
	sound := privatekeyjwt.VerifierConfig{Issuer: issuer, Clients: clients{}, Replay: forgetful{}}
	_, err := privatekeyjwt.NewVerifier(sound)
	require.NoError(t, err)
	for text, change := range map[string]func(*privatekeyjwt.VerifierConfig){
		"Issuer is required":                func(c *privatekeyjwt.VerifierConfig) { c.Issuer = "" },
		"Issuer":                            func(c *privatekeyjwt.VerifierConfig) { c.Issuer = "http://as.example.com" },
		"Clients is required":               func(c *privatekeyjwt.VerifierConfig) { c.Clients = nil },
		"replay.NewMemory":                  func(c *privatekeyjwt.VerifierConfig) { c.Replay = nil },
		"replay.Off{}":                      func(c *privatekeyjwt.VerifierConfig) { c.Replay = nil },
		"extra audience":                    func(c *privatekeyjwt.VerifierConfig) { c.ExtraAudiences = []string{issuer, ""} },
		`audience "as.example.com"`:         func(c *privatekeyjwt.VerifierConfig) { c.ExtraAudiences = []string{"as.example.com"} },
		"MaxLifetime must be":               func(c *privatekeyjwt.VerifierConfig) { c.MaxLifetime = time.Hour + 1 },
		"MaxLifetime must be from":          func(c *privatekeyjwt.VerifierConfig) { c.MaxLifetime = -1 },
		"Leeway must be":                    func(c *privatekeyjwt.VerifierConfig) { c.Leeway = time.Minute + 1 },
		"Leeway must be from":               func(c *privatekeyjwt.VerifierConfig) { c.Leeway = 10*time.Second - 1 },
		"Leeway must be from 10 s to 60 s":  func(c *privatekeyjwt.VerifierConfig) { c.Leeway = -1 },
		"MaxLifetime must be from 1 s to 1": func(c *privatekeyjwt.VerifierConfig) { c.MaxLifetime = time.Second - 1 },
	} {
		config := sound
		change(&config)
		verifier, err := privatekeyjwt.NewVerifier(config)
		assert.ErrorContains(t, err, text)
		assert.Nil(t, verifier)
	}
}

func TestUnconstructed(t *testing.T) {
	t.Parallel()
	r := post(assertionForm(assertion(t, claimsOf("client-1"))))
	got, err := (*privatekeyjwt.Verifier)(nil).Authenticate(r)
	requireFault(t, got, err)
	got, err = new(privatekeyjwt.Verifier).Authenticate(r)
	requireFault(t, got, err)
	s := newServer(t)
	got, err = s.Authenticate(nil)
	requireFault(t, got, err)
	_, err = s.Authenticate(&http.Request{})
	requireRefused(t, privatekeyjwt.ErrRequest, invalidRequest, err)
	s.clients["client-1"] = privatekeyjwt.Client{} // registered without keys: the server's fault
	got, err = s.Authenticate(r)
	requireFault(t, got, err)
	require.ErrorContains(t, err, "a client without Keys")
}

func TestZeroError(t *testing.T) {
	t.Parallel()
	zero := new(privatekeyjwt.Error)
	require.Equal(t, "privatekeyjwt: zero Error", zero.Error())
	require.Equal(t, invalidClient, zero.OAuthCode())
	require.NotErrorIs(t, zero, privatekeyjwt.ErrClient)
	require.NotEmpty(t, zero.LogValue().Group())
}

// TestLogValue: the log tells whose clock is wrong and by how much.
func TestLogValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, sound := newServer(t), claimsOf("client-1")
		now := time.Now().Unix()
		for want, c := range map[string]claims{
			"code=invalid_client offset=-5m0s max_lifetime=5m0s": sound.with("exp", now-300),
			"code=invalid_client offset=24h0m0s max_lifetime":    sound.with("exp", now+24*3600),
			"code=invalid_client cause=absent":                   sound.without("exp"),
			"code=invalid_client offset=1m2s leeway=10s":         sound.with("iat", now+62),
			"code=invalid_client offset=11s leeway=10s":          sound.with("nbf", now+11),
			"malformed: a claim is empty":                        sound.with("jti", ""),
			"rule=aud is not the issuer":                         sound.with("aud", "x"),
		} {
			_, err := s.authenticate(assertion(t, c))
			var refused *privatekeyjwt.Error
			require.ErrorAs(t, err, &refused)
			text := ""
			for _, attr := range refused.LogValue().Group() {
				text += attr.String() + " "
			}
			assert.Contains(t, text, want)
		}
	})
}

func TestRequestForm(t *testing.T) {
	t.Parallel()
	s, form := newServer(t), assertionForm(assertion(t, claimsOf("client-1"))).Encode()
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"GET":        {func(r *http.Request) { r.Method = http.MethodGet }, http.StatusMethodNotAllowed},
		"JSON":       {func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, http.StatusBadRequest},
		"no type":    {func(r *http.Request) { r.Header.Del("Content-Type") }, http.StatusBadRequest},
		"too large":  {func(r *http.Request) { r.ContentLength = 64<<10 + 1 }, http.StatusRequestEntityTooLarge},
		"malformed":  {func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(form + "&a=%zz")) }, http.StatusBadRequest},
		"semicolons": {func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(form + ";a=b")) }, http.StatusBadRequest},
	} {
		r := httptest.NewRequest(http.MethodPost, tokenEndpoint, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		c.change(r)
		_, err := s.Authenticate(r)
		requireRefused(t, privatekeyjwt.ErrRequest, invalidRequest, err)
		response := httptest.NewRecorder()
		oauthhttp.WriteError(response, err)
		assert.Equal(t, c.status, response.Code, name)
	}
	r := post(nil)
	r.Body, r.ContentLength = io.NopCloser(broken{}), -1
	got, err := s.Authenticate(r) // nobody's fault that can be named
	requireFault(t, got, err)
	require.ErrorIs(t, err, errDown)

	// Control, and the form is still there for the endpoint.
	r = httptest.NewRequest(http.MethodPost, tokenEndpoint, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	got, err = s.Authenticate(r)
	require.NoError(t, err)
	require.Equal(t, "client-1", got)
	require.Equal(t, "client_credentials", r.PostForm.Get("grant_type"))
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errDown }

// TestResponses shows what a client learns: the code, and nothing else.
func TestResponses(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	bodies := map[string]bool{}
	for _, token := range []string{
		"junk",
		sign(t, testkeys.ES256("client-1"), es256Header, claimsOf("nobody").json(t)),
		sign(t, testkeys.ES256("attacker"), es256Header, claimsOf("client-1").json(t)),
		sign(t, testkeys.ES256("client-1"), `{"alg":"ES256","kid":"?"}`, claimsOf("client-1").json(t)),
		assertion(t, claimsOf("client-1").with("exp", 1)),
	} {
		_, err := s.authenticate(token)
		response := httptest.NewRecorder()
		oauthhttp.WriteError(response, err)
		require.Equal(t, http.StatusUnauthorized, response.Code)
		bodies[response.Body.String()] = true
	}
	require.Len(t, bodies, 1)
	response := httptest.NewRecorder()
	oauthhttp.WriteError(response, errors.New("privatekeyjwt: replay store: down"))
	require.Equal(t, http.StatusServiceUnavailable, response.Code)
}

func TestObserve(t *testing.T) {
	t.Parallel()
	var events []privatekeyjwt.Event
	s := newServer(t, func(c *privatekeyjwt.VerifierConfig) {
		c.Observe = func(e privatekeyjwt.Event) { events = append(events, e) }
	})
	token := assertion(t, claimsOf("client-1"))
	s.accepts(t, "client-1", token)
	_, err := s.authenticate(token)
	require.Equal(t, []privatekeyjwt.Event{{ClientID: "client-1"}, {Err: err}}, events)
}

// TestUnknownClaims: RFC 7523 section 3-8 and the header's unknown members.
func TestUnknownClaims(t *testing.T) {
	t.Parallel()
	c := claimsOf("client-1").with("scope", "x").with("htm", []int{1}).with("azp", nil)
	newServer(t).accepts(t, "client-1", sign(t, testkeys.ES256("client-1"), `{"alg":"ES256","kid":"k1","x5t":1,"foo":{}}`, c.json(t)))
}

// TestCheckOrder: what costs nothing comes before what costs something.
func TestCheckOrder(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var lookups int
	counted := newServer(t, func(c *privatekeyjwt.VerifierConfig) {
		c.Clients = countingClients{s.clients, &lookups}
		c.Replay = s.store
	})
	sound := claimsOf("client-1")
	for _, c := range []claims{sound.with("aud", "x"), sound.with("exp", 1), sound.without("jti"), sound.with("iat", sound["exp"])} {
		_, err := counted.authenticate(assertion(t, c))
		require.Error(t, err)
	}
	require.Zero(t, lookups)
	counted.accepts(t, "client-1", assertion(t, sound))
	require.Equal(t, 1, lookups)
}
