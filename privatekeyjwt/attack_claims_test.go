package privatekeyjwt_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// refusesClaims changes one claim of a sound assertion, and then lets the sound
// one through, whose jti the refused one has.
func refusesClaims(t *testing.T, rule error, name string, values ...any) {
	t.Helper()
	for _, value := range values {
		s, sound := newServer(t), claimsOf("client-1")
		s.refuses(t, rule, invalidClient, post(assertionForm(assertion(t, sound.with(name, value)))))
		s.accepts(t, "client-1", assertion(t, sound))
	}
}

func TestAudienceAttacks(t *testing.T) {
	t.Parallel()
	t.Run("C01 endpoint URL as audience", func(t *testing.T) {
		t.Parallel()
		refusesClaims(t, privatekeyjwt.ErrAudience, "aud", issuer+"/token", issuer+"/par", issuer+"/introspect")
		// Control: FAPI 1.0 asks for it by name.
		s := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.ExtraAudiences = []string{issuer + "/token"} })
		s.accepts(t, "client-1", assertion(t, claimsOf("client-1").with("aud", issuer+"/token")))
		s.refuses(t, privatekeyjwt.ErrAudience, invalidClient,
			post(assertionForm(assertion(t, claimsOf("client-1").with("aud", issuer+"/par")))))
	})
	t.Run("C02 audience array", func(t *testing.T) {
		t.Parallel()
		refusesClaims(t, privatekeyjwt.ErrAudience, "aud",
			[]string{issuer}, []string{issuer, "https://evil.example"}, []string{issuer, issuer}, []string{})
		// Control: the issuer as extra audience allows arrays.
		s := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.ExtraAudiences = []string{issuer} })
		s.accepts(t, "client-1", assertion(t, claimsOf("client-1").with("aud", []string{issuer})))
		s.refuses(t, privatekeyjwt.ErrAudience, invalidClient,
			post(assertionForm(assertion(t, claimsOf("client-1").with("aud", []string{})))))
	})
	t.Run("C03 audience near misses", func(t *testing.T) {
		t.Parallel()
		refusesClaims(t, privatekeyjwt.ErrAudience, "aud", issuer+"/", "https://AS.example.com", "HTTPS://as.example.com",
			issuer+":443", "http://as.example.com", issuer+"/Path", "https://аs.example.com", issuer+" ", " "+issuer,
			issuer+".evil.example", "https://as.example.co", "as.example.com", issuer+"?", issuer+"#", issuer+"\x00")
	})
	t.Run("C04 assertion for another server", func(t *testing.T) {
		t.Parallel()
		a := newServer(t)
		b := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.Issuer = "https://b.example.com" })
		token := assertion(t, claimsOf("client-1"))
		b.refuses(t, privatekeyjwt.ErrAudience, invalidClient, post(assertionForm(token)))
		a.accepts(t, "client-1", token)
	})
	t.Run("C05 endpoint of the victim in the attacker's metadata", func(t *testing.T) {
		t.Parallel()
		// The check of the document is the metadata client's. Where it is left
		// out, aud is still the issuer the client was configured with.
		victim, sent := newServer(t), url.Values{}
		signer := newSigner(t, func(c *privatekeyjwt.SignerConfig) { c.Issuer = "https://evil.example" })
		require.NoError(t, signer.AuthenticateClient(t.Context(), sent))
		victim.refuses(t, privatekeyjwt.ErrAudience, invalidClient, post(sent))
		require.NoError(t, newSigner(t).AuthenticateClient(t.Context(), sent))
		victim.accepts(t, "client-1", sent.Get("client_assertion"))
	})
	t.Run("C25 one issuer for two deployments", func(t *testing.T) {
		t.Parallel()
		// Documented: nothing in the assertion tells them apart. A common store
		// makes it single-use, an issuer of their own keeps it out (C04).
		staging, production := newServer(t), newServer(t)
		token := assertion(t, claimsOf("client-1"))
		staging.accepts(t, "client-1", token)
		shared := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.Replay = staging.store })
		_, err := shared.authenticate(token)
		requireRefused(t, privatekeyjwt.ErrReplay, invalidClient, err)
		production.accepts(t, "client-1", token)
	})
}

