package privatekeyjwt

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/singleuse"
)

// ReplayStore remembers which assertions were used. Use records key, a hash of
// 43 characters of the base64url alphabet, until the given instant and reports
// whether this was its first use. It must be atomic, also between the replicas
// of a server, and return when ctx is done, two seconds later at most.
// replay.NewMemory serves one process.
type ReplayStore interface {
	Use(ctx context.Context, key string, until time.Time) (first bool, err error)
}

// VerifierConfig configures a [Verifier].
type VerifierConfig struct {
	// Issuer is the server's own issuer identifier, the one value of aud: an
	// https URL, or http on a loopback address.
	Issuer string // required

	// Clients finds the registrations.
	Clients ClientSource // required

	// Replay is required: replay.NewMemory, a shared store, or replay.Off{}.
	// All endpoints and replicas of a server share one store.
	Replay ReplayStore // required

	// ExtraAudiences are further URLs by which clients name this server: its
	// token endpoint in FAPI 1.0, also its PAR endpoint in plain RFC 9126. Once
	// there are any, aud may also be an array that holds one of them or the
	// Issuer. FAPI 2.0 forbids all of that. To allow arrays alone, list the
	// Issuer.
	ExtraAudiences []string

	// MaxLifetime is how far ahead exp may lie, from 1 s to 1 h; Leeway comes on
	// top. 0: 5 min.
	MaxLifetime time.Duration

	// Leeway is how far ahead nbf and iat may lie, from 10 s, which FAPI 2.0
	// demands, to 60 s, which it allows (5.3.2.1-13). 0: 10 s.
	Leeway time.Duration

	// RequireType accepts only assertions whose typ says what they are,
	// client-authentication+jwt. By default typ may also be JWT or absent, as
	// most clients have it; the typ of another kind of JWT is always refused.
	RequireType bool

	// Observe, when set, is called once for every request, on its goroutine. It
	// must not block.
	Observe func(Event)
}

// Event is the outcome of one authentication.
type Event struct {
	ClientID string // who it was; empty unless authenticated
	Err      error  // nil: authenticated. An *Error: refused. Else: a fault of the server
}

// Verifier authenticates clients at an authorization server. It is safe for
// concurrent use.
type Verifier struct {
	issuer         string
	extraAudiences []string
	clients        ClientSource
	replay         ReplayStore
	maxLifetime    time.Duration
	leeway         time.Duration
	requireType    bool
	observe        func(Event)
}

// NewVerifier checks the configuration.
func NewVerifier(config VerifierConfig) (*Verifier, error) {
	switch {
	case !isIssuer(config.Issuer):
		return nil, errIssuer
	case config.Clients == nil:
		return nil, errors.New("privatekeyjwt: Clients is required")
	case config.Replay == nil:
		return nil, errors.New("privatekeyjwt: Replay is required: replay.NewMemory, a shared store, or replay.Off{}")
	}
	for _, audience := range config.ExtraAudiences {
		if _, ok := parseURL(audience); !ok {
			return nil, fmt.Errorf("privatekeyjwt: the extra audience %q is not an absolute https URL", audience)
		}
	}
	if config.MaxLifetime == 0 {
		config.MaxLifetime = 5 * time.Minute
	}
	if config.Leeway == 0 {
		config.Leeway = 10 * time.Second
	}
	if config.MaxLifetime < time.Second || config.MaxLifetime > time.Hour {
		return nil, errors.New("privatekeyjwt: MaxLifetime must be from 1 s to 1 h")
	}
	if config.Leeway < 10*time.Second || config.Leeway > time.Minute {
		return nil, errors.New("privatekeyjwt: Leeway must be from 10 s to 60 s")
	}
	return &Verifier{
		issuer: config.Issuer, extraAudiences: slices.Clone(config.ExtraAudiences),
		clients: config.Clients, replay: config.Replay,
		maxLifetime: config.MaxLifetime, leeway: config.Leeway,
		requireType: config.RequireType, observe: config.Observe,
	}, nil
}

// Authenticate returns the identifier of the client that sent the request. It
// reads the form of at most 64 KiB, unless it was read before, and leaves it in
// r.PostForm; repeated parameters are refused save resource and audience.
//
// An [*Error] is a refused request: invalid_client or invalid_request. Any
// other error means that the server could not find out, and deserves a 5xx.
// Never answer with the text of either.
func (v *Verifier) Authenticate(r *http.Request) (clientID string, err error) {
	if v == nil || v.clients == nil || r == nil {
		return "", errUnconstructed
	}
	clientID, err = v.authenticate(r)
	if v.observe != nil {
		v.observe(Event{ClientID: clientID, Err: err})
	}
	return clientID, err
}

// authenticate runs the cheap checks first, so that junk costs neither a lookup
// nor a signature; the replay store comes last, so that a request which fails
// leaves no trace and its honest repetition succeeds.
func (v *Verifier) authenticate(r *http.Request) (string, error) {
	credentials, err := readCredentials(r)
	if err != nil {
		return "", err
	}
	token, claims, err := v.readAssertion(credentials)
	if err != nil {
		return "", err
	}
	if err := v.checkSignature(r.Context(), token, claims.Subject); err != nil {
		return "", err
	}
	if err := v.spend(r.Context(), claims); err != nil {
		return "", err
	}
	return claims.Subject, nil
}

// spend records the assertion. The record outlives it by Leeway and a second,
// for clocks of replicas and of a shared store that differ.
func (v *Verifier) spend(ctx context.Context, c *jose.Claims) error {
	first, err := singleuse.Use(ctx, v.replay, replayKey(c.Subject, c.ID), c.Expires.Add(v.leeway+time.Second))
	if err != nil {
		return fault.Of("privatekeyjwt: replay store", err)
	}
	if !first {
		return refuse(ErrReplay)
	}
	// A slow store may have answered after the record of an earlier use died;
	// by then the assertion has died too.
	return v.checkTime(c, time.Now())
}

// replayKey covers the client, so that nobody can burn another client's jti,
// and has one length, so that no store meets a key of a stranger's making.
func replayKey(clientID, jti string) string {
	var buffer [256]byte // keeps the usual input off the heap
	input := append(buffer[:0], "private_key_jwt\x00"...)
	input = binary.BigEndian.AppendUint32(input, uint32(len(clientID)))
	input = append(append(input, clientID...), jti...)
	sum := sha256.Sum256(input)
	return jose.Encode(sum[:])
}
