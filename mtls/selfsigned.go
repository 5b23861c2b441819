package mtls

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/go-fapi/fapi/internal/jose"
)

// checkRegistered is self_signed_tls_client_auth: the certificate is one of
// those registered, octet by octet, and TLS has proved possession (RFC 8705
// section 2.2). Nothing in the certificate speaks for it, and nothing against
// it, dates included: registered is registered, until it is removed.
func checkRegistered(registered []*x509.Certificate, leaf *x509.Certificate) error {
	isLeaf := func(certificate *x509.Certificate) bool {
		return certificate != nil && len(leaf.Raw) > 0 && bytes.Equal(certificate.Raw, leaf.Raw)
	}
	if !slices.ContainsFunc(registered, isLeaf) {
		return refuse(ErrRegistered, codeClient, presented(leaf))
	}
	return nil
}

// maxJWKS is the size of a client's jwks in octets.
const maxJWKS = 1 << 20

// RegisteredCertificates reads the certificates of a self_signed_tls_client_auth
// client from its jwks, or from what its jwks_uri served (RFC 8705 section
// 2.2.2): the first x5c of each key that has one and is not for encryption. An
// error at registration is invalid_client_metadata.
//
// The set may hold other keys, say for request objects. It is refused as a
// whole if it holds no certificate, a private key, a malformed key, or a key
// that is not that of its certificate (RFC 7517 section 4.7). The key of a
// certificate can be of any kind that TLS uses (P-256, P-384, P-521, Ed25519,
// RSA with 2048 to 8192 bits), since it never signs a JWT.
func RegisteredCertificates(jwks []byte) ([]*x509.Certificate, error) {
	if len(jwks) > maxJWKS {
		return nil, errors.New("mtls: jwks: larger than 1 MiB")
	}
	// It also says whether keys of the kinds that sign JWTs are sound.
	if _, err := jose.ParseJWKS(jwks); err != nil {
		return nil, fmt.Errorf("mtls: jwks: %w", err)
	}
	var keys []json.RawMessage
	err := jose.ReadObject(jwks, func(name []byte, value jose.Value) error {
		if string(name) == "keys" {
			return json.Unmarshal(value, &keys)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("mtls: jwks: %w", err)
	}
	var certificates []*x509.Certificate
	for _, key := range keys {
		certificate, err := certificateOf(key)
		if err != nil {
			return nil, fmt.Errorf("mtls: jwks: %w", err)
		}
		if certificate != nil {
			certificates = append(certificates, certificate)
		}
	}
	if len(certificates) == 0 {
		return nil, errors.New("mtls: jwks: no key has a certificate (x5c)")
	}
	return certificates, nil
}

// keyMembers are the members of a JWK that say which key it is. They are
// compared as strings: there is one encoding of each.
type keyMembers struct{ kty, crv, x, y, n, e string }

// certificateOf is the certificate of a JWK, or nil if it has none for us.
func certificateOf(jwk []byte) (*x509.Certificate, error) {
	var have keyMembers
	var use string
	var x5c []string
	err := jose.ReadObject(jwk, func(name []byte, value jose.Value) (err error) {
		texts := map[string]*string{
			"kty": &have.kty, "crv": &have.crv, "x": &have.x, "y": &have.y, "n": &have.n, "e": &have.e, "use": &use,
		}
		if string(name) == "x5c" {
			x5c, err = value.Texts()
		} else if text := texts[string(name)]; text != nil {
			*text, err = value.Text()
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(x5c) == 0 || use != "" && use != "sig":
		return nil, nil
	}
	certificate, err := parseDER(x5c[0])
	if err != nil {
		return nil, errors.New("x5c is not a certificate in standard base64")
	}
	if want, ok := membersOf(certificate.PublicKey); !ok || have != want {
		return nil, errors.New("x5c holds another key than its JWK, or one of a kind or size that is not used")
	}
	return certificate, nil
}

// membersOf are the members that the JWK of a certificate's key must have (RFC
// 7518 section 6, RFC 8037 section 2). ok is false for keys that are not used.
func membersOf(public crypto.PublicKey) (members keyMembers, ok bool) {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		curve := key.Curve.Params()
		if err != nil || curve.BitSize < 256 {
			return members, false
		}
		half := len(point) / 2 // after the 4 of an uncompressed point
		return keyMembers{kty: "EC", crv: curve.Name, x: jose.Encode(point[1 : 1+half]), y: jose.Encode(point[1+half:])}, true
	case ed25519.PublicKey:
		return keyMembers{kty: "OKP", crv: "Ed25519", x: jose.Encode(key)}, true
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		exponent := big.NewInt(int64(key.E)).Bytes()
		return keyMembers{kty: "RSA", n: jose.Encode(key.N.Bytes()), e: jose.Encode(exponent)}, bits >= minRSABits && bits <= maxRSABits
	}
	return members, false
}
