package phantom

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/keysource"
	"github.com/go-fapi/fapi/internal/singleuse"
)

// KeySource finds public keys of the gateway, those to try for a statement with
// this kid and alg. None and a nil error mean that the statement is wrong, an
// error that the source has failed. *jwks.Static and *jwks.Remote are sources.
type KeySource interface {
	Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error)
}

// ReplayStore remembers which statements were used. Use records key until the
// given instant and reports whether this was its first use; it must be atomic,
// also between the replicas of an API. replay.NewMemory serves one process.
type ReplayStore interface {
	Use(ctx context.Context, key string, until time.Time) (first bool, err error)
}

// EvidenceConfig configures [Evidence].
type EvidenceConfig struct {
	// Issuer is [GatewayConfig].Issuer.
	Issuer string // required

	// Audience is this API's [API].Audience.
	Audience string // required

	// Keys has the keys of the gateway and of nobody else.
	Keys KeySource // required

	// Replay makes statements single-use: replay.NewMemory, a shared store, or
	// replay.Off{}. Without it whoever sees a request inside, with its JWT and
	// its statement, can send it again for half a minute.
	Replay ReplayStore // required

	// Leeway is how far ahead iat may lie. 0: 10 s; at most 60 s.
	Leeway time.Duration
}

// Evidence is the [cnf.Method] of an API behind a [Gateway], for JWTs that are
// bound to a DPoP key: it verifies the gateway's statement that the key was
// proven. Certificate-bound ones have mtls.Binding there, which reads
// Client-Cert through mtls.FromProxy. It is safe for concurrent use.
type Evidence struct {
	config EvidenceConfig
}

const (
	defaultLeeway = 10 * time.Second
	maxLeeway     = 60 * time.Second
	maxID         = 128 // octets of jti
)

// NewEvidence errs when a required field is missing or Leeway is out of range.
func NewEvidence(config EvidenceConfig) (*Evidence, error) {
	if config.Leeway == 0 {
		config.Leeway = defaultLeeway
	}
	switch {
	case config.Issuer == "" || config.Audience == "":
		return nil, errors.New("phantom: Issuer and Audience are required: the gateway's and the API's identifiers")
	case isNil(config.Keys):
		return nil, errors.New("phantom: Keys is required: the keys of the gateway")
	case isNil(config.Replay):
		return nil, errors.New("phantom: Replay is required: replay.NewMemory, a shared store, or replay.Off{}")
	case config.Leeway < 0 || config.Leeway > maxLeeway:
		return nil, errors.New("phantom: Leeway must be from 0 to 60 s")
	}
	return &Evidence{config: config}, nil
}

// Scheme is Bearer: the client's scheme ends at the gateway.
func (*Evidence) Scheme() string { return "Bearer" }

// Member is jkt (RFC 9449 section 6.1).
func (*Evidence) Member() string { return cnf.MemberJKT }

// Confirm checks that the request came through the gateway, with proof of the
// key that the JWT is bound to. The path is compared as it was received: guard
// the API in front of what rewrites r.URL, such as http.StripPrefix. A refusal
// is an [*Error] with the code invalid_token; it leaves the statement unused.
func (e *Evidence) Confirm(_ http.Header, r *http.Request, accessToken string, bound [32]byte) error {
	if e == nil || e.config.Keys == nil || r == nil || r.URL == nil || accessToken == "" {
		return errors.New("phantom: no request or token, or evidence not made by NewEvidence")
	}
	lines := r.Header[EvidenceHeader]
	if len(lines) != 1 {
		return refuseToken(ErrCount)
	}
	token, err := jose.Parse(lines[0])
	if err != nil {
		return refuseToken(ErrMalformed)
	}
	if token.Header.Type != evidenceType {
		return refuseToken(ErrType)
	}
	said, err := readEvidence(token.Payload)
	if err != nil {
		return refuseToken(ErrClaims)
	}
	if rule := e.refusal(said, r, accessToken, bound); rule != nil {
		return refuseToken(rule)
	}
	if err := e.checkSignature(r.Context(), token); err != nil {
		return err
	}
	return e.spend(r.Context(), said)
}

// saying is the payload of a statement.
type saying struct {
	jose.Claims
	method, path, hash string
	confirmation       cnf.Confirmation
}

func readEvidence(payload []byte) (s saying, err error) {
	s.Claims, err = jose.ReadClaims(payload, func(name []byte, value jose.Value) (err error) {
		switch string(name) {
		case "htm":
			s.method, err = value.Text()
		case "path":
			s.path, err = value.Text()
		case "ath":
			s.hash, err = value.Text()
		case "cnf":
			s.confirmation, err = cnf.ParseConfirmation(value)
		}
		return err
	})
	if err == nil && (s.ID == "" || len(s.ID) > maxID || s.IssuedAt.IsZero() || s.Expires.IsZero() || !s.AudienceIsText) {
		err = errors.New("a claim is missing")
	}
	return s, err
}

// refusal runs the checks that cost nothing, so that junk costs no signature.
func (e *Evidence) refusal(s saying, r *http.Request, accessToken string, bound [32]byte) error {
	hash := sha256.Sum256([]byte(accessToken))
	thumbprint, ok := s.confirmation.Thumbprint(cnf.MemberJKT)
	switch {
	case s.Issuer != e.config.Issuer:
		return ErrIssuer
	case !slices.Contains(s.Audience, e.config.Audience):
		return ErrAudience
	case !e.isCurrent(s, time.Now()):
		return ErrTime
	case s.method != r.Method || s.path != rawPath(r.URL):
		return ErrRequest
	case subtle.ConstantTimeCompare([]byte(s.hash), []byte(jose.Encode(hash[:]))) != 1:
		return ErrTokenHash
	case !ok || subtle.ConstantTimeCompare(thumbprint[:], bound[:]) != 1 || bound == [32]byte{}:
		return ErrBinding
	}
	return nil
}

// isCurrent holds a statement to the life that the gateway gives it, whatever
// its exp says.
func (e *Evidence) isCurrent(s saying, now time.Time) bool {
	return s.InWindow(now, e.config.Leeway) && now.Before(s.IssuedAt.Add(evidenceLife)) &&
		!s.Expires.After(s.IssuedAt.Add(evidenceLife))
}

func (e *Evidence) checkSignature(ctx context.Context, token *jose.JWS) error {
	err := keysource.Verify(ctx, "phantom: keys of the gateway", e.config.Keys, token, keysource.Algorithm(token.Header.Algorithm))
	switch err { // as it is: a fault may be caused by anything
	case jose.ErrKey:
		return refuseToken(ErrKey)
	case jose.ErrSignature:
		return refuseToken(ErrSignature)
	}
	return err
}

// spend records the statement until it is dead, and a second for the clocks of
// replicas. The audience is part of the key: APIs may share a store.
func (e *Evidence) spend(ctx context.Context, s saying) error {
	sum := sha256.Sum256([]byte("phantom evidence\x00" + e.config.Issuer + "\x00" + e.config.Audience + "\x00" + s.ID))
	first, err := singleuse.Use(ctx, e.config.Replay, string(sum[:]), s.Expires.Add(time.Second))
	switch {
	case err != nil:
		return fault.Of("phantom: replay store", err)
	case !first:
		return refuseToken(ErrReplay)
	case !e.isCurrent(s, time.Now()): // a slow store may have forgotten it by now
		return refuseToken(ErrTime)
	}
	return nil
}
