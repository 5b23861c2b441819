package interop_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
)

const (
	apiOrigin   = "https://api.example"
	target      = apiOrigin + "/accounts"
	accessToken = "an access token"
)

// foreignProof is a proof that proofs.mjs has made, with two bad relatives.
type foreignProof struct {
	Name           string
	Proof          string
	Thumbprint     string
	Members        []string // of its JWK; empty where the package dpop chose them
	ForEncryption  string   // the same but for key_ops
	WithPrivateKey string   // the same but for d
}

// Proofs of the packages dpop and jose before our Verifier.
func TestForeignProofs(t *testing.T) {
	t.Parallel()
	needNode(t)
	nonces := newNonces(t, apiOrigin)
	nonce, err := nonces.Nonce(t.Context())
	require.NoError(t, err)
	verifier, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{apiOrigin}, Replay: newReplay(t), Nonces: nonces})
	require.NoError(t, err)

	var proofs []foreignProof
	startNode(t, "proofs.mjs").ask(map[string]string{"htu": target, "htm": "GET", "nonce": nonce, "accessToken": accessToken}, &proofs)
	require.Len(t, proofs, 7)
	for _, proof := range proofs {
		t.Run(proof.Name, func(t *testing.T) {
			t.Parallel()
			proof.check(t, verifier)
		})
	}
}

// check sends the proof and its bad relatives first where they must be refused,
// which leaves no trace, and then where it must be accepted, once.
func (p foreignProof) check(t *testing.T, verifier *dpop.Verifier) {
	t.Helper()
	bound, err := dpop.ParseJKT(p.Thumbprint)
	require.NoError(t, err)
	verify := func(method, target, token, proof string, bound [32]byte) error {
		request := httptest.NewRequest(method, target, nil)
		request.Header.Set("DPoP", proof)
		_, err := verifier.VerifyResourceRequest(request, token, bound)
		return err
	}
	require.ErrorIs(t, verify("POST", target, accessToken, p.Proof, bound), dpop.ErrMethod)
	require.ErrorIs(t, verify("GET", target+"/", accessToken, p.Proof, bound), dpop.ErrTarget)
	require.ErrorIs(t, verify("GET", target, accessToken+"!", p.Proof, bound), dpop.ErrTokenHash)
	require.ErrorIs(t, verify("GET", target, accessToken, p.Proof, sha256.Sum256(nil)), dpop.ErrBinding)
	require.ErrorIs(t, verify("GET", target, accessToken, tampered(p.Proof), bound), dpop.ErrSignature)
	if len(p.Members) > 0 {
		require.Subset(t, p.Members, []string{"ext", "key_ops"}, "as WebCrypto exports keys")
		require.ErrorIs(t, verify("GET", target, accessToken, p.ForEncryption, bound), dpop.ErrKey)
		require.ErrorIs(t, verify("GET", target, accessToken, p.WithPrivateKey, bound), dpop.ErrKey)
	}
	require.NoError(t, verify("GET", target+"?from=2026-01-01", accessToken, p.Proof, bound))
	require.ErrorIs(t, verify("GET", target, accessToken, p.Proof, bound), dpop.ErrReplay)
}

// tampered changes a bit in the middle of the signature of a JWS.
func tampered(jws string) string {
	octets := []byte(jws)
	middle := len(octets) - 40
	if octets[middle] == 'A' {
		octets[middle] = 'B'
	} else {
		octets[middle] = 'A'
	}
	return string(octets)
}

// verification is what verify.mjs shall verify.
type verification struct {
	JWT     string          `json:"jwt"`
	JWKS    json.RawMessage `json:"jwks,omitempty"` // absent: with the key in the header
	Options verifyOptions   `json:"options"`
}

// verifyOptions are those of jose's jwtVerify.
type verifyOptions struct {
	Algorithms []string `json:"algorithms"`
	Type       string   `json:"typ,omitempty"`
	Issuer     string   `json:"issuer,omitempty"`
	Subject    string   `json:"subject,omitempty"`
	Audience   string   `json:"audience,omitempty"`
}

// verified is what jose read in a JWT that it verified.
type verified struct {
	Header     map[string]any
	Payload    map[string]any
	Thumbprint string
}

// What jose says of a JWT it refuses.
const (
	wrongSignature = "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
	wrongClaim     = "ERR_JWT_CLAIM_VALIDATION_FAILED"
	noSuchKey      = "ERR_JWKS_NO_MATCHING_KEY"
)

// Proofs of our Signer before jose.
func TestOurProofs(t *testing.T) {
	t.Parallel()
	needNode(t)
	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			signer, err := dpop.NewSigner(keyFor(algorithm, "proofs"))
			require.NoError(t, err)
			proof, err := signer.SignResourceRequest(t.Context(), http.MethodGet, target+"?from=2026-01-01", accessToken, "a-nonce")
			require.NoError(t, err)
			ours := verifyOptions{Algorithms: []string{algorithm}, Type: "dpop+jwt"}
			other := verifyOptions{Algorithms: []string{algorithm}, Type: "at+jwt"}
			var results []outcome[verified]
			startNode(t, "verify.mjs").ask([]verification{
				{JWT: proof, Options: ours}, {JWT: tampered(proof), Options: ours}, {JWT: proof, Options: other},
			}, &results)

			require.Empty(t, results[0].Error)
			got := results[0].Value
			require.Equal(t, dpop.JKT(signer.Thumbprint()), got.Thumbprint)
			hash := sha256.Sum256([]byte(accessToken))
			require.Equal(t, map[string]any{
				"htm": "GET", "htu": target, "nonce": "a-nonce",
				"ath": base64.RawURLEncoding.EncodeToString(hash[:]),
				"jti": got.Payload["jti"], "iat": got.Payload["iat"],
			}, got.Payload)
			require.NotEmpty(t, got.Payload["jti"])
			require.Equal(t, wrongSignature, results[1].Error)
			require.Equal(t, outcome[verified]{Error: wrongClaim, Claim: "typ"}, results[2])
		})
	}
}
