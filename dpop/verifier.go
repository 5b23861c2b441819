package dpop

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/singleuse"
)

// ReplayStore remembers which proofs were used. Use records key until the
// given instant and reports whether this was its first use; it must be atomic,
// also between the replicas of a server. replay.NewMemory serves one process.
type ReplayStore interface {
	Use(ctx context.Context, key string, until time.Time) (first bool, err error)
}

// NonceSource gives and recognises server nonces (RFC 9449 section 8).
// [Nonces] is one that keeps no state.
type NonceSource interface {
	// Nonce returns the nonce for clients to use from now on.
	Nonce(ctx context.Context) (string, error)
	// Accept reports whether nonce is one that this server gave recently.
	Accept(ctx context.Context, nonce string) (bool, error)
}

// VerifierConfig configures a [Verifier].
type VerifierConfig struct {
	// Origins are the public addresses under which clients know this server,
	// for instance "https://api.bank.example". A path is a prefix that a proxy
	// in front strips: "https://bank.example/api". The Host header and
	// X-Forwarded-* play no part, as they are the attacker's to choose.
	Origins []string // required

	// Replay is required: replay.NewMemory, a shared store, or replay.Off{}.
	Replay ReplayStore // required

	// Nonces, when set, makes every proof carry a current server nonce.
	Nonces NonceSource

	// Verifiers that share a store need the same MaxAge and Leeway: a proof is
	// remembered for as long as the one that saw it would accept it.
	MaxAge time.Duration // how old a proof may be; 0: 60 s, at most 5 min
	Leeway time.Duration // how far iat may lie ahead; 0: 10 s, at most 60 s

	// Observe, when set, is called once for every proof, on the request's
	// goroutine. It must not block.
	Observe func(Event)
}

// Event is what a verifier did with one proof.
type Event struct {
	Err error // nil: accepted. An *Error: refused. Else: a fault of the server
}

// Verifier checks DPoP proofs (RFC 9449 section 4.3). It is safe for
// concurrent use.
type Verifier struct {
	origins []origin
	replay  ReplayStore
	nonces  NonceSource
	maxAge  time.Duration
	leeway  time.Duration
	observe func(Event)
	keys    keyTable
}

// NewVerifier checks the configuration.
func NewVerifier(config VerifierConfig) (*Verifier, error) {
	if len(config.Origins) == 0 {
		return nil, errors.New("dpop: Origins is required: the public addresses of this server")
	}
	if config.Replay == nil {
		return nil, errors.New("dpop: Replay is required: replay.NewMemory, a shared store, or replay.Off{}")
	}
	v := &Verifier{
		replay: config.Replay, nonces: config.Nonces, observe: config.Observe, keys: newKeyTable(),
		maxAge: config.MaxAge, leeway: config.Leeway,
	}
	for _, text := range config.Origins {
		o, err := newOrigin(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %q", err, text)
		}
		v.origins = append(v.origins, o)
	}
	if v.maxAge == 0 {
		v.maxAge = time.Minute
	}
	if v.leeway == 0 {
		v.leeway = 10 * time.Second
	}
	if v.maxAge < time.Second || v.maxAge > 5*time.Minute || v.leeway < 0 || v.leeway > time.Minute {
		return nil, errors.New("dpop: MaxAge must be from 1 s to 5 min, Leeway at most 60 s")
	}
	return v, nil
}

// VerifyTokenRequest checks the proof of a request to the authorization
// server itself: the token endpoint, or the pushed authorization request
// endpoint (sections 5 and 10.1). Call it after client authentication and
// before any code or refresh token is touched.
func (v *Verifier) VerifyTokenRequest(r *http.Request) (*Proof, error) {
	return v.observed(r, expectation{})
}

// VerifyResourceRequest checks the proof of a request that presents an access
// token (section 7): besides everything else, ath must be the hash of the
// token, and the key must be the one the token is bound to. bound comes from
// the verified token's cnf.jkt.
func (v *Verifier) VerifyResourceRequest(r *http.Request, accessToken string, bound [32]byte) (*Proof, error) {
	if accessToken == "" {
		return nil, errors.New("dpop: VerifyResourceRequest needs the access token of the request")
	}
	return v.observed(r, expectation{resource: true, accessToken: accessToken, bound: bound})
}

// expectation is what the request at hand asks of a proof.
type expectation struct {
	resource    bool
	accessToken string
	bound       [32]byte
}

func (v *Verifier) observed(r *http.Request, want expectation) (*Proof, error) {
	if v == nil || v.replay == nil {
		return nil, errUnconstructed
	}
	if r == nil || r.URL == nil {
		return nil, errors.New("dpop: there is no request to verify")
	}
	proof, err := v.verify(r, want)
	if v.observe != nil {
		v.observe(Event{Err: err})
	}
	return proof, err
}

// verify runs the cheap checks first, so that junk costs no signature; then
// the signature; the replay store last, so that a request which fails for any
// reason leaves no trace and its honest repetition succeeds.
func (v *Verifier) verify(r *http.Request, want expectation) (*Proof, error) {
	fields := r.Header["Dpop"]
	if len(fields) != 1 {
		return nil, refuse(ErrProofCount, slog.Int("fields", len(fields)))
	}
	if len(fields[0]) > maxProof {
		return nil, refuse(ErrMalformed, slog.Int("octets", len(fields[0])))
	}
	compact, err := jose.Split(fields[0])
	if err != nil {
		return nil, refuse(ErrMalformed, slog.Any("cause", err))
	}
	c, err := v.checkClaims(r, compact.Payload, want)
	if err != nil {
		return nil, err
	}
	key := v.keys.find(compact.Header)
	known := key != nil
	if !known {
		if key, err = readKey(compact.Header); err != nil {
			return nil, err
		}
	}
	if want.resource && key.thumbprint != want.bound {
		return nil, &Error{rule: ErrBinding, code: codeToken}
	}
	if err := checkSignature(key, compact); err != nil {
		return nil, err
	}
	if want.resource && !known {
		v.keys.remember(key)
	}
	if err := v.checkNonce(r.Context(), c.nonce); err != nil {
		return nil, err
	}
	if err := v.spend(r.Context(), key.thumbprint, &c); err != nil {
		return nil, err
	}
	return &Proof{thumbprint: key.thumbprint, issuedAt: c.iat, nonce: string(c.nonce)}, nil
}

