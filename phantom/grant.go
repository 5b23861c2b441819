package phantom

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/weburl"
)

// grant is what an opaque token was exchanged for: claims for package cnf, and
// the JWT that goes with them.
type grant[C cnf.Claims] struct {
	claims C
	jwt    string
}

func (g *grant[C]) Confirmation() cnf.Confirmation { return g.claims.Confirmation() }
func (g *grant[C]) HasScope(scope string) bool     { return g.claims.HasScope(scope) }
func (g *grant[C]) ACR() string                    { return g.claims.ACR() }
func (g *grant[C]) AuthTime() time.Time            { return g.claims.AuthTime() }

// maxOpaque is room for any reference; what is longer is not one.
const maxOpaque = 4 << 10

// exchange is the Verify of the guards of an API.
func exchange[C cnf.Claims](ctx context.Context, tokens Exchanger[C], opaque string) (*grant[C], error) {
	if len(opaque) > maxOpaque || isJOSE(opaque) {
		return nil, refuseToken(ErrToken)
	}
	jwt, claims, err := tokens.Exchange(ctx, opaque)
	if err != nil {
		return nil, err
	}
	if _, err := jose.Parse(jwt); err != nil {
		return nil, errors.New("phantom: what the token was exchanged for is not a JWT")
	}
	if isNil(claims) {
		return nil, errors.New("phantom: what the token was exchanged for has no claims")
	}
	return &grant[C]{claims: claims, jwt: jwt}, nil
}

// isJOSE goes by the dots of a JWS or JWE alone. A look at the first characters
// would refuse random tokens now and then.
func isJOSE(token string) bool {
	dots := strings.Count(token, ".")
	return dots == 2 || dots == 4
}

// handOn makes what the API is to get: the JWT, and evidence for each member of
// its confirmation.
func (g *Gateway[C]) handOn(r *http.Request, p *passage, audience []byte, grant *grant[C]) (err error) {
	defer fault.Recover("phantom: evidence", &err) // keys and sources are other people's code
	p.jwt = grant.jwt
	bound := grant.Confirmation()
	if thumbprint, ok := bound.Thumbprint(cnf.MemberJKT); ok {
		p.evidence, err = g.witness.sign(r.Context(), statement{
			audience: audience, method: r.Method, path: rawPath(r.URL), jwt: grant.jwt, thumbprint: thumbprint,
		})
		if err != nil {
			return err
		}
	}
	if thumbprint, ok := bound.Thumbprint(cnf.MemberX5TS256); ok {
		p.certificate, err = g.clientCert(r, thumbprint)
	}
	return err
}

// clientCert is the Client-Cert field (RFC 9440 section 2.2). The certificate
// must be the one that was confirmed: another source than that of the method
// would hand on the wrong one.
func (g *Gateway[C]) clientCert(r *http.Request, bound [32]byte) (string, error) {
	chain, err := g.certificate(r)
	if err != nil {
		return "", fault.Of("phantom: Certificate", err)
	}
	if len(chain) == 0 || sha256.Sum256(chain[0].Raw) != bound {
		return "", errors.New("phantom: Certificate finds another certificate than the one that was confirmed")
	}
	return ":" + base64.StdEncoding.EncodeToString(chain[0].Raw) + ":", nil
}

// The statement's type and life. The life allows for the clocks of gateway and
// API to differ.
const (
	evidenceType = "phantom-evidence+jwt"
	evidenceLife = 30 * time.Second
)

// witness makes out statements.
type witness struct {
	signer *jose.Signer
	header string
	issuer []byte // as JSON
}

func newWitness(issuer string, key crypto.Signer, keyID string) (*witness, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsAny(issuer, "?#") || !weburl.IsSecure(u) {
		return nil, errors.New("phantom: Issuer is required beside Key, an https URL without query and fragment")
	}
	signer, err := jose.NewSigner(key)
	if err != nil {
		return nil, fmt.Errorf("phantom: Key: %w", err)
	}
	if keyID == "" {
		thumbprint := signer.Thumbprint()
		keyID = jose.Encode(thumbprint[:])
	}
	header, err := signer.Header(evidenceType, keyID, false)
	if err != nil {
		return nil, fmt.Errorf("phantom: KeyID: %w", err)
	}
	quoted, err := jose.AppendQuoted(nil, issuer)
	if err != nil {
		return nil, fmt.Errorf("phantom: Issuer: %w", err)
	}
	return &witness{signer: signer, header: header, issuer: quoted}, nil
}

// statement is what the gateway vouches for: the key with this thumbprint was
// proven for this token, method and path.
type statement struct {
	audience          []byte
	method, path, jwt string
	thumbprint        [32]byte
}

// sign makes a statement of its own for each request: a shared one could be
// used by whoever saw the first, and would not be single-use.
func (w *witness) sign(ctx context.Context, s statement) (string, error) {
	payload, err := w.payload(s, time.Now())
	if err != nil {
		return "", fmt.Errorf("phantom: evidence: %w", err)
	}
	token, err := w.signer.Sign(ctx, w.header, payload)
	if err != nil {
		return "", fault.Of("phantom: evidence", err)
	}
	return token, nil
}

// payload is written by hand, as it is on the path of every request. What is
// not quoted has only digits and base64url characters.
func (w *witness) payload(s statement, now time.Time) (_ []byte, err error) {
	const fixed = 320
	out := make([]byte, 0, fixed+len(w.issuer)+len(s.audience)+len(s.path))
	out = append(append(out, `{"iss":`...), w.issuer...)
	out = append(append(out, `,"aud":`...), s.audience...)
	out = strconv.AppendInt(append(out, `,"iat":`...), now.Unix(), 10)
	out = strconv.AppendInt(append(out, `,"exp":`...), now.Add(evidenceLife).Unix(), 10)
	out = append(append(out, `,"jti":"`...), rand.Text()...)
	if out, err = jose.AppendQuoted(append(out, `","htm":`...), s.method); err != nil {
		return nil, err
	}
	if out, err = jose.AppendQuoted(append(out, `,"path":`...), s.path); err != nil {
		return nil, err
	}
	hash := sha256.Sum256([]byte(s.jwt))
	out = base64.RawURLEncoding.AppendEncode(append(out, `,"ath":"`...), hash[:])
	out = base64.RawURLEncoding.AppendEncode(append(out, `","cnf":{"jkt":"`...), s.thumbprint[:])
	return append(out, `"}}`...), nil
}