func TestIdentityAttacks(t *testing.T) {
	t.Parallel()
	t.Run("C06 iss and sub", func(t *testing.T) {
		t.Parallel()
		refusesClaims(t, privatekeyjwt.ErrSubject, "iss", "client-2", "CLIENT-1")
		refusesClaims(t, privatekeyjwt.ErrSubject, "sub", "client-2", "client-1 ")
		refusesClaims(t, privatekeyjwt.ErrMalformed, "sub", "", 1, nil, []string{"client-1"})
		refusesClaims(t, privatekeyjwt.ErrIssuer, "iss", "client\n1", "clïent", "client-1\x00")
		s, sound := newServer(t), claimsOf("client-1")
		s.refuses(t, privatekeyjwt.ErrIssuer, invalidClient, post(assertionForm(assertion(t, sound.without("iss")))))
		s.refuses(t, privatekeyjwt.ErrSubject, invalidClient, post(assertionForm(assertion(t, sound.without("sub")))))
		s.accepts(t, "client-1", assertion(t, sound))
	})
	t.Run("C06 client_id of another client", func(t *testing.T) {
		t.Parallel()
		s, token := newServer(t), assertion(t, claimsOf("client-1"))
		for _, id := range []string{"client-2", "CLIENT-1", "client-1 ", "nobody"} {
			s.refuses(t, privatekeyjwt.ErrClientID, invalidClient, post(assertionForm(token, "client_id", id)))
		}
		got, err := s.Authenticate(post(assertionForm(token, "client_id", "client-1")))
		require.NoError(t, err)
		require.Equal(t, "client-1", got)
	})
	t.Run("C07 two sets of credentials", func(t *testing.T) {
		t.Parallel()
		s, token := newServer(t), assertion(t, claimsOf("client-1"))
		second := assertion(t, claimsOf("client-1"))
		for _, field := range []string{"Basic Y2xpZW50LTE6eA==", "Bearer t", "DPoP t", ""} {
			r := post(assertionForm(token))
			r.Header.Set("Authorization", field)
			s.refuses(t, privatekeyjwt.ErrMethods, invalidRequest, r)
		}
		s.refuses(t, privatekeyjwt.ErrMethods, invalidRequest, post(assertionForm(token, "client_secret", "s")))
		for _, query := range []string{"client_secret=s", "a=b;client%5fsecret=s", "client_assertion=" + second, "client_assertion_type=x", "%zz"} {
			r := post(assertionForm(token))
			r.URL.RawQuery = query
			s.refuses(t, privatekeyjwt.ErrMethods, invalidRequest, r)
		}
		s.refuses(t, privatekeyjwt.ErrRequest, invalidRequest, post(assertionForm(token, "client_assertion", second)))
		s.refuses(t, privatekeyjwt.ErrRequest, invalidRequest, post(assertionForm(token, "CLIENT_ASSERTION", second)))
		s.refuses(t, privatekeyjwt.ErrRequest, invalidRequest, post(assertionForm(token, "client_id", "client-1", "client_id", "client-2")))
		// RFC 7521 4.2.1: this one is a failed authentication, not a conflict.
		s.refuses(t, privatekeyjwt.ErrClientID, invalidClient, post(assertionForm(token, "client_id", "client-2")))
		r := post(assertionForm(token, "resource", "https://a.example", "resource", "https://b.example", "client_secret", ""))
		r.URL.RawQuery = "tenant=1"
		got, err := s.Authenticate(r)
		require.NoError(t, err)
		require.Equal(t, "client-1", got)
	})
	t.Run("C17 unsigned assertion beside a secret", func(t *testing.T) {
		t.Parallel()
		s, sound := newServer(t), claimsOf("client-1")
		none := jose.Encode([]byte(`{"alg":"none"}`)) + "." + jose.Encode([]byte(sound.json(t))) + "."
		for _, token := range []string{none, "garbage", "a.b.c"} {
			s.refuses(t, privatekeyjwt.ErrMethods, invalidRequest, post(assertionForm(token, "client_secret", "right")))
		}
		s.refuses(t, privatekeyjwt.ErrAlgorithm, invalidClient, post(assertionForm(none)))
		s.refuses(t, privatekeyjwt.ErrMalformed, invalidClient, post(assertionForm("garbage")))
		s.accepts(t, "client-1", assertion(t, sound))
	})
	t.Run("no or another assertion", func(t *testing.T) {
		t.Parallel()
		s, token := newServer(t), assertion(t, claimsOf("client-1"))
		for _, kind := range []string{"", "jwt-bearer", bearerType + " ", strings.ToUpper(bearerType),
			"urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "urn:ietf:params:oauth:grant-type:jwt-bearer"} {
			form := assertionForm(token)
			form.Set("client_assertion_type", kind)
			s.refuses(t, privatekeyjwt.ErrAssertion, invalidClient, post(form))
		}
		s.refuses(t, privatekeyjwt.ErrAssertion, invalidClient, post(assertionForm("")))
		r := post(url.Values{"client_id": {"client-1"}})
		r.URL.RawQuery = assertionForm(token).Encode()
		s.refuses(t, privatekeyjwt.ErrAssertion, invalidClient, r)
		s.accepts(t, "client-1", token)
	})
}