func checkSignature(key *proofKey, compact jose.Compact) error {
	var buffer [512]byte // RSA of 4096 bits
	signature, err := jose.AppendDecoded(buffer[:0], compact.Signature)
	if err != nil {
		return refuse(ErrMalformed, slog.Any("cause", err))
	}
	if err := jose.Verify(key.key, key.algorithm, compact.SigningInput, signature); err != nil {
		return refuse(ErrSignature)
	}
	return nil
}

// checkClaims checks everything the payload says about this request.
func (v *Verifier) checkClaims(r *http.Request, payload string, want expectation) (claims, error) {
	decoded, err := jose.AppendDecoded(nil, payload)
	if err != nil {
		return claims{}, refuse(ErrMalformed, slog.Any("cause", err))
	}
	c, err := readClaims(decoded)
	if err != nil {
		return claims{}, refuse(ErrMalformed, slog.Any("cause", err))
	}
	if !c.complete() {
		return claims{}, refuse(ErrClaims)
	}
	if string(c.htm) != r.Method {
		return claims{}, refuse(ErrMethod, slog.String("expected", r.Method))
	}
	if err := v.checkTarget(c.htu, r); err != nil {
		return claims{}, err
	}
	if err := v.checkTime(&c); err != nil {
		return claims{}, err
	}
	if want.resource && !isHashOf(c.ath, want.accessToken) {
		return claims{}, refuse(ErrTokenHash)
	}
	return c, nil
}

func (v *Verifier) checkTarget(htu []byte, r *http.Request) error {
	path := r.URL.EscapedPath()
	if len(path) > maxPath {
		return refuse(ErrTarget, slog.Int("octets", len(path)))
	}
	for i := range v.origins {
		if v.origins[i].matches(htu, path) {
			return nil
		}
	}
	expected := v.origins[0].base + v.origins[0].path + path
	return refuse(ErrTarget, slog.String("expected", limited(expected)), slog.String("received", limited(string(htu))))
}

func limited(text string) string { return fmt.Sprintf("%.200q", text) }

// checkTime accepts iat from MaxAge ago to Leeway ahead, both inclusive. exp
// and nbf are not part of a proof, but are honoured where a client sets them.
func (v *Verifier) checkTime(c *claims) error {
	now := time.Now()
	tooOld := c.iat.Before(now.Add(-v.maxAge)) || !c.exp.IsZero() && !now.Before(c.exp)
	latest := now.Add(v.leeway)
	if tooOld || c.iat.After(latest) || c.nbf.After(latest) {
		return refuse(ErrTime, slog.Duration("offset", c.iat.Sub(now)),
			slog.Duration("max_age", v.maxAge), slog.Duration("leeway", v.leeway))
	}
	return nil
}

// isHashOf compares ath with the hash of the token exactly as it was sent.
func isHashOf(ath []byte, accessToken string) bool {
	var token [1024]byte // keeps the usual token off the heap
	sum := sha256.Sum256(append(token[:0], accessToken...))
	var want [43]byte
	base64.RawURLEncoding.Encode(want[:], sum[:])
	return subtle.ConstantTimeCompare(ath, want[:]) == 1
}

func (v *Verifier) checkNonce(ctx context.Context, nonce []byte) error {
	if v.nonces == nil {
		return nil
	}
	if nonce == nil {
		return refuse(ErrNonce, slog.String("cause", "absent"))
	}
	ok, err := guarded(func() (bool, error) { return v.nonces.Accept(ctx, string(nonce)) })
	if err != nil {
		return err
	}
	if !ok {
		return refuse(ErrNonce, slog.String("cause", "not current"))
	}
	return nil
}

// guarded runs a call of the nonce source, which may be other people's code:
// whatever goes wrong there is a fault of the server.
func guarded[T any](call func() (T, error)) (result T, err error) {
	const what = "dpop: nonce source"
	defer func() {
		if p := recover(); p != nil {
			err = fault.Panic(what, p)
		}
	}()
	if result, err = call(); err != nil {
		err = fault.Of(what, err)
	}
	return result, err
}

// spend records the proof. The key of the record covers the client's key, so
// that nobody can burn another client's jti. A replayed proof is the same
// octets, so htu enters as received. The record outlives the proof by Leeway
// and a second, for clocks of replicas that differ.
func (v *Verifier) spend(ctx context.Context, thumbprint [32]byte, c *claims) error {
	var buffer [512]byte
	input := append(buffer[:0], "dpop proof\x00"...)
	input = append(input, thumbprint[:]...)
	input = append(input, byte(len(c.jti)))
	input = append(input, c.jti...)
	input = append(input, c.htu...)
	sum := sha256.Sum256(input)
	first, err := singleuse.Use(ctx, v.replay, string(sum[:]), c.iat.Add(v.maxAge+v.leeway+time.Second))
	if err != nil {
		return fault.Of("dpop: replay store", err)
	}
	if !first {
		return refuse(ErrReplay)
	}
	// A slow store may have answered after the record of an earlier use died;
	// by then the proof has died too.
	return v.checkTime(c)
}
