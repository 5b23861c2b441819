package dpop

import (
	"errors"
	"log/slog"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
)

// Limits of one proof. They are compared before anything is decoded.
const (
	maxProof = 8 << 10      // octets; a proof with an RSA key of 4096 bits has about 2,000
	maxJTI   = 128          // octets
	maxNonce = 256          // octets
	maxPath  = 4 * maxProof // octets of a request's path; a longer one fits no htu, however it is escaped
)

// Proof is a DPoP proof that a [Verifier] accepted: the caller has the private
// key, now, for this request. It is no authorization by itself (RFC 9449
// section 4): a token or grant bound to [Proof.Thumbprint] has to stand
// beside it.
type Proof struct {
	thumbprint [32]byte
	issuedAt   time.Time
	nonce      string
}

// Thumbprint is the SHA-256 JWK thumbprint (RFC 7638) of the proof's key: the
// value to bind a token to, as cnf.jkt. Without a proof it is zero, which no
// key has.
func (p *Proof) Thumbprint() [32]byte {
	if p == nil {
		return [32]byte{}
	}
	return p.thumbprint
}

// IssuedAt is the iat claim.
func (p *Proof) IssuedAt() time.Time {
	if p == nil {
		return time.Time{}
	}
	return p.issuedAt
}

// Check refuses with [ErrBinding] unless the proof's key has the thumbprint
// that an authorization code (dpop_jkt, RFC 9449 section 10) or a public
// client's refresh token (section 5) is bound to. Call it before the code or
// token is spent. Nothing is bound to the zero thumbprint, so that refuses too.
func (p *Proof) Check(bound [32]byte) error {
	if p == nil || p.thumbprint != bound || bound == [32]byte{} {
		return refuse(ErrBinding)
	}
	return nil
}

// ParseJKT reads a dpop_jkt parameter (RFC 9449 section 10): base64url of 32
// octets in its one canonical spelling.
func ParseJKT(dpopJKT string) ([32]byte, error) {
	sum, err := jose.Decode(dpopJKT)
	if err != nil || len(sum) != 32 {
		return [32]byte{}, refuse(ErrJKT)
	}
	return [32]byte(sum), nil
}

// JKT writes a thumbprint the way dpop_jkt and cnf.jkt do.
func JKT(thumbprint [32]byte) string { return jose.Encode(thumbprint[:]) }

// claims are the members of a proof's payload that are read. A nil slice is
// an absent claim. The slices alias the payload.
type claims struct {
	jti, htm, htu, ath, nonce []byte
	iat, exp, nbf             time.Time
}

func readClaims(payload []byte) (c claims, err error) {
	err = jose.ReadObject(payload, func(name []byte, value jose.Value) (err error) {
		switch string(name) {
		case "jti":
			c.jti, err = value.Bytes()
		case "htm":
			c.htm, err = value.Bytes()
		case "htu":
			c.htu, err = value.Bytes()
		case "ath":
			c.ath, err = value.Bytes()
		case "nonce":
			c.nonce, err = value.Bytes()
		case "iat":
			c.iat, err = value.Time()
		case "exp":
			c.exp, err = value.Time()
		case "nbf":
			c.nbf, err = value.Time()
		}
		return err
	})
	return c, err
}

// complete checks what 4.3-3 asks of the claims whatever the request is.
func (c *claims) complete() bool {
	return len(c.jti) > 0 && len(c.jti) <= maxJTI && c.htm != nil && c.htu != nil && !c.iat.IsZero() &&
		(c.nonce == nil || isNonce(c.nonce))
}

// isNonce is the grammar of RFC 9449 section 8.1, 1*NQCHAR, with a limit.
func isNonce[T string | []byte](nonce T) bool {
	for i := range len(nonce) {
		if c := nonce[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return len(nonce) > 0 && len(nonce) <= maxNonce
}

// readKey reads the protected header of a proof, its rules in the order of
// section 4.3.
func readKey(segment string) (*proofKey, error) {
	header, err := jose.ParseHeader(segment)
	switch {
	case errors.Is(err, jose.ErrAlgorithm):
		return nil, refuse(ErrAlgorithm)
	case err != nil:
		return nil, refuse(ErrMalformed, slog.Any("cause", err))
	case header.Type != "dpop+jwt":
		// Exactly so: RFC 9449 gives one value, and other JWTs signed with the
		// same key must not pass for proofs (section 11.5).
		return nil, refuse(ErrType)
	case header.JWK == nil:
		return nil, refuse(ErrKey)
	}
	jwk, err := jose.ParseJWK(header.JWK, jose.MaxEmbeddedRSABits)
	if err != nil {
		return nil, refuse(ErrKey, slog.Any("cause", err))
	}
	if !jose.IsAlgorithmOf(header.Algorithm, jwk.Algorithm) {
		return nil, refuse(ErrKey, slog.String("cause", "alg is not the key's"))
	}
	return &proofKey{header: segment, algorithm: header.Algorithm, key: jwk.Key, thumbprint: jwk.Thumbprint}, nil
}
