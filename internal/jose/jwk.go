package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
)

// JWK is a public signature key that passed every check of this package.
type JWK struct {
	Key        crypto.PublicKey // *ecdsa.PublicKey, *rsa.PublicKey or ed25519.PublicKey
	KeyID      string
	Algorithm  string // the one algorithm of the key: ES256, PS256 or EdDSA
	Thumbprint [32]byte
}

// ParseJWK reads a public JWK (RFC 7517). Unknown members are ignored, as
// browsers add some (ext); known ones must not contradict the key. maxRSABits
// is [MaxRSABits] or [MaxEmbeddedRSABits].
func ParseJWK(data []byte, maxRSABits int) (JWK, error) {
	var m jwkMembers
	if err := ReadObject(data, m.member); err != nil {
		return JWK{}, err
	}
	key, err := m.publicKey(maxRSABits)
	if err != nil {
		return JWK{}, err
	}
	alg, err := m.agrees(key, "verify")
	if err != nil {
		return JWK{}, err
	}
	thumbprint, err := Thumbprint(key)
	return JWK{Key: key, KeyID: m.kid, Algorithm: alg, Thumbprint: thumbprint}, err
}

type jwkMembers struct {
	kty, crv, alg, kid, use string
	x, y, n, e              []byte
	keyOps                  []string
	certificates            []string
}

// privateMembers: the presence of one, even empty or null, means that somebody
// handles a private key carelessly, and the letter case does not excuse it.
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

func (m *jwkMembers) member(name []byte, value Value) (err error) {
	switch string(name) {
	case "kty":
		m.kty, err = value.Text()
	case "crv":
		m.crv, err = value.Text()
	case "alg":
		m.alg, err = label(value)
	case "kid":
		m.kid, err = value.Text()
	case "use":
		m.use, err = label(value)
	case "key_ops":
		m.keyOps, err = value.Texts()
	case "x5c":
		m.certificates, err = value.Texts()
	case "x":
		m.x, err = octets(value)
	case "y":
		m.y, err = octets(value)
	case "n":
		m.n, err = octets(value)
	case "e":
		m.e, err = octets(value)
	default:
		isName := func(private string) bool { return strings.EqualFold(private, string(name)) }
		if slices.ContainsFunc(privateMembers, isName) {
			return badKey("private or symmetric member")
		}
	}
	return err
}

// label reads a member that says what a key is for. An empty one says nothing
// we know, which is not the same as saying nothing.
func label(value Value) (string, error) {
	text, err := value.Text()
	if err == nil && text == "" {
		err = errUnusable
	}
	return text, err
}

func octets(value Value) ([]byte, error) {
	text, err := value.Text()
	if err != nil {
		return nil, err
	}
	return Decode(text)
}

func (m *jwkMembers) publicKey(maxRSABits int) (crypto.PublicKey, error) {
	switch {
	case m.kty == "EC" && m.crv == "P-256":
		return m.ecKey()
	case m.kty == "RSA":
		return m.rsaKey(maxRSABits)
	case m.kty == "OKP" && m.crv == "Ed25519":
		key := ed25519.PublicKey(m.x)
		if err := checkEd25519(key); err != nil {
			return nil, err
		}
		if !onEd25519(key) {
			return nil, badKey("not a point on Ed25519")
		}
		return key, nil
	case m.kty == "":
		return nil, badKey("kty missing")
	}
	return nil, errUnusable
}

// ecKey demands coordinates of exactly the curve's length: RFC 7518 section
// 6.2.1.2 fixes it, and a second spelling would have a second thumbprint.
func (m *jwkMembers) ecKey() (crypto.PublicKey, error) {
	if len(m.x) != p256Size || len(m.y) != p256Size {
		return nil, badKey("coordinate length")
	}
	point := append(append([]byte{4}, m.x...), m.y...)
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, badKey("not a point on P-256")
	}
	return key, nil
}

func (m *jwkMembers) rsaKey(maxBits int) (crypto.PublicKey, error) {
	// Before any arithmetic: the shortest spelling, and a bounded length.
	if len(m.n) == 0 || m.n[0] == 0 || len(m.e) == 0 || m.e[0] == 0 || len(m.e) > 4 {
		return nil, badKey("RSA member length")
	}
	if len(m.n) > maxBits/8 {
		return nil, badKey("RSA modulus too long")
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(m.n), E: int(new(big.Int).SetBytes(m.e).Int64())}
	if err := checkRSA(key, maxBits); err != nil {
		return nil, err
	}
	if isROCA(key.N) {
		return nil, badKey("RSA modulus of CVE-2017-15361")
	}
	return key, nil
}

// agrees returns the algorithm of the key. It refuses a JWK that says of itself
// that it is for another one, or not for the operation, or whose certificate
// holds another key.
func (m *jwkMembers) agrees(key crypto.PublicKey, operation string) (string, error) {
	alg, err := KeyAlgorithm(key)
	if err != nil {
		return "", err
	}
	if m.alg != "" && !IsAlgorithmOf(m.alg, alg) {
		return "", errUnusable
	}
	if m.use != "" && m.use != "sig" {
		return "", errUnusable
	}
	if m.keyOps != nil && !slices.Contains(m.keyOps, operation) {
		return "", errUnusable
	}
	if m.certificates != nil {
		err = checkCertificate(m.certificates, key)
	}
	return alg, err
}

// checkCertificate compares the first certificate of an x5c with the key. The
// chain proves nothing here: no key is trusted for its certificate.
func checkCertificate(x5c []string, key crypto.PublicKey) error {
	if len(x5c) == 0 {
		return badKey("x5c empty")
	}
	der, err := base64.StdEncoding.Strict().DecodeString(x5c[0])
	if err != nil {
		return badKey("x5c malformed")
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return badKey("x5c malformed")
	}
	have, err := CanonicalJWK(certificate.PublicKey)
	want, _ := CanonicalJWK(key)
	if err != nil || !bytes.Equal(have, want) {
		return badKey("x5c holds another key")
	}
	return nil
}
