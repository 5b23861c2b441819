package ppid

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

const testIssuer = "https://as.example.com"

func testKey(n int, first byte) []byte {
	key := make([]byte, n)
	for i := range key {
		key[i] = first + byte(i)
	}
	return key
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	require.NoError(t, err)
	return data
}

func sectorOf(t testing.TB, host string) Sector {
	t.Helper()
	sector, err := SectorOf("", []string{"https://" + host + "/cb"})
	require.NoError(t, err)
	return sector
}

func newDeriver(t testing.TB, epochs ...Epoch) *Deriver {
	t.Helper()
	if len(epochs) == 0 {
		epochs = []Epoch{{ID: "1", Key: testKey(32, 1)}}
	}
	config := Config{Issuer: testIssuer, Epochs: epochs}
	if len(epochs) > 1 {
		config.EpochOf = func(Sector) (string, error) { return epochs[0].ID, nil }
	}
	d, err := NewDeriver(config)
	require.NoError(t, err)
	return d
}

func derive(t testing.TB, d *Deriver, sector Sector, account string) string {
	t.Helper()
	subject, err := d.Derive(sector, account)
	require.NoError(t, err)
	return subject
}

func requireRefused(t testing.TB, err error, rule error, code string) {
	t.Helper()
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, rule)
	require.Equal(t, code, refused.OAuthCode())
}

// requireFault is for what is not the client's fault.
func requireFault(t testing.TB, err error) {
	t.Helper()
	require.Error(t, err)
	var refused *Error
	require.NotErrorAs(t, err, &refused)
}

// vectors is testdata/vectors.json.
type vectors struct {
	SHA struct {
		Vectors []vector
	} `json:"oidc_core_8_1_method_a_sha256"`
	AES struct {
		Vectors []vector
	} `json:"oidc_core_8_1_method_b_aes128"`
	HMAC struct {
		Vectors []vector
	} `json:"hmac_sha256_recommended"`
	SIV struct {
		Vectors []vector
	} `json:"aes_256_siv_reversible"`
	Ambiguity []struct {
		Left, Right          pair
		PlainLeft            string `json:"plain_concat_sub_left"`
		PlainRight           string `json:"plain_concat_sub_right"`
		HMACLeft             string `json:"length_prefixed_hmac_sub_left"`
		HMACRight            string `json:"length_prefixed_hmac_sub_right"`
		PlainCollides        bool   `json:"plain_concat_collides"`
		LengthPrefixCollides bool   `json:"length_prefixed_collides"`
	} `json:"ambiguity_demonstration"`
	Rotation struct {
		K1   string `json:"k1_hex"`
		K2   string `json:"k2_hex"`
		Sub1 string `json:"sub_k1"`
		Sub2 string `json:"sub_k2"`
		pair
	} `json:"key_rotation"`
	Sectors []struct {
		RedirectURIs []string `json:"redirect_uris"`
		URI          string   `json:"sector_identifier_uri"`
		Sector       string
		Error        string
	} `json:"sector_derivation"`
}

type pair struct {
	Sector  string `json:"sector_identifier"`
	Account string `json:"local_account_id"`
}

type vector struct {
	pair
	ID         string
	Sub        string
	Issuer     string
	Key        string   `json:"key_hex"`
	Salt       string   `json:"salt_hex"`
	AESKey     string   `json:"aes128_key_hex"`
	IV         string   `json:"iv_hex"`
	Padded     string   `json:"padded_plaintext_hex"`
	Ciphertext string   `json:"ciphertext_hex"`
	AD         []string `json:"ad_hex"`
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(bytes.NewReader(data)).Decode(&v))
	return v
}
