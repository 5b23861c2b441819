package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeJWT has claims that nobody has signed.
func fakeJWT(claims string) string {
	return encode([]byte(`{"alg":"ES256"}`)) + "." + encode([]byte(claims)) + ".c2lnbmF0dXJl"
}

func TestWords(t *testing.T) {
	t.Parallel()
	for what, of := range map[string]func(sub string) string{
		"plain":             func(sub string) string { return "sub=" + sub + "&x=y" },
		"JSON":              func(sub string) string { return `{"sub":"` + sub + `"}` },
		"a header":          func(sub string) string { return "X-User: " + sub + "\r\n" },
		"a JWT":             func(sub string) string { return fakeJWT(`{"sub":"` + sub + `"}`) },
		"a JWT in a JWT":    func(sub string) string { return fakeJWT(`{"inner":"` + fakeJWT(`{"sub":"`+sub+`"}`) + `"}`) },
		"a JWT in a form":   func(sub string) string { return "token=" + url.QueryEscape(fakeJWT(`{"sub":"`+sub+`"}`)) },
		"an escaped URL":    func(sub string) string { return "https%3A%2F%2Frp.example%2Fcb%3Fsub%3D" + sub },
		"beside a bad %zz":  func(sub string) string { return "100%zz %2F" + sub + "%" },
		"between two words": func(sub string) string { return "~" + sub + "~" },
	} {
		assert.True(t, words([]byte(of("identifier-1")))["identifier-1"], what)
		assert.False(t, words([]byte(of("identifier-2")))["identifier-1"], "%s: the control", what)
	}
	require.Empty(t, words([]byte(`{"sub":"alice","a":"1234567"}`)), "too short to name one of many")
}

func TestIdentifiers(t *testing.T) {
	t.Parallel()
	received := func(sub string) []byte {
		return fmt.Appendf(nil, `{"sub":%q,"auth_time":%d,"iss":"constant-issuer"}`, sub, time.Now().Unix())
	}
	hers := identifiers(received("name-of-alice"), received("name-of-bob"))
	require.Equal(t, map[string]bool{"name-of-alice": true}, hers, "neither what all users have nor the time")
	require.Equal(t, []string{"name-of-alice"}, common(hers, hers))
	require.Empty(t, common(hers, identifiers(received("another-name"), received("name-of-bob"))))

	number := identifiers([]byte("customer 1000000001"), nil)
	require.True(t, number["1000000001"], "a number that is no time of today")
	require.False(t, isInstant("customer-1"))
}

func TestHolds(t *testing.T) {
	t.Parallel()
	const account = "customer-0815-alice"
	hash := sha256.Sum256([]byte(account))
	for what, data := range map[string]string{
		"plain":       "owner=" + account,
		"upper case":  strings.ToUpper(account),
		"in a JWT":    fakeJWT(`{"sub":"` + account + `"}`),
		"escaped":     "customer%2D0815%2Dalice",
		"base64":      base64.StdEncoding.EncodeToString([]byte(account)),
		"hex":         hex.EncodeToString([]byte(account)),
		"SHA-256":     hex.EncodeToString(hash[:]),
		"in base64":   encode(hash[:]),
		"within text": "xx" + account + "xx",
	} {
		data := []byte(data)
		before := string(data)
		assert.True(t, holds(data, account), what)
		assert.False(t, holds(data, "customer-0815-bob"), "%s: the control", what)
		assert.Equal(t, before, string(data))
	}
}

// With public subjects the three can tell that they have the same user, by sub and by
// nothing else. With pairwise ones those of different sectors cannot.
func TestCorrelation(t *testing.T) {
	t.Parallel()
	b, err := newBank()
	require.NoError(t, err)
	t.Cleanup(b.close)
	known := func(send sender, id string) (map[string]bool, *visit) {
		names, hers, err := b.known(t.Context(), send, id)
		require.NoError(t, err)
		sub, err := hers.subject()
		require.NoError(t, err)
		require.True(t, names[sub], "what is not seen cannot be compared")
		return names, hers
	}
	naive, err := b.sender(b.weakenedServer(withPublicSubjects))
	require.NoError(t, err)
	savings, hers := known(naive, savingsID)
	insurance, _ := known(naive, insuranceID)
	require.Equal(t, []string{hers.subjects["ID token"]}, common(savings, insurance))

	savings, _ = known(b.send, savingsID)
	insurance, hers = known(b.send, insuranceID)
	app, _ := known(b.send, insuranceAppID)
	require.Empty(t, common(savings, insurance))
	require.Empty(t, common(savings, app))
	require.Equal(t, []string{hers.subjects["ID token"]}, common(insurance, app), "they share a sector")

	again, err := b.visitOf(context.Background(), b.send, insuranceID, alice)
	require.NoError(t, err)
	require.Equal(t, hers.subjects, again.subjects, "the next day")
}

// The story notices what it says is not there.
func TestStoryNotices(t *testing.T) {
	t.Parallel()
	quiet := &report{out: &strings.Builder{}}
	proof := encode([]byte(`{"typ":"dpop+jwt"}`)) + ".e30.c2ln"
	require.NoError(t, tellSides(quiet, "opaque-token-1", []byte("opaque-token-1 "+proof), []byte(fakeJWT("{}"))))
	require.Error(t, tellSides(quiet, "opaque-token-1", []byte(fakeJWT("{}")), nil))
	require.Error(t, tellSides(quiet, "opaque-token-1", nil, []byte("opaque-token-1")))
	require.Error(t, tellSides(quiet, "opaque.token", nil, nil))

	same := map[string]string{savingsID: "sub-of-savings", insuranceID: "sub-of-both", insuranceAppID: "sub-of-both"}
	one := map[string]bool{"sub-of-both": true}
	require.NoError(t, tellCorrelation(quiet, map[string]map[string]bool{insuranceID: one, insuranceAppID: one}, same))
	require.Error(t, tellCorrelation(quiet, map[string]map[string]bool{savingsID: one, insuranceID: one, insuranceAppID: one}, same))
	require.Error(t, tellCorrelation(quiet, map[string]map[string]bool{insuranceID: one}, same))
	require.Error(t, tellCorrelation(quiet, map[string]map[string]bool{insuranceID: one, insuranceAppID: one}, map[string]string{insuranceID: "sub-of-both"}))

	v := &visit{subjects: map[string]string{"ID token": "a", "userinfo": "a", "logout token": "a", "introspection": "a"}}
	_, err := v.subject()
	require.NoError(t, err)
	v.subjects["logout token"] = "b"
	_, err = v.subject()
	require.Error(t, err)
	delete(v.subjects, "logout token")
	_, err = v.subject()
	require.Error(t, err)
}
