package accesstoken

import (
	"context"
	"crypto"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

const (
	testIssuer   = "https://as.bank.example"
	testAudience = "https://api.bank.example"
	testKeyID    = "as-1"
	testHeader   = `{"alg":"ES256","typ":"at+jwt","kid":"as-1"}`
	testCNF      = `{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}`
)

// keysFunc is a KeySource.
type keysFunc func(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error)

func (f keysFunc) Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	return f(ctx, kid, alg)
}

// publish is a key set of one kid.
func publish(kid string, keys ...crypto.Signer) KeySource {
	return keysFunc(func(_ context.Context, want, _ string) ([]crypto.PublicKey, error) {
		var list []crypto.PublicKey
		for _, key := range keys {
			if kid == want {
				list = append(list, key.Public())
			}
		}
		return list, nil
	})
}

func issuerKey() crypto.Signer { return testkeys.ES256("issuer") }

// newVerifier is a verifier that trusts issuerKey; change may be nil.
func newVerifier(t testing.TB, change func(*VerifierConfig)) *Verifier {
	t.Helper()
	c := VerifierConfig{Issuer: testIssuer, Audience: testAudience, Keys: publish(testKeyID, issuerKey())}
	if change != nil {
		change(&c)
	}
	v, err := NewVerifier(c)
	require.NoError(t, err)
	return v
}

func newIssuer(t testing.TB, change func(*IssuerConfig)) *Issuer {
	t.Helper()
	c := IssuerConfig{Issuer: testIssuer, Key: issuerKey(), KeyID: testKeyID}
	if change != nil {
		change(&c)
	}
	i, err := NewIssuer(c)
	require.NoError(t, err)
	return i
}

func goodGrant() Grant {
	return Grant{
		Subject:      "user-1",
		ClientID:     "client-1",
		Audience:     []string{testAudience},
		Scope:        []string{"accounts", "payments"},
		Confirmation: cnf.Bind(cnf.MemberJKT, [32]byte{1}),
	}
}

// payload is a good one at now, with members replaced, added or (by an empty
// text) removed. Texts are JSON, which may go on to smuggle in more members.
func payload(now time.Time, changes ...string) string {
	members := []string{
		"iss", `"` + testIssuer + `"`,
		"sub", `"user-1"`,
		"aud", `"` + testAudience + `"`,
		"client_id", `"client-1"`,
		"exp", fmt.Sprint(now.Add(5 * time.Minute).Unix()),
		"iat", fmt.Sprint(now.Unix()),
		"jti", `"id-1"`,
		"scope", `"accounts payments"`,
		"cnf", testCNF,
	}
	for i := 0; i < len(changes); i += 2 {
		members = set(members, changes[i], changes[i+1])
	}
	var out []string
	for i := 0; i < len(members); i += 2 {
		if members[i+1] != "" {
			out = append(out, `"`+members[i]+`":`+members[i+1])
		}
	}
	return "{" + strings.Join(out, ",") + "}"
}

func set(members []string, name, value string) []string {
	for i := 0; i < len(members); i += 2 {
		if members[i] == name {
			members[i+1] = value
			return members
		}
	}
	return append(members, name, value)
}

// sign makes a token of any header and payload with a real signature, so that
// nothing but what the test changed can be the reason for a refusal.
func sign(t testing.TB, key crypto.Signer, header, payload string) string {
	t.Helper()
	signer, err := jose.NewSigner(key)
	require.NoError(t, err)
	token, err := signer.Sign(context.Background(), jose.Encode([]byte(header)), []byte(payload))
	require.NoError(t, err)
	return token
}

func goodToken(t testing.TB, changes ...string) string {
	t.Helper()
	return sign(t, issuerKey(), testHeader, payload(time.Now(), changes...))
}

func requireAccepted(t testing.TB, v *Verifier, token string) *Token {
	t.Helper()
	got, err := v.Verify(context.Background(), token)
	require.NoError(t, err)
	require.NotNil(t, got)
	return got
}

// requireRefused also proves the control: the verifier still takes a good token.
func requireRefused(t testing.TB, v *Verifier, token string, want error) {
	t.Helper()
	got, err := v.Verify(context.Background(), token)
	require.ErrorIs(t, err, want)
	require.Nil(t, got)
	var refused *Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "invalid_token", refused.OAuthCode())
	assert.Equal(t, want, refused.Unwrap())
	requireAccepted(t, v, goodToken(t))
}

// requireFailed is for what must become a 5xx.
func requireFailed(t testing.TB, v *Verifier, token string) error {
	t.Helper()
	got, err := v.Verify(context.Background(), token)
	require.Error(t, err)
	require.Nil(t, got)
	var coded interface{ OAuthCode() string }
	require.NotErrorAs(t, err, &coded)
	return err
}
