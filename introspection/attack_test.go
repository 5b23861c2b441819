package introspection_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/replay"
)

// Everything a server can answer that is not an answer.
func TestUnusableAnswers(t *testing.T) {
	t.Parallel()
	answer := func(status int, contentType, body string) func() (*http.Response, error) {
		return func() (*http.Response, error) { return respond(status, contentType, body), nil }
	}
	const yes = `{"active":true}`
	for name, test := range map[string]struct {
		kind   error
		answer func() (*http.Response, error)
	}{
		"I11 500":                       {introspection.ErrUnavailable, answer(500, typeJSON, yes)},
		"I11 502 HTML":                  {introspection.ErrUnavailable, answer(502, "text/html", "<html>")},
		"I11 503":                       {introspection.ErrUnavailable, answer(503, typeJSON, yes)},
		"I11 429":                       {introspection.ErrUnavailable, answer(429, typeJSON, yes)},
		"I11 no connection":             {introspection.ErrUnavailable, func() (*http.Response, error) { return nil, errors.New("refused") }},
		"I11 a transport's OAuth error": {introspection.ErrUnavailable, func() (*http.Response, error) { return nil, coded("invalid_token") }},
		"I11 401":                       {introspection.ErrCredentials, answer(401, typeJSON, `{"error":"invalid_client"}`)},
		"I11 403":                       {introspection.ErrCredentials, answer(403, typeJSON, yes)},
		"I11 400 invalid_client":        {introspection.ErrCredentials, answer(400, typeJSON, `{"error":"invalid_client"}`)},
		"I11 400 invalid_request":       {introspection.ErrAnswer, answer(400, typeJSON, `{"error":"invalid_request"}`)},
		"I11 400 nonsense":              {introspection.ErrAnswer, answer(400, typeJSON, `{"error":"invalid_client","error":"x"}`)},
		"I11 404":                       {introspection.ErrAnswer, answer(404, typeJSON, yes)},
		"I11 201":                       {introspection.ErrAnswer, answer(201, typeJSON, yes)},
		"I11 204":                       {introspection.ErrAnswer, answer(204, "", "")},
		"I11 206":                       {introspection.ErrAnswer, answer(206, typeJSON, yes)},
		"I11 HTML":                      {introspection.ErrAnswer, answer(200, "text/html", "<html>")},
		"I11 JSON as HTML":              {introspection.ErrAnswer, answer(200, "text/html", yes)},
		"I11 no content type":           {introspection.ErrAnswer, answer(200, "", yes)},
		"I11 another charset":           {introspection.ErrAnswer, answer(200, typeJSON+"; charset=utf-16", yes)},
		"I11 a statement as JSON":       {introspection.ErrAnswer, answer(200, typeStatement, yes)},
		"I11 two content types": {introspection.ErrAnswer, func() (*http.Response, error) {
			return respond(200, typeJSON, yes, "Content-Type", "text/html"), nil
		}},
		"I11 truncated":           {introspection.ErrAnswer, answer(200, typeJSON, `{"active":true`)},
		"I11 empty":               {introspection.ErrAnswer, answer(200, typeJSON, "")},
		"I11 array":               {introspection.ErrAnswer, answer(200, typeJSON, "[true]")},
		"I11 two objects":         {introspection.ErrAnswer, answer(200, typeJSON, yes+yes)},
		"I11 huge":                {introspection.ErrAnswer, answer(200, typeJSON, `{"active":true,"x":"`+strings.Repeat("x", 64<<10)+`"}`)},
		"I11 huge, padded":        {introspection.ErrAnswer, answer(200, typeJSON, yes+strings.Repeat(" ", 64<<10))},
		"I11 active string":       {introspection.ErrAnswer, answer(200, typeJSON, `{"active":"true"}`)},
		"I11 active 1":            {introspection.ErrAnswer, answer(200, typeJSON, `{"active":1}`)},
		"I11 active null":         {introspection.ErrAnswer, answer(200, typeJSON, `{"active":null}`)},
		"I11 active twice":        {introspection.ErrAnswer, answer(200, typeJSON, `{"active":false,"active":true}`)},
		"I11 active escaped":      {introspection.ErrAnswer, answer(200, typeJSON, `{"active":false,"\u0061ctive":true}`)},
		"I11 Active":              {introspection.ErrAnswer, answer(200, typeJSON, `{"Active":true}`)},
		"I11 sub twice":           {introspection.ErrAnswer, answer(200, typeJSON, `{"active":true,"sub":"a","sub":"b"}`)},
		"I11 sub number":          {introspection.ErrAnswer, answer(200, typeJSON, `{"active":true,"sub":7}`)},
		"I11 exp string":          {introspection.ErrAnswer, answer(200, typeJSON, `{"active":true,"exp":"4102444800"}`)},
		"I11 exp null":            {introspection.ErrAnswer, answer(200, typeJSON, `{"active":true,"exp":null}`)},
		"I11 aud number":          {introspection.ErrAnswer, answer(200, typeJSON, `{"active":true,"aud":7}`)},
		"I11 scope array":         {introspection.ErrAnswer, answer(200, typeJSON, `{"active":true,"scope":["a"]}`)},
		"I11 scope two spaces":    {introspection.ErrAnswer, answer(200, typeJSON, `{"active":true,"scope":"a  b"}`)},
		"I11 cnf empty":           {introspection.ErrAnswer, answer(200, typeJSON, `{"active":true,"cnf":{}}`)},
		"I11 cnf null":            {introspection.ErrAnswer, answer(200, typeJSON, `{"active":true,"cnf":null}`)},
		"I11 cnf unknown":         {introspection.ErrAnswer, answer(200, typeJSON, `{"active":true,"cnf":{"kid":"1"}}`)},
		"I21 no active":           {introspection.ErrAnswer, answer(200, typeJSON, `{}`)},
		"I21 sub and scope alone": {introspection.ErrAnswer, answer(200, typeJSON, `{"sub":"alice","scope":"accounts","exp":4102444800}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := true
			h := roundTrip(func(*http.Request) (*http.Response, error) {
				if broken {
					return test.answer()
				}
				return respond(200, typeJSON, yes), nil
			}).client()
			client := newClient(t, h)
			token, err := client.Introspect(context.Background(), opaque)
			require.Nil(t, token)
			requireFault(t, test.kind, err)
			broken = false // control
			_, err = client.Introspect(context.Background(), opaque)
			require.NoError(t, err)
		})
	}
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	t.Run("I11 a redirect is not followed, whatever the client would do", func(t *testing.T) {
		t.Parallel()
		thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			t.Error("the token went elsewhere")
		}))
		defer thief.Close()
		for _, status := range []int{301, 302, 303, 307, 308} {
			as := httptest.NewServer(http.RedirectHandler(thief.URL, status))
			h := as.Client()
			h.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
			client := newClient(t, h, func(c *introspection.ClientConfig) { c.Endpoint = as.URL })
			_, err := client.Introspect(context.Background(), opaque)
			requireFault(t, introspection.ErrAnswer, err)
			as.Close()
		}
	})
}

// INTR-2-1: the client checks the server's certificate.
func TestTLS(t *testing.T) {
	t.Parallel()
	as := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", typeJSON)
		fmt.Fprint(w, `{"active":true}`)
	}))
	as.Config.ErrorLog = log.New(io.Discard, "", 0)
	as.StartTLS()
	defer as.Close()
	at := func(c *introspection.ClientConfig) { c.Endpoint = as.URL }
	stranger := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}}
	defer stranger.CloseIdleConnections()
	_, err := newClient(t, &http.Client{Transport: stranger}, at).Introspect(context.Background(), opaque)
	requireFault(t, introspection.ErrUnavailable, err)
	_, err = newClient(t, as.Client(), at).Introspect(context.Background(), opaque)
	require.NoError(t, err)
}

func TestStatements(t *testing.T) {
	t.Parallel()
	seconds := func(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }
	for name, test := range map[string]struct {
		body func(t *testing.T) string
		want error // nil: accepted
	}{
		"good":                     {func(t *testing.T) string { return statement(t) }, nil},
		"aud a list":               {func(t *testing.T) string { return statement(t, "aud", `["x","`+api+`"]`) }, nil},
		"made 59 s ago":            {func(t *testing.T) string { return statement(t, "iat", seconds(-59*time.Second)) }, nil},
		"made 59 s ahead":          {func(t *testing.T) string { return statement(t, "iat", seconds(59*time.Second)) }, nil},
		"not active":               {func(t *testing.T) string { return statement(t, "token_introspection", `{"active":false,"exp":"x"}`) }, introspection.ErrInactive},
		"for another audience":     {func(t *testing.T) string { return statement(t, "token_introspection", `{"active":true,"aud":"x"}`) }, introspection.ErrAudience},
		"I14 aud another":          {func(t *testing.T) string { return statement(t, "aud", `"https://other.example"`) }, introspection.ErrAnswer},
		"I14 aud missing":          {func(t *testing.T) string { return statement(t, "aud", "") }, introspection.ErrAnswer},
		"I14 iss another":          {func(t *testing.T) string { return statement(t, "iss", `"https://other.example"`) }, introspection.ErrAnswer},
		"I14 iss with a slash":     {func(t *testing.T) string { return statement(t, "iss", `"`+issuer+`/"`) }, introspection.ErrAnswer},
		"I14 iss missing":          {func(t *testing.T) string { return statement(t, "iss", "") }, introspection.ErrAnswer},
		"I14 old":                  {func(t *testing.T) string { return statement(t, "iat", seconds(-62*time.Second)) }, introspection.ErrAnswer},
		"I14 from the future":      {func(t *testing.T) string { return statement(t, "iat", seconds(62*time.Second)) }, introspection.ErrAnswer},
		"I14 no iat":               {func(t *testing.T) string { return statement(t, "iat", "") }, introspection.ErrAnswer},
		"I14 expired":              {func(t *testing.T) string { return statement(t, "exp", seconds(-time.Second)) }, introspection.ErrAnswer},
		"I14 active false outside": {func(t *testing.T) string { return statement(t, "token_introspection", "", "active", "true") }, introspection.ErrAnswer},
		"I14 member a string":      {func(t *testing.T) string { return statement(t, "token_introspection", `"{}"`) }, introspection.ErrAnswer},
		"I14 member twice": {func(t *testing.T) string {
			once := payloadOf(t, statement(t))
			return sign(t, testkeys.ES256("issuer"), "token-introspection+jwt", once[:len(once)-1]+`,"tok\u0065n_introspection":{"active":true}}`)
		}, introspection.ErrAnswer},
		"I14 active not a boolean":  {func(t *testing.T) string { return statement(t, "token_introspection", `{"active":"true"}`) }, introspection.ErrAnswer},
		"I14 another key":           {func(t *testing.T) string { return resign(t, statement(t), testkeys.ES256("mallory")) }, introspection.ErrAnswer},
		"I14 signature cut":         {func(t *testing.T) string { s := statement(t); return s[:len(s)-4] }, introspection.ErrAnswer},
		"I14 unsigned JWT":          {func(t *testing.T) string { return unsigned(statement(t)) }, introspection.ErrAnswer},
		"I14 line break at the end": {func(t *testing.T) string { return statement(t) + "\n" }, introspection.ErrAnswer},
		"I13 typ at+jwt": {func(t *testing.T) string {
			return sign(t, testkeys.ES256("issuer"), "at+jwt", payloadOf(t, statement(t)))
		}, introspection.ErrAnswer},
		"I13 typ JWT": {func(t *testing.T) string {
			return sign(t, testkeys.ES256("issuer"), "JWT", payloadOf(t, statement(t)))
		}, introspection.ErrAnswer},
		"I13 no typ": {func(t *testing.T) string {
			return sign(t, testkeys.ES256("issuer"), "", payloadOf(t, statement(t)))
		}, introspection.ErrAnswer},
		"I13 an access token": {func(t *testing.T) string { return accessToken(t) }, introspection.ErrAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				body := test.body(t)
				s := newServer(func(string) *http.Response { return respond(200, typeStatement, body, "Cache-Control", minute) })
				client := newClient(t, s.client(), signed(t))
				token, err := client.Introspect(context.Background(), opaque)
				switch test.want {
				case nil:
					require.NoError(t, err)
					require.Equal(t, "alice", token.Subject())
					require.Equal(t, body, string(token.Statement()))
				case introspection.ErrAnswer:
					requireFault(t, test.want, err)
					body = statement(t) // control
					_, err = client.Introspect(context.Background(), opaque)
					require.NoError(t, err)
				default:
					requireRule(t, test.want, err)
				}
			})
		})
	}
	t.Run("I14 JSON where a statement was asked for", func(t *testing.T) {
		t.Parallel()
		s := newServer(always(""))
		_, err := newClient(t, s.client(), signed(t)).Introspect(context.Background(), opaque)
		requireFault(t, introspection.ErrAnswer, err)
		_, err = newClient(t, s.client()).Introspect(context.Background(), opaque)
		require.NoError(t, err, "control: without Keys it would do")
	})
	t.Run("I14 an old statement is no good later", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			recorded := statement(t)
			s := newServer(func(string) *http.Response { return respond(200, typeStatement, recorded) })
			client := newClient(t, s.client(), signed(t))
			_, err := client.Introspect(context.Background(), opaque)
			require.NoError(t, err)
			time.Sleep(61 * time.Second)
			_, err = client.Introspect(context.Background(), opaque)
			requireFault(t, introspection.ErrAnswer, err)
		})
	})
}

// resign keeps header and payload, and signs them with another key.
func resign(t testing.TB, token string, key crypto.Signer) string {
	t.Helper()
	return sign(t, key, "token-introspection+jwt", payloadOf(t, token))
}

func payloadOf(t testing.TB, token string) string {
	t.Helper()
	jws, err := jose.Parse(token)
	require.NoError(t, err)
	return string(jws.Payload)
}

func unsigned(token string) string {
	return jose.Encode([]byte(`{"alg":"none","typ":"token-introspection+jwt"}`)) + "." + strings.Split(token, ".")[1] + "."
}

func TestStatementIsNoAccessToken(t *testing.T) {
	t.Parallel()
	t.Run("I13 the verifier of access tokens refuses it", func(t *testing.T) {
		t.Parallel()
		tokens, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{Issuer: issuer, Audience: api, Keys: issuerKeys(t)})
		require.NoError(t, err)
		everything := accessTokenPayload("token_introspection", `{"active":true}`)
		_, err = tokens.Verify(context.Background(), sign(t, testkeys.ES256("issuer"), "token-introspection+jwt", everything))
		require.ErrorIs(t, err, accesstoken.ErrType)
		_, err = tokens.Verify(context.Background(), sign(t, testkeys.ES256("issuer"), "at+jwt", everything))
		require.NoError(t, err, "control: it is the type alone")
	})
	t.Run("I13 nor does a gateway take it for a phantom answer", func(t *testing.T) {
		t.Parallel()
		body := sign(t, testkeys.ES256("issuer"), "token-introspection+jwt", accessTokenPayload())
		s := newServer(func(string) *http.Response { return respond(200, typePhantom, body) })
		phantom := newPhantom(t, s.client(), func(c *introspection.PhantomConfig[*accesstoken.Token]) {
			c.Verify = func(context.Context, string) (*accesstoken.Token, error) { return &accesstoken.Token{}, nil } // a careless one
		})
		_, _, err := phantom.Exchange(context.Background(), opaque)
		requireFault(t, introspection.ErrAnswer, err)
		body = accessToken(t)
		_, _, err = phantom.Exchange(context.Background(), opaque)
		require.NoError(t, err)
	})
}

func TestPossession(t *testing.T) {
	t.Parallel()
	t.Run("I10 a remembered token needs a proof each time", func(t *testing.T) {
		t.Parallel()
		alice, mallory := testkeys.ES256("alice"), testkeys.ES256("mallory")
		s := newServer(always(fmt.Sprintf(`,"cnf":{"jkt":%q}`, dpop.JKT(dpoptest.Thumbprint(t, alice)))))
		memory, err := replay.NewMemory(replay.MemoryConfig{})
		require.NoError(t, err)
		proofs, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{api}, Replay: memory})
		require.NoError(t, err)
		guard, err := cnf.New(cnf.Config[*introspection.Token]{
			Verify: newClient(t, s.client()).Introspect, Methods: []cnf.Method{proofs},
		})
		require.NoError(t, err)
		send := func(scheme, proof string) int {
			r := httptest.NewRequest("GET", api+"/accounts", nil)
			r.Header.Set("Authorization", scheme+" "+opaque)
			if proof != "" {
				r.Header.Set("DPoP", proof)
			}
			w := httptest.NewRecorder()
			guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
			return w.Code
		}
		fresh := func(key crypto.Signer) string { return dpoptest.Proof(t, key, "GET", api+"/accounts", opaque) }
		proof := fresh(alice)
		require.Equal(t, 200, send("DPoP", proof))
		require.Equal(t, 401, send("DPoP", ""))
		require.Equal(t, 401, send("Bearer", ""))
		require.Equal(t, 401, send("DPoP", proof))
		require.Equal(t, 401, send("DPoP", fresh(mallory)))
		require.Equal(t, 200, send("DPoP", fresh(alice)))
		require.EqualValues(t, 1, s.asked.Load(), "the token was remembered all along")
	})
}

// The refusal texts and faults of a client hold nothing of the token.
func TestNoTokenInErrors(t *testing.T) {
	t.Parallel()
	for _, answer := range []*http.Response{inactive(), respond(200, typeJSON, opaque), respond(500, "", opaque)} {
		_, err := newClient(t, newServer(func(string) *http.Response { return answer }).client()).Introspect(context.Background(), opaque)
		require.Error(t, err)
		require.False(t, bytes.Contains([]byte(err.Error()), []byte(opaque[:8])), err.Error())
	}
}
