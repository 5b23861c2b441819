package jose_test

import (
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
)

// outside are the vectors this package refuses by design, each with its reason.
var outside = map[string]string{
	"generated-p384":    "the closed set of algorithms has no ES384",
	"generated-p521":    "the closed set of algorithms has no ES512",
	"generated-akp-toy": "the closed set of algorithms has no ML-DSA",
}

// unlabelled drops the members that rightly refuse a key whose thumbprint is
// still of interest: the alg RS256 of RFC 7638's example.
func unlabelled(t *testing.T, jwk json.RawMessage, names ...string) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(jwk, &members))
	for _, name := range names {
		delete(members, name)
	}
	out, err := json.Marshal(members)
	require.NoError(t, err)
	return out
}

func TestThumbprintVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID         string
			JWK        json.RawMessage
			Canonical  string `json:"canonical_json"`
			SHA256     string `json:"sha256_hex"`
			Thumbprint string
		}
	}
	readFile(t, "jwk-thumbprints.json", &file)
	require.Len(t, file.Vectors, 11)
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			if reason := outside[v.ID]; reason != "" {
				require.ErrorIs(t, parse(string(v.JWK)), jose.ErrKey, reason)
				return
			}
			text := []byte(v.JWK)
			switch v.ID {
			case "rfc7638-3.1":
				require.ErrorIs(t, parse(string(text)), jose.ErrKey, "its alg is RS256")
				text = unlabelled(t, text, "alg")
			case "rfc8037-A.3":
				require.ErrorIs(t, parse(string(text)), jose.ErrKey, "it holds the private key")
				private, err := jose.ParsePrivateJWK(text)
				require.NoError(t, err)
				require.Equal(t, v.Canonical, jwkOf(t, private.Public()))
				text = unlabelled(t, text, "d")
			}
			key := parsed(t, string(text))
			require.Equal(t, v.Canonical, jwkOf(t, key.Key))
			require.Equal(t, v.SHA256, hex.EncodeToString(key.Thumbprint[:]))
			require.Equal(t, v.Thumbprint, jose.Encode(key.Thumbprint[:]))
		})
	}
}

func TestConfirmationKeyVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID           string
			Confirmation json.RawMessage `json:"cnf"`
			Plain        json.RawMessage `json:"plaintext_jwk"`
			Thumbprint   string          `json:"jwk_thumbprint"`
		}
	}
	readFile(t, "rfc7800-cnf.json", &file)
	refused := map[string]string{
		"rfc7800-3.3-plaintext": "symmetric", "cnf-oct-unencrypted": "symmetric", "cnf-private-jwk": "private",
	}
	keys := 0
	for _, v := range file.Vectors {
		var confirmation struct{ JWK json.RawMessage }
		_ = json.Unmarshal(v.Confirmation, &confirmation) // one vector is a string, on purpose
		jwk := string(confirmation.JWK) + string(v.Plain)
		if jwk == "" {
			continue
		}
		keys++
		t.Run(v.ID, func(t *testing.T) {
			if reason := refused[v.ID]; reason != "" {
				require.ErrorIs(t, parse(jwk), jose.ErrKey, reason)
				return
			}
			key := parsed(t, jwk)
			if v.Thumbprint != "" {
				require.Equal(t, v.Thumbprint, jose.Encode(key.Thumbprint[:]))
			}
		})
	}
	require.Equal(t, 5, keys)
}
