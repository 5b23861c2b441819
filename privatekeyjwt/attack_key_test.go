package privatekeyjwt_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

func TestReplayAttacks(t *testing.T) {
	t.Parallel()
	t.Run("C13 X09 concurrent replay", func(t *testing.T) {
		t.Parallel()
		replayed := func(change func(*privatekeyjwt.VerifierConfig)) (successes int64) {
			s, token := newServer(t, change), sign(t, testkeys.EdDSA("client-1"), eddsaHeader, claimsOf("client-1").json(t))
			var group sync.WaitGroup
			var count atomic.Int64
			for range 1000 {
				group.Go(func() {
					got, err := s.authenticate(token)
					if err == nil {
						count.Add(1)
						assert.Equal(t, "client-1", got)
					} else {
						assert.ErrorIs(t, err, privatekeyjwt.ErrReplay)
					}
				})
			}
			group.Wait()
			return count.Load()
		}
		require.EqualValues(t, 1, replayed(func(*privatekeyjwt.VerifierConfig) {}))
		require.EqualValues(t, 1000, replayed(func(c *privatekeyjwt.VerifierConfig) { c.Replay = forgetful{} }))
	})
	t.Run("one assertion at two endpoints", func(t *testing.T) {
		t.Parallel()
		s, token := newServer(t), assertion(t, claimsOf("client-1"))
		r := post(assertionForm(token))
		r.URL.Path = "/par"
		_, err := s.Authenticate(r)
		require.NoError(t, err)
		_, err = s.authenticate(token)
		requireRefused(t, privatekeyjwt.ErrReplay, invalidClient, err)
		s.accepts(t, "client-1", assertion(t, claimsOf("client-1")))
	})
	t.Run("C14 the same jti from another client", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		first := claimsOf("client-1")
		second := first.with("iss", "client-2").with("sub", "client-2")
		s.accepts(t, "client-1", assertion(t, first))
		s.accepts(t, "client-2", sign(t, testkeys.ES256("client-2"), es256Header, second.json(t)))
		_, err := s.authenticate(assertion(t, first))
		requireRefused(t, privatekeyjwt.ErrReplay, invalidClient, err)
		// Control: client and jti do not run into each other.
		s.clients["client-1x"] = s.clients["client-1"]
		s.accepts(t, "client-1x", assertion(t, claimsOf("client-1x").with("jti", "y")))
		s.accepts(t, "client-1", assertion(t, claimsOf("client-1").with("jti", "xy")))
	})
	t.Run("C15 replay until the end", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t)
			open := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.Replay = forgetful{} })
			token := assertion(t, claimsOf("client-1"))
			s.accepts(t, "client-1", token)
			time.Sleep(60*time.Second - 1)
			_, err := s.authenticate(token)
			requireRefused(t, privatekeyjwt.ErrReplay, invalidClient, err)
			open.accepts(t, "client-1", token) // control: only the store stands in the way
			time.Sleep(10*time.Second - time.Second + 1)
			s.refuses(t, privatekeyjwt.ErrExpiry, invalidClient, post(assertionForm(token)))
			for _, until := range s.store.used {
				require.Greater(t, time.Until(until), time.Second, "recorded for less than exp + leeway")
			}
		})
	})
	t.Run("C15 the store answers after the record has died", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			short := func() string { return assertion(t, claimsOf("client-1").with("exp", time.Now().Unix()+1)) }
			s := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.Replay = slow{time.Second} })
			_, err := s.authenticate(short())
			requireRefused(t, privatekeyjwt.ErrExpiry, invalidClient, err)
			s = newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.Replay = slow{time.Second - 1} })
			s.accepts(t, "client-1", short())
		})
	})
	t.Run("the second form of an ECDSA signature is the same assertion", func(t *testing.T) {
		t.Parallel()
		s, token := newServer(t), assertion(t, claimsOf("client-1"))
		twin := otherForm(t, token)
		s.accepts(t, "client-1", token)
		_, err := s.authenticate(twin)
		requireRefused(t, privatekeyjwt.ErrReplay, invalidClient, err)
		newServer(t).accepts(t, "client-1", twin) // control: it does verify
	})
}