func TestTimeAttacks(t *testing.T) {
	t.Parallel()
	t.Run("C09 exp missing, past or far ahead", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			now := time.Now().Unix()
			refusesClaims(t, privatekeyjwt.ErrExpiry, "exp", 0, now, now-1, now-300, float64(now)-0.5, now+311, now+24*3600)
			refusesClaims(t, privatekeyjwt.ErrMalformed, "exp", "4102444800", nil, true, -1, 1e300, []int64{now + 60})
			s, sound := newServer(t), claimsOf("client-1")
			s.refuses(t, privatekeyjwt.ErrExpiry, invalidClient, post(assertionForm(assertion(t, sound.without("exp")))))
			// Controls: a fraction is a NumericDate, and the limits are inclusive.
			for _, exp := range []any{float64(now) + 0.5, now + 1, now + 310} {
				s.accepts(t, "client-1", assertion(t, claimsOf("client-1").with("exp", exp)))
			}
			long := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.MaxLifetime = time.Hour })
			long.accepts(t, "client-1", assertion(t, claimsOf("client-1").with("exp", now+3610)))
			long.refuses(t, privatekeyjwt.ErrExpiry, invalidClient,
				post(assertionForm(assertion(t, claimsOf("client-1").with("exp", now+24*3600)))))
		})
	})
	t.Run("C10 nbf and iat ahead", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			now := time.Now().Unix()
			for _, name := range []string{"nbf", "iat"} {
				refusesClaims(t, privatekeyjwt.ErrNotBefore, name, now+11, now+61, now+62)
				refusesClaims(t, privatekeyjwt.ErrMalformed, name, "0", nil)
				newServer(t).accepts(t, "client-1", assertion(t, claimsOf("client-1").with(name, now+8)))
				newServer(t).accepts(t, "client-1", assertion(t, claimsOf("client-1").with(name, now+10)))
				newServer(t).accepts(t, "client-1", assertion(t, claimsOf("client-1").without(name)))
			}
		})
	})
	t.Run("C11 jti missing", func(t *testing.T) {
		t.Parallel()
		refusesClaims(t, privatekeyjwt.ErrMalformed, "jti", "", 1, nil, true, []string{"a"}, claims{})
		s, sound := newServer(t), claimsOf("client-1")
		s.refuses(t, privatekeyjwt.ErrID, invalidClient, post(assertionForm(assertion(t, sound.without("jti")))))
		s.accepts(t, "client-1", assertion(t, sound))
	})
}
