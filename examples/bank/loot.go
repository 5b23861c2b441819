package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// token is an access token as the victim got it, read off a log by the thief.
func (b *bank) token(ctx context.Context, resource string) (string, error) {
	base := b.transport()
	defer base.CloseIdleConnections()
	ctx, config, err := b.client(ctx, base)
	if err != nil {
		return "", err
	}
	config.EndpointParams.Set("resource", resource)
	token, err := config.Token(ctx)
	if err != nil {
		return "", err
	}
	return token.AccessToken, nil
}

// proof is a good proof of key for the API, with the API's current nonce.
func (b *bank) proof(ctx context.Context, key crypto.Signer, method, target, token string) (string, error) {
	signer, err := dpop.NewSigner(key)
	if err != nil {
		return "", err
	}
	nonce, err := b.proofConfig.Nonces.Nonce(ctx)
	if err != nil {
		return "", err
	}
	return signer.SignResourceRequest(ctx, method, target, token, nonce)
}

// get is GET /accounts with a token and any number of proofs.
func (b *bank) get(ctx context.Context, scheme, token string, proofs ...string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", b.api+"/accounts", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", scheme+" "+token)
	for _, proof := range proofs {
		r.Header.Add("DPoP", proof)
	}
	return r, nil
}

// mint signs any header and claims, as sound libraries refuse to.
func mint(key crypto.Signer, header, claims map[string]any) (string, error) {
	headerJSON, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	claimsJSON, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	input := encode(headerJSON) + "." + encode(claimsJSON)
	if header["alg"] == "none" {
		return input + ".", nil
	}
	signature, err := rawSignature(key, sha256.Sum256([]byte(input)))
	return input + "." + encode(signature), err
}

func rawSignature(key crypto.Signer, digest [32]byte) ([]byte, error) {
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
	default:
		return key.Sign(rand.Reader, digest[:], crypto.SHA256)
	}
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// publicJWK is the key as a proof's header carries it.
func publicJWK(key crypto.PublicKey) map[string]any {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			panic(err) // keys of this program are on their curve
		}
		return map[string]any{"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}
	}
	return nil
}

// claims are those of a good proof for GET /accounts; an attack changes them.
func (b *bank) claims(ctx context.Context, token string) (map[string]any, error) {
	nonce, err := b.proofConfig.Nonces.Nonce(ctx)
	sum := sha256.Sum256([]byte(token))
	return map[string]any{
		"jti": rand.Text(), "htm": "GET", "htu": b.api + "/accounts", "iat": time.Now().Unix(),
		"ath": encode(sum[:]), "nonce": nonce,
	}, err
}

func proofHeader(alg string, key crypto.Signer) map[string]any {
	return map[string]any{"typ": "dpop+jwt", "alg": alg, "jwk": publicJWK(key.Public())}
}

// assertionFor is a client assertion of the victim for some server.
func (b *bank) assertionFor(ctx context.Context, issuer string) (url.Values, error) {
	signer, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: clientID, Issuer: issuer, Key: b.clientKey})
	if err != nil {
		return nil, err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"accounts"}}
	return form, signer.AuthenticateClient(ctx, form)
}

// tokenRequest posts a form to the token endpoint with a proof of the thief's
// own key: the token would be bound to the thief. An empty target sends none.
func (b *bank) tokenRequest(ctx context.Context, form url.Values, target string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, "POST", b.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if target == "" {
		return r, nil
	}
	signer, err := dpop.NewSigner(b.thiefKey)
	if err != nil {
		return nil, err
	}
	nonce, err := b.serverConfig.Nonces.Nonce(ctx)
	if err != nil {
		return nil, err
	}
	proof, err := signer.SignTokenRequest(ctx, target, nonce)
	r.Header.Set("DPoP", proof)
	return r, err
}
