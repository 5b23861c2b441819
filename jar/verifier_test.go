package jar_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jar"
)

// S65: what is not said is an error, never a check left out.
func TestNewVerifierRefuses(t *testing.T) {
	t.Parallel()
	sound := jar.VerifierConfig{Issuer: issuer, Clients: clients{}}
	_, err := jar.NewVerifier(sound)
	require.NoError(t, err)
	for text, change := range map[string]func(*jar.VerifierConfig){
		"Issuer is required":               func(c *jar.VerifierConfig) { c.Issuer = "" },
		"Issuer":                           func(c *jar.VerifierConfig) { c.Issuer = "http://as.example.com" },
		"Clients is required":              func(c *jar.VerifierConfig) { c.Clients = nil },
		"extra audience":                   func(c *jar.VerifierConfig) { c.ExtraAudiences = []string{issuer, ""} },
		`audience "as.example.com"`:        func(c *jar.VerifierConfig) { c.ExtraAudiences = []string{"as.example.com"} },
		"MaxLifetime must be":              func(c *jar.VerifierConfig) { c.MaxLifetime = time.Hour + 1 },
		"MaxLifetime must be from":         func(c *jar.VerifierConfig) { c.MaxLifetime = -1 },
		"MaxLifetime must be from 1 s":     func(c *jar.VerifierConfig) { c.MaxLifetime = time.Second - 1 },
		"Leeway must be":                   func(c *jar.VerifierConfig) { c.Leeway = time.Minute + 1 },
		"Leeway must be from":              func(c *jar.VerifierConfig) { c.Leeway = 10*time.Second - 1 },
		"Leeway must be from 10 s to 60 s": func(c *jar.VerifierConfig) { c.Leeway = -1 },
		"made by NewFetcher":               func(c *jar.VerifierConfig) { c.Fetcher = new(jar.Fetcher) },
		"needs a Fetcher":                  func(c *jar.VerifierConfig) { c.ByReferenceOnly = true },
	} {
		config := sound
		change(&config)
		verifier, err := jar.NewVerifier(config)
		assert.ErrorContains(t, err, text)
		assert.Nil(t, verifier)
	}
}

func TestUnconstructed(t *testing.T) {
	t.Parallel()
	form := pushed("client-1", object(t, claimsOf("client-1")))
	for _, unmade := range []*jar.Verifier{nil, new(jar.Verifier)} {
		params, err := unmade.Verify(t.Context(), "client-1", form)
		requireFault(t, params, err)
	}
	var none context.Context
	s := newServer(t)
	params, err := s.Verify(none, "client-1", form)
	requireFault(t, params, err)
	require.ErrorContains(t, err, "no context")
	s.clients["client-1"] = jar.Client{} // registered without keys: the server's fault
	params, err = s.Verify(t.Context(), "client-1", form)
	requireFault(t, params, err)
	require.ErrorContains(t, err, "a client without Keys")
}

func TestUnknownClient(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	form := pushed("nobody", sign(t, testkeys.ES256("client-1"), es256Header, claimsOf("nobody").json(t)))
	_, err := s.Verify(t.Context(), "nobody", form)
	requireRefused(t, jar.ErrClient, invalidRequest, err)
	s.clients["nobody"] = s.clients["client-1"]
	_, err = s.Verify(t.Context(), "nobody", form)
	require.NoError(t, err)
}

func TestZeroError(t *testing.T) {
	t.Parallel()
	zero := new(jar.Error)
	require.Equal(t, "jar: zero Error", zero.Error())
	require.Equal(t, invalidObject, zero.OAuthCode())
	require.NotErrorIs(t, zero, jar.ErrClient)
	require.NotEmpty(t, zero.LogValue().Group())
}

// TestLogValue: the log tells whose clock is wrong and by how much.
func TestLogValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, sound := newServer(t), claimsOf("client-1")
		now := time.Now().Unix()
		for want, c := range map[string]claims{
			"code=invalid_request_object offset=-5m0s":                       sound.with("nbf", now-600).with("exp", now-300),
			"lifetime=1h0m1s max_lifetime=1h0m0s":                            sound.with("exp", now+3601),
			"nbf or iat lies ahead code=invalid_request_object cause=absent": sound.without("nbf"),
			"too long after nbf code=invalid_request_object cause=absent":    sound.without("exp"),
			"offset=11s leeway=10s":                                          sound.with("nbf", now+11),
			"offset=1m2s leeway=10s":                                         sound.with("iat", now+62),
			"malformed: a claim is empty":                                    sound.with("jti", ""),
			"rule=aud does not hold the issuer":                              sound.with("aud", "x"),
		} {
			_, err := s.Verify(t.Context(), "client-1", pushed("client-1", object(t, c)))
			var refused *jar.Error
			require.ErrorAs(t, err, &refused)
			text := ""
			for _, attr := range refused.LogValue().Group() {
				text += attr.String() + " "
			}
			assert.Contains(t, text, want)
		}
	})
}

