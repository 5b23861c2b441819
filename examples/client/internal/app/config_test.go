package app_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/client/internal/app"
	"github.com/go-fapi/fapi/examples/internal/pki"
	"github.com/go-fapi/fapi/internal/testkeys"
)

const required = `"issuer":"https://as.example","client_id":"c","redirect_uri":"http://127.0.0.1:8080/callback","api":"https://api.example/accounts"`

// folder has a configuration and the files that it may name.
func folder(t *testing.T, members string) (name string) {
	t.Helper()
	authority, err := pki.NewAuthority("test")
	require.NoError(t, err)
	certificate, err := pki.SelfSigned("c")
	require.NoError(t, err)
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	directory := t.TempDir()
	for name, text := range map[string][]byte{
		"client.json":     []byte(members),
		"ca.pem":          authority.PEM(),
		"key.pem":         pkcs8(testkeys.ES256("client")),
		"key.jwk":         []byte(`{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`),
		"certificate.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}),
		"tls.pem":         pkcs8(certificate.PrivateKey),
		"junk":            []byte("junk"),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), text, 0o600))
	}
	return filepath.Join(directory, "client.json")
}

func TestLoad(t *testing.T) {
	t.Parallel()
	config, err := app.Load(folder(t, `{`+required+`,"scope":"openid accounts","ca":"ca.pem","key":"key.pem",
		"certificate":"certificate.pem","certificate_key":"tls.pem","server_certificate":"certificate.pem","server_key":"tls.pem","internal_addresses":["127.0.0.1/32"]}`))
	require.NoError(t, err)
	require.Equal(t, []string{"openid", "accounts"}, config.Scopes)
	require.Equal(t, testkeys.ES256("client").Public(), config.Key.Public())
	require.NotNil(t, config.Roots)
	require.NotNil(t, config.Certificate)
	require.NotNil(t, config.Server)
	require.True(t, config.Internal[0].IsSingleIP())

	config, err = app.Load(folder(t, `{`+required+`,"key":"key.jwk"}`))
	require.NoError(t, err)
	require.NotNil(t, config.Key)
	require.Nil(t, config.Certificate)
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`:                                 "is required",
		`[]`:                                 "cannot unmarshal",
		`{` + required + `} {}`:              "something follows",
		`{` + required + `,"secret":"x"}`:    `unknown field "secret"`,
		`{` + required + `,"ca":"none.pem"}`: "none.pem",
		`{` + required + `,"ca":"junk"}`:     "no certificate in",
		`{` + required + `,"key":"none"}`:    "none",
		`{` + required + `,"key":"junk"}`:    "neither PEM nor a private JWK",
		`{` + required + `,"key":"ca.pem"}`:  "not a PKCS #8 private key",
		`{` + required + `,"certificate":"certificate.pem","certificate_key":"key.pem"}`:   "does not match",
		`{` + required + `,"server_certificate":"certificate.pem","server_key":"key.pem"}`: "does not match",
	} {
		_, err := app.Load(folder(t, text))
		require.ErrorContains(t, err, want, text)
	}
	_, err := app.Load(filepath.Join(t.TempDir(), "none.json"))
	require.Error(t, err)
}