// forgetful is the defence switched off.
type forgetful struct{}

func (forgetful) Use(context.Context, string, time.Time) (bool, error) { return true, nil }

func (forgetful) NeverBlocks() {}

// slow answers late that it saw nothing.
type slow struct{ delay time.Duration }

func (s slow) Use(context.Context, string, time.Time) (bool, error) {
	time.Sleep(s.delay)
	return true, nil
}

func TestKeyAttacks(t *testing.T) {
	t.Parallel()
	t.Run("C18 algorithm is not the registered one", func(t *testing.T) {
		t.Parallel()
		s, sound := newServer(t), claimsOf("client-1")
		register := func(alg string) {
			s.clients["client-1"] = privatekeyjwt.Client{Keys: s.clients["client-1"].Keys, SigningAlg: alg}
		}
		tokens := map[string]string{
			"ES256":   assertion(t, sound),
			"PS256":   sign(t, testkeys.PS256(), ps256Header, sound.json(t)),
			"EdDSA":   sign(t, testkeys.EdDSA("client-1"), eddsaHeader, sound.json(t)),
			"Ed25519": sign(t, testkeys.EdDSA("client-1"), `{"alg":"Ed25519","kid":"ed"}`, sound.json(t)),
		}
		for _, registered := range []string{"ES256", "PS256", "EdDSA", "Ed25519", "RS256", "HS256", "none", "es256"} {
			register(registered)
			for alg, token := range tokens {
				if alg != registered && !(strings.HasPrefix(alg, "Ed") && strings.HasPrefix(registered, "Ed")) {
					s.refuses(t, privatekeyjwt.ErrAlgorithm, invalidClient, post(assertionForm(token)))
				}
			}
		}
		for alg := range tokens {
			register(alg)
			clear(s.store.used)
			s.accepts(t, "client-1", tokens[alg])
			if alg = strings.Replace(alg, "Ed25519", "EdDSA", 1); alg == "EdDSA" {
				clear(s.store.used)
				s.accepts(t, "client-1", tokens["Ed25519"])
			}
		}
	})
	t.Run("C18 S30 RS256, HMAC with the public key", func(t *testing.T) {
		t.Parallel()
		s, sound := newServer(t), claimsOf("client-1")
		input := jose.Encode([]byte(`{"alg":"RS256","kid":"rsa"}`)) + "." + jose.Encode([]byte(sound.json(t)))
		digest := sha256.Sum256([]byte(input))
		signature, err := rsa.SignPKCS1v15(nil, testkeys.PS256(), crypto.SHA256, digest[:])
		require.NoError(t, err)
		s.refuses(t, privatekeyjwt.ErrAlgorithm, invalidClient, post(assertionForm(input+"."+jose.Encode(signature))))
		for _, secret := range publicOctets(t) {
			for _, alg := range []string{"HS256", "ES256", "EdDSA"} {
				input := jose.Encode([]byte(`{"alg":"`+alg+`"}`)) + "." + jose.Encode([]byte(sound.json(t)))
				mac := hmac.New(sha256.New, secret)
				mac.Write([]byte(input))
				rule := map[string]error{"HS256": privatekeyjwt.ErrAlgorithm}[alg]
				if rule == nil {
					rule = privatekeyjwt.ErrSignature
				}
				s.refuses(t, rule, invalidClient, post(assertionForm(input+"."+jose.Encode(mac.Sum(nil)))))
			}
		}
		s.accepts(t, "client-1", assertion(t, sound))
	})
	t.Run("C19 key of another client", func(t *testing.T) {
		t.Parallel()
		s, sound := newServer(t), claimsOf("client-1")
		for _, header := range []string{es256Header, `{"alg":"ES256"}`} { // both clients have a k1
			s.refuses(t, privatekeyjwt.ErrSignature, invalidClient,
				post(assertionForm(sign(t, testkeys.ES256("client-2"), header, sound.json(t)))))
		}
		s.accepts(t, "client-1", assertion(t, sound))
		second := sound.with("iss", "client-2").with("sub", "client-2")
		s.accepts(t, "client-2", sign(t, testkeys.ES256("client-2"), `{"alg":"ES256"}`, second.json(t)))
	})
	t.Run("C20 C21 C22 the key set cannot be had", func(t *testing.T) {
		t.Parallel()
		// How a set is fetched is the key source's; here, that its failure is
		// neither an acceptance nor the client's fault.
		s, sound := newServer(t), claimsOf("client-1")
		registered := s.clients["client-1"]
		s.clients["client-1"] = privatekeyjwt.Client{Keys: failing{errors.New("fetching https://client.example/jwks failed")}}
		got, err := s.authenticate(assertion(t, sound))
		requireFault(t, got, err)
		require.Zero(t, s.store.calls)
		s.clients["client-1"] = registered
		s.accepts(t, "client-1", assertion(t, sound))
	})
	t.Run("C23 typ of another kind of JWT", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		strict := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.RequireType = true })
		header := func(typ string) string {
			quoted, _ := json.Marshal(typ)
			return `{"alg":"ES256","kid":"k1","typ":` + string(quoted) + `}`
		}
		token := func(header string) string {
			return sign(t, testkeys.ES256("client-1"), header, claimsOf("client-1").json(t))
		}
		for _, typ := range []string{"dpop+jwt", "at+jwt", "application/at+jwt", "oauth-authz-req+jwt", "secevent+jwt", "JOSE",
			"client-authentication", "jwt ", "xclient-authentication+jwt"} {
			s.refuses(t, privatekeyjwt.ErrType, invalidClient, post(assertionForm(token(header(typ)))))
			strict.refuses(t, privatekeyjwt.ErrType, invalidClient, post(assertionForm(token(header(typ)))))
		}
		for _, lax := range []string{es256Header, header("JWT"), header("jwt"), header("application/jwt")} {
			strict.refuses(t, privatekeyjwt.ErrType, invalidClient, post(assertionForm(token(lax))))
			s.accepts(t, "client-1", token(lax))
		}
		for _, typ := range []string{"client-authentication+jwt", "application/client-authentication+jwt", "Client-Authentication+JWT"} {
			strict.accepts(t, "client-1", token(header(typ)))
			s.accepts(t, "client-1", token(header(typ)))
		}
	})
	t.Run("an unknown client looks like a bad signature", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		unknown := sign(t, testkeys.ES256("client-1"), es256Header, claimsOf("nobody").json(t))
		forged := sign(t, testkeys.ES256("attacker"), es256Header, claimsOf("client-1").json(t))
		s.refuses(t, privatekeyjwt.ErrClient, invalidClient, post(assertionForm(unknown)))
		s.refuses(t, privatekeyjwt.ErrSignature, invalidClient, post(assertionForm(forged)))
		s.clients["nobody"] = s.clients["client-1"]
		s.accepts(t, "nobody", unknown)
	})
}

// failing is a KeySource and ClientSource that cannot find out.
type failing struct{ err error }

func (f failing) Keys(context.Context, string, string) ([]crypto.PublicKey, error) { return nil, f.err }

func (f failing) Client(context.Context, string) (privatekeyjwt.Client, bool, error) {
	return privatekeyjwt.Client{}, true, f.err
}

// publicOctets are the public keys of client-1 in forms an attacker knows.
func publicOctets(t *testing.T) [][]byte {
	t.Helper()
	key := testkeys.ES256("client-1").Public()
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	jwk, err := jose.CanonicalJWK(key)
	require.NoError(t, err)
	return [][]byte{der, jwk, testkeys.EdDSA("client-1").Public().(ed25519.PublicKey)}
}

// otherForm is the other signature (r, n-s) that verifies wherever (r, s) does.
func otherForm(t *testing.T, token string) string {
	t.Helper()
	dot := strings.LastIndexByte(token, '.') + 1
	signature, err := jose.Decode(token[dot:])
	require.NoError(t, err)
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	return token[:dot] + jose.Encode(signature)
}
