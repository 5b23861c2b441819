package jarm_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jarm"
)

func TestAttackAlgorithm(t *testing.T) {
	t.Parallel()
	t.Run("J01 none, HMAC and what does not exist", func(t *testing.T) {
		t.Parallel()
		p, payload := newRP(t), sound().json(t)
		for _, alg := range []string{"none", "None", "HS256", "RS256", "ES384", "FOO", ""} {
			header := `{"alg":"` + alg + `","kid":"as-1"}`
			p.refuses(t, jarm.ErrAlgorithm, sign(t, serverKey(), header, payload))
		}
		p.refuses(t, jarm.ErrAlgorithm, jose.Encode([]byte(`{"alg":"none"}`))+"."+jose.Encode([]byte(payload))+".")
		require.Zero(t, p.source.asks.Load())
		p.accepts(t, getResponse(sign(t, serverKey(), es256Header, payload)))
	})
	t.Run("S30 HMAC with the public key as secret", func(t *testing.T) {
		t.Parallel()
		p := newRP(t)
		public, err := jose.CanonicalJWK(serverKey().Public())
		require.NoError(t, err)
		input := jose.Encode([]byte(`{"alg":"HS256","kid":"as-1"}`)) + "." + jose.Encode([]byte(sound().json(t)))
		mac := hmac.New(sha256.New, public)
		mac.Write([]byte(input))
		p.refuses(t, jarm.ErrAlgorithm, input+"."+jose.Encode(mac.Sum(nil)))
		p.accepts(t, getResponse(response(t, sound())))
	})
	t.Run("J01 an algorithm that is not the key's", func(t *testing.T) {
		t.Parallel()
		p := newRP(t)
		p.refuses(t, jarm.ErrAlgorithm, sign(t, serverKey(), `{"alg":"EdDSA","kid":"as-1"}`, sound().json(t)))
		for _, key := range []struct {
			header string
			signer crypto.Signer
		}{
			{`{"alg":"EdDSA","kid":"as-1"}`, testkeys.EdDSA("as")}, {`{"alg":"Ed25519","kid":"as-1"}`, testkeys.EdDSA("as")},
			{`{"alg":"PS256","kid":"as-1"}`, testkeys.PS256()},
		} {
			p := newRP(t, func(c *jarm.DecoderConfig) { c.Keys = publish(key.signer) })
			p.accepts(t, getResponse(sign(t, key.signer, key.header, sound().json(t))))
		}
	})
}

func TestAttackClaims(t *testing.T) {
	t.Parallel()
	t.Run("J02 another issuer, mix-up", func(t *testing.T) {
		t.Parallel()
		p, m := newRP(t), sound()
		for _, bad := range []members{
			m.without("iss"), m.with("iss", "https://evil.example"), m.with("iss", issuer+"/"),
			m.with("iss", "https://AS.example.com"), m.with("iss", "https://as.example.com:443"),
		} {
			p.refuses(t, jarm.ErrIssuer, response(t, bad))
		}
		p.refuses(t, jarm.ErrMalformed, response(t, m.with("iss", []string{issuer})))
		p.refuses(t, jarm.ErrMalformed, response(t, m.with("iss", "")))
		p.accepts(t, getResponse(response(t, m)))

		// The same response is right at the decoder of that server.
		evil := newRP(t, func(c *jarm.DecoderConfig) { c.Issuer = "https://evil.example" })
		evil.accepts(t, getResponse(response(t, m.with("iss", "https://evil.example"))))
	})
	t.Run("J03 another audience", func(t *testing.T) {
		t.Parallel()
		p, m := newRP(t), sound()
		for _, bad := range []members{
			m.without("aud"), m.with("aud", "client-2"), m.with("aud", "CLIENT-1"), m.with("aud", "client-1 "),
			m.with("aud", []string{"client-2", "client-11"}), m.with("aud", []string{}),
		} {
			p.refuses(t, jarm.ErrAudience, response(t, bad))
		}
		for _, bad := range []any{"", 1, nil, []any{client, 1}, []any{[]string{client}}, map[string]any{client: client}} {
			p.refuses(t, jarm.ErrMalformed, response(t, m.with("aud", bad)))
		}
		p.accepts(t, getResponse(response(t, m)))
		p.accepts(t, getResponse(response(t, m.with("aud", []string{client}))))
		p.accepts(t, getResponse(response(t, m.with("aud", []string{"client-2", client}))))
	})
	t.Run("J04 expiry", func(t *testing.T) {
		t.Parallel()
		p, m, now := newRP(t), sound(), time.Now().Unix()
		for _, bad := range []members{
			m.without("exp"), m.with("exp", now), m.with("exp", now-1), m.with("exp", 0), m.with("exp", now+3600),
		} {
			p.refuses(t, jarm.ErrExpiry, response(t, bad))
		}
		for _, bad := range []any{"4102444800", nil, -1, 1e30, []int{1}} {
			p.refuses(t, jarm.ErrMalformed, response(t, m.with("exp", bad)))
		}
		p.accepts(t, getResponse(response(t, m.with("exp", now+600))))
	})
	t.Run("J04 nbf and iat ahead", func(t *testing.T) {
		t.Parallel()
		p, m, now := newRP(t), sound(), time.Now().Unix()
		p.refuses(t, jarm.ErrNotBefore, response(t, m.with("nbf", now+30)))
		p.refuses(t, jarm.ErrNotBefore, response(t, m.with("iat", now+30)))
		p.accepts(t, getResponse(response(t, m.with("nbf", now+5).with("iat", now+5))))
		patient := newRP(t, func(c *jarm.DecoderConfig) { c.Leeway = time.Minute })
		patient.accepts(t, getResponse(response(t, m.with("nbf", now+30))))
	})
	t.Run("J05 another key", func(t *testing.T) {
		t.Parallel()
		p, payload := newRP(t), sound().json(t)
		forged := sign(t, testkeys.ES256("evil"), es256Header, payload)
		p.refuses(t, jarm.ErrSignature, forged)
		token := response(t, sound())
		p.refuses(t, jarm.ErrSignature, token[:len(token)-6]+"AAAAAA")
		p.refuses(t, jarm.ErrSignature, strings.Join(strings.Split(token, ".")[:2], ".")+".")
		p.refuses(t, jarm.ErrKey, sign(t, serverKey(), `{"alg":"ES256","kid":"../../dev/null"}`, payload))
		p.accepts(t, getResponse(token))
		believer := newRP(t, func(c *jarm.DecoderConfig) { c.Keys = publish(testkeys.ES256("evil")) })
		believer.accepts(t, getResponse(forged))
	})
	t.Run("S46 a key in the header", func(t *testing.T) {
		t.Parallel()
		evil := testkeys.ES256("evil")
		jwk, err := jose.CanonicalJWK(evil.Public())
		require.NoError(t, err)
		header := `{"alg":"ES256","kid":"as-1","jwk":` + string(jwk) + `,"jku":"https://evil.example"}`
		newRP(t).refuses(t, jarm.ErrSignature, sign(t, evil, header, sound().json(t)))
		newRP(t).accepts(t, getResponse(sign(t, serverKey(), header, sound().json(t))))
	})
}

