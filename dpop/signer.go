package dpop

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
)

// Signer makes DPoP proofs with one key. It is safe for concurrent use if its
// key is.
type Signer struct {
	signer *jose.Signer
	header string // encoded once: the same in every proof
}

// NewSigner takes the client's DPoP key: P-256, Ed25519, or RSA of 2048 to
// 4096 bits. It may live in hardware, since only crypto.Signer is asked of it.
func NewSigner(key crypto.Signer) (*Signer, error) {
	signer, err := jose.NewSigner(key)
	if err != nil {
		return nil, errors.New("dpop: the key must be P-256, Ed25519, or RSA of 2048 to 4096 bits")
	}
	jwk, err := jose.CanonicalJWK(signer.Public())
	if err == nil {
		_, err = jose.ParseJWK(jwk, jose.MaxEmbeddedRSABits)
	}
	if err != nil {
		return nil, errors.New("dpop: the key would be refused in a proof")
	}
	header, err := signer.Header("dpop+jwt", "", true)
	if err != nil {
		return nil, err
	}
	return &Signer{signer: signer, header: header}, nil
}

// Thumbprint is the SHA-256 JWK thumbprint of the key, the value of cnf.jkt
// and of dpop_jkt (write it with [JKT]).
func (s *Signer) Thumbprint() [32]byte {
	if s == nil || s.signer == nil {
		return [32]byte{}
	}
	return s.signer.Thumbprint()
}

// SignTokenRequest makes a proof for a POST to the authorization server's
// token or pushed authorization request endpoint. nonce is the newest
// DPoP-Nonce of that server, or empty.
func (s *Signer) SignTokenRequest(ctx context.Context, endpoint, nonce string) (string, error) {
	return s.sign(ctx, "POST", endpoint, "", nonce)
}

// SignResourceRequest makes a proof for a request that presents an access
// token. nonce is the newest DPoP-Nonce of that server, or empty.
func (s *Signer) SignResourceRequest(ctx context.Context, method, target, accessToken, nonce string) (string, error) {
	if accessToken == "" {
		return "", errors.New("dpop: SignResourceRequest needs the access token of the request")
	}
	return s.sign(ctx, method, target, accessToken, nonce)
}

func (s *Signer) sign(ctx context.Context, method, target, accessToken, nonce string) (string, error) {
	if s == nil || s.signer == nil {
		return "", errors.New("dpop: the signer was not made by NewSigner")
	}
	htu, err := htuOf(target)
	if err != nil {
		return "", err
	}
	if method == "" || nonce != "" && !isNonce(nonce) {
		return "", errors.New("dpop: empty method, or a nonce with characters RFC 9449 section 8.1 does not allow")
	}
	payload, err := appendClaims(make([]byte, 0, 320), method, htu, accessToken, nonce)
	if err != nil {
		return "", err
	}
	return s.signer.Sign(ctx, s.header, payload)
}

func appendClaims(dst []byte, method, htu, accessToken, nonce string) ([]byte, error) {
	dst = append(append(append(dst, `{"jti":"`...), rand.Text()...), `","iat":`...)
	dst = strconv.AppendInt(dst, time.Now().Unix(), 10)
	claims := [...]struct{ name, value string }{{"htm", method}, {"htu", htu}, {"ath", hashOf(accessToken)}, {"nonce", nonce}}
	for _, claim := range claims {
		if claim.value == "" {
			continue
		}
		var err error
		dst = append(append(append(dst, `,"`...), claim.name...), `":`...)
		if dst, err = jose.AppendQuoted(dst, claim.value); err != nil {
			return nil, errors.New("dpop: the method or URL is not UTF-8")
		}
	}
	return append(dst, '}'), nil
}

func hashOf(accessToken string) string {
	if accessToken == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(accessToken))
	return jose.Encode(sum[:])
}

// htuOf is the target URI as it goes over the wire, without query, fragment
// and userinfo (section 4.2). Nothing else is normalised: a server that
// compares strings shall find the spelling it saw in the request.
func htuOf(target string) (string, error) {
	htu, _, _ := strings.Cut(target, "#")
	htu, _, _ = strings.Cut(htu, "?")
	if isWireForm(htu) { // the usual URL, which needs no parser
		return htu, nil
	}
	u, err := url.Parse(target)
	if err != nil {
		return "", errors.New("dpop: the URL cannot be parsed")
	}
	htu = strings.ToLower(u.Scheme) + "://" + u.Host + u.EscapedPath()
	if u.EscapedPath() == "" {
		htu += "/"
	}
	if _, _, ok := splitTarget(htu); !ok {
		return "", errors.New("dpop: the URL must be absolute http or https with an ASCII host")
	}
	return htu, nil
}

func isWireForm(htu string) bool {
	authorityAndPath, ok := strings.CutPrefix(htu, "https://")
	if !ok || strings.IndexByte(authorityAndPath, '/') < 0 {
		return false
	}
	_, _, ok = splitTarget(htu)
	return ok
}
