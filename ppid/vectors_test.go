package ppid

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVectorsSHA256(t *testing.T) {
	t.Parallel()
	list := readVectors(t).SHA.Vectors
	require.Len(t, list, 6)
	for _, v := range list {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			have, err := Legacy{Sector: v.Sector, Salt: unhex(t, v.Salt)}.Subject(v.Account)
			if v.Account == "" { // a6 fixes the octets only
				requireFault(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, v.Sub, have)
		})
	}
}

// Method (b) of OpenID Connect Core section 8.1 is not offered: equal prefixes show.
func TestVectorsAES128(t *testing.T) {
	t.Parallel()
	list := readVectors(t).AES.Vectors
	require.Len(t, list, 6)
	d := newDeriver(t, Epoch{ID: "siv", Key: testKey(64, 1), Reversible: true})
	prefixes, ours := map[string]bool{}, map[string]bool{}
	same := 0
	for _, v := range list {
		t.Run(v.ID, func(t *testing.T) {
			block, err := aes.NewCipher(unhex(t, v.AESKey))
			require.NoError(t, err)
			out := unhex(t, v.Padded)
			cipher.NewCBCEncrypter(block, unhex(t, v.IV)).CryptBlocks(out, out)
			require.Equal(t, v.Ciphertext, hex.EncodeToString(out))
			require.Equal(t, v.Sub, base64.RawURLEncoding.EncodeToString(out))
		})
		if v.Sector == "client.example.com" && v.Account != "" {
			prefixes[v.Sub[:16]] = true
			ours[derive(t, d, sectorOf(t, v.Sector), v.Account)[:16]] = true
			same++
		}
	}
	require.Len(t, prefixes, 1, "control: the leak")
	require.Len(t, ours, same)
}

func TestVectorsHMAC(t *testing.T) {
	t.Parallel()
	list := readVectors(t).HMAC.Vectors
	require.Len(t, list, 6)
	for _, v := range list {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			e, err := newEpoch(Epoch{ID: v.ID, Key: unhex(t, v.Key)}, v.Issuer)
			require.NoError(t, err)
			require.Equal(t, v.Sub, e.deriveMAC(v.Sector, v.Account))

			d, err := NewDeriver(Config{Issuer: v.Issuer, Epochs: []Epoch{{ID: v.ID, Key: unhex(t, v.Key)}}})
			require.NoError(t, err)
			have, err := d.Derive(sectorOf(t, v.Sector), v.Account)
			if v.Account == "" { // h6 fixes the octets only
				requireFault(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, v.Sub, have)
		})
	}
}

func TestVectorsSIV(t *testing.T) {
	t.Parallel()
	list := readVectors(t).SIV.Vectors
	require.Len(t, list, 6)
	for _, v := range list {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			issuer := string(unhex(t, v.AD[1]))
			e, err := newEpoch(Epoch{ID: v.ID, Key: unhex(t, v.Key), Reversible: true}, issuer)
			require.NoError(t, err)
			have, err := e.derive(v.Sector, v.Account)
			require.NoError(t, err)
			require.Equal(t, v.Sub, have)
			account, err := e.account(v.Sector, v.Sub)
			require.NoError(t, err)
			require.Equal(t, v.Account, account)
			_, err = e.account("evil.example", v.Sub)
			require.ErrorIs(t, err, errForged)
		})
	}
}

func TestVectorsAmbiguity(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	require.Len(t, v.Ambiguity, 2)
	salt := unhex(t, v.SHA.Vectors[0].Salt)
	d := newDeriver(t, Epoch{ID: "k1", Key: unhex(t, v.Rotation.K1)})
	for _, a := range v.Ambiguity {
		t.Run("U01 "+a.Left.Sector, func(t *testing.T) {
			t.Parallel()
			left, err := Legacy{Sector: a.Left.Sector, Salt: salt}.Subject(a.Left.Account)
			require.NoError(t, err)
			right, err := Legacy{Sector: a.Right.Sector, Salt: salt}.Subject(a.Right.Account)
			require.NoError(t, err)
			require.Equal(t, []string{a.PlainLeft, a.PlainRight}, []string{left, right})
			require.Equal(t, left, right, "control: the attack on plain concatenation")
			require.Equal(t, a.HMACLeft, derive(t, d, sectorOf(t, a.Left.Sector), a.Left.Account))
			require.Equal(t, a.HMACRight, derive(t, d, sectorOf(t, a.Right.Sector), a.Right.Account))
		})
	}
}

func TestVectorsSectors(t *testing.T) {
	t.Parallel()
	list := readVectors(t).Sectors
	require.Len(t, list, 8)
	for _, v := range list {
		sector, err := SectorOf(v.URI, v.RedirectURIs)
		if v.Error != "" {
			requireRefused(t, err, ErrSector, "invalid_client_metadata")
			require.Equal(t, Sector{}, sector)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, v.Sector, sector.String())
	}
}

// The vectors of RFC 5297 appendix A.
func TestVectorsRFC5297(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		name, key string
		data      []string
		plaintext string
		output    string
	}{
		{
			name:      "A.1",
			key:       "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
			data:      []string{"101112131415161718191a1b1c1d1e1f2021222324252627"},
			plaintext: "112233445566778899aabbccddee",
			output:    "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c",
		},
		{
			name: "A.2",
			key:  "7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f",
			data: []string{
				"00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
				"102030405060708090a0",
				"09f911029d74e35bd84156c5635688c0",
			},
			plaintext: "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
			output:    "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d",
		},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			s, err := newSIV(unhex(t, v.key))
			require.NoError(t, err)
			var data [][]byte
			for _, one := range v.data {
				data = append(data, unhex(t, one))
			}
			sealed := s.seal(unhex(t, v.plaintext), data...)
			require.Equal(t, v.output, hex.EncodeToString(sealed))
			opened, err := s.open(sealed, data...)
			require.NoError(t, err)
			require.Equal(t, v.plaintext, hex.EncodeToString(opened))
			for i := range sealed {
				forged := append([]byte(nil), sealed...)
				forged[i] ^= 1
				_, err := s.open(forged, data...)
				require.ErrorIs(t, err, errForged, i)
			}
			_, err = s.open(sealed[:15], data...)
			require.ErrorIs(t, err, errForged)
		})
	}
}