func TestAttackState(t *testing.T) {
	t.Parallel()
	t.Run("J06 state missing, another, empty", func(t *testing.T) {
		t.Parallel()
		p, m := newRP(t), sound()
		for _, bad := range []members{m.without("state"), m.with("state", ""), m.with("state", "s-2"), m.with("state", "s-11"), m.with("state", "s-")} {
			params, err := p.Callback(getResponse(response(t, bad)), state)
			requireRefused(t, jarm.ErrState, params, err)
		}
		for _, bad := range []any{1, nil, []string{state}} {
			params, err := p.Callback(getResponse(response(t, m.with("state", bad))), state)
			requireRefused(t, jarm.ErrMalformed, params, err)
		}
		require.Zero(t, p.source.asks.Load(), "refused before keys were looked for")
		p.accepts(t, getResponse(response(t, m)))
	})
	t.Run("J06 a browser without a pending request", func(t *testing.T) {
		t.Parallel()
		p := newRP(t)
		for _, m := range []members{sound(), sound().without("state"), sound().with("state", "")} {
			params, err := p.Callback(getResponse(response(t, m)), "")
			requireRefused(t, jarm.ErrState, params, err)
		}
		p.accepts(t, getResponse(response(t, sound())))
	})
	t.Run("J07 strangers cannot make the client fetch keys", func(t *testing.T) {
		t.Parallel()
		p, evil := newRP(t), testkeys.ES256("evil")
		for _, m := range []members{
			sound().with("iss", "https://evil.example"), sound().with("aud", "client-2"), sound().with("exp", 1),
			sound().with("state", "guess"),
		} {
			_, err := p.Callback(getResponse(sign(t, evil, es256Header, m.json(t))), state)
			require.Error(t, err)
		}
		require.Zero(t, p.source.asks.Load())
		_, err := p.Callback(getResponse(sign(t, evil, es256Header, sound().json(t))), state)
		require.ErrorIs(t, err, jarm.ErrSignature)
		require.EqualValues(t, 1, p.source.asks.Load())
	})
	t.Run("J08 the same response twice", func(t *testing.T) {
		t.Parallel()
		p, browser := newRP(t), &session{state: state}
		token := response(t, sound())
		require.ErrorIs(t, browser.callback(p, response(t, sound().with("iss", "https://evil.example"))), jarm.ErrIssuer)
		require.NoError(t, browser.callback(p, token), "a refused response does not end the request")
		require.ErrorIs(t, browser.callback(p, token), jarm.ErrState)

		forgetful := &session{state: state, keep: true}
		require.NoError(t, forgetful.callback(p, token))
		require.NoError(t, forgetful.callback(p, token), "control: a client that keeps the state")
	})
	t.Run("J08 at the same time", func(t *testing.T) {
		t.Parallel()
		p, browser, token := newRP(t), &session{state: state}, response(t, sound())
		var wg sync.WaitGroup
		var won atomic.Int32
		for range 8 {
			wg.Go(func() {
				if _, err := p.Callback(getResponse(token), state); err == nil && browser.take(state) {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, won.Load())
	})
	t.Run("J09 browsers swapped", func(t *testing.T) {
		t.Parallel()
		p := newRP(t)
		victim, attacker := &session{state: "victim"}, &session{state: "attacker"}
		ofVictim, ofAttacker := response(t, sound().with("state", "victim")), response(t, sound().with("state", "attacker"))
		require.ErrorIs(t, victim.callback(p, ofAttacker), jarm.ErrState)
		require.ErrorIs(t, attacker.callback(p, ofVictim), jarm.ErrState)
		require.ErrorIs(t, (&session{}).callback(p, ofAttacker), jarm.ErrState)
		require.NoError(t, victim.callback(p, ofVictim))
		require.NoError(t, attacker.callback(p, ofAttacker))
	})
}

// session is a browser's, as a client should keep it.
type session struct {
	mu    sync.Mutex
	state string
	keep  bool // a mistake
}

func (s *session) take(state string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != state {
		return false
	}
	s.state = ""
	return true
}

func (s *session) callback(p *rp, response string) error {
	_, err := p.Callback(getResponse(response), s.state)
	var refused *jarm.Error
	if !s.keep && !errors.As(err, &refused) && !s.take(s.state) {
		return errors.New("taken")
	}
	return err
}