func TestObserve(t *testing.T) {
	t.Parallel()
	var events []jar.Event
	s := newServer(t, func(c *jar.VerifierConfig) { c.Observe = func(e jar.Event) { events = append(events, e) } })
	s.accepts(t, "client-1", object(t, claimsOf("client-1")))
	_, err := s.Verify(t.Context(), "client-1", pushed("client-1", object(t, claimsOf("client-1").with("exp", 1))))
	require.Equal(t, []jar.Event{{ClientID: "client-1"}, {Err: err}}, events)
}

// faulty is a ClientSource and KeySource that does something before it answers.
type faulty struct {
	do    func(ctx context.Context) error
	after clients
}

func (f faulty) Client(ctx context.Context, id string) (jar.Client, bool, error) {
	err := f.do(ctx)
	client, ok, _ := f.after.Client(ctx, id)
	return client, ok, err
}

func (f faulty) Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	err := f.do(ctx)
	found, _ := f.after["client-1"].Keys.Keys(ctx, kid, alg)
	return found, err
}

// withFault returns servers in which one source does do.
func withFault(t *testing.T, do func(ctx context.Context) error) map[string]*server {
	t.Helper()
	sound := newServer(t).clients
	servers := map[string]*server{
		"clients": newServer(t, func(c *jar.VerifierConfig) { c.Clients = faulty{do, sound} }),
		"keys":    newServer(t),
	}
	servers["keys"].clients["client-1"] = jar.Client{Keys: faulty{do, sound}}
	return servers
}

type oauthFault struct{ error }

func (oauthFault) OAuthCode() string { return "invalid_token" }

func TestFaults(t *testing.T) {
	t.Parallel()
	verify := func(t *testing.T, ctx context.Context, s *server) error {
		t.Helper()
		params, err := s.Verify(ctx, "client-1", pushed("client-1", object(t, claimsOf("client-1"))))
		requireFault(t, params, err)
		return err
	}
	errDown := errors.New("the source is down")
	t.Run("X01 an error refuses", func(t *testing.T) {
		t.Parallel()
		for _, s := range withFault(t, func(context.Context) error { return errDown }) {
			require.ErrorIs(t, verify(t, t.Context(), s), errDown)
		}
		for _, s := range withFault(t, func(context.Context) error { return oauthFault{errDown} }) {
			verify(t, t.Context(), s) // somebody else's refusal is not ours
		}
		for _, s := range withFault(t, func(context.Context) error { return nil }) {
			s.accepts(t, "client-1", object(t, claimsOf("client-1")))
		}
	})
	t.Run("X01 a panic refuses", func(t *testing.T) {
		t.Parallel()
		for _, s := range withFault(t, func(context.Context) error { panic("secret: client-1") }) {
			require.NotContains(t, verify(t, t.Context(), s).Error(), "secret")
		}
	})
	t.Run("X01 a hollow key refuses", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.clients["client-1"] = jar.Client{Keys: anyKey{&ecdsa.PublicKey{Curve: elliptic.P256()}}}
		params, err := s.Verify(t.Context(), "client-1", pushed("client-1", object(t, claimsOf("client-1"))))
		require.Error(t, err)
		require.Nil(t, params)
	})
	t.Run("X03 the context ends while a source answers", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			for _, s := range withFault(t, func(context.Context) error { time.Sleep(time.Second); return nil }) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second-1)
				require.ErrorIs(t, verify(t, ctx, s), context.DeadlineExceeded)
				cancel()
			}
			// Nor is "no such client" believed when it comes too late.
			s := newServer(t, func(c *jar.VerifierConfig) {
				c.Clients = faulty{func(context.Context) error { time.Sleep(time.Second); return nil }, clients{}}
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second-1)
			defer cancel()
			require.ErrorIs(t, verify(t, ctx, s), context.DeadlineExceeded)
		})
	})
}

// TestOrder: without a client there is nothing to decrypt or fetch, and an
// object that fails a cheap check costs no key lookup.
func TestOrder(t *testing.T) {
	t.Parallel()
	lookups := 0
	s := withFault(t, func(context.Context) error { lookups++; return nil })["keys"]
	sound := claimsOf("client-1")
	for _, c := range []claims{sound.with("aud", "x"), sound.with("exp", 1), sound.without("nbf"), sound.with("scope", 1)} {
		_, err := s.Verify(t.Context(), "client-1", pushed("client-1", object(t, c)))
		require.Error(t, err)
	}
	require.Zero(t, lookups)
	s.accepts(t, "client-1", object(t, sound))
	require.Equal(t, 1, lookups)
}
