package accesstoken

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// FuzzVerify: whatever a stranger sends is refused as an *Error, without a
// panic, and the second time like the first.
func FuzzVerify(f *testing.F) {
	v := newVerifier(f, nil)
	stranger := sign(f, testkeys.ES256("stranger"), testHeader, payload(time.Unix(4_000_000_000, 0), "iat", "1"))
	f.Add(stranger)
	f.Add(strings.Join(strings.Split(stranger, ".")[:2], ".") + ".")
	f.Add("..")
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		first := refusal(t, v, token)
		if again := refusal(t, v, token); again != first {
			t.Fatalf("%v, then %v", first, again)
		}
		if n := v.cache.entries(); n != 0 {
			t.Fatal("a refused token was remembered")
		}
	})
}

// FuzzClaims signs any payload. What is accepted has all that is required.
func FuzzClaims(f *testing.F) {
	v := newVerifier(f, nil)
	f.Add(payload(time.Unix(4_000_000_000, 0), "iat", "1"))
	f.Add(payload(time.Unix(4_000_000_000, 0), "iat", "1", "cnf", "", "amr", `["a"]`, "auth_time", "1.5", "x", `{"a":[1]}`))
	f.Add("{}")
	signer, err := jose.NewSigner(testkeys.EdDSA("fuzz"))
	if err != nil {
		f.Fatal(err)
	}
	v.keys = publish(testKeyID, testkeys.EdDSA("fuzz"))
	header := jose.Encode([]byte(strings.Replace(testHeader, "ES256", "EdDSA", 1)))
	f.Fuzz(func(t *testing.T, payload string) {
		token, err := signer.Sign(context.Background(), header, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Verify(context.Background(), token)
		if err != nil {
			refusal(t, v, token)
			return
		}
		if got.Subject() == "" || got.ClientID() == "" || got.ID() == "" || got.IssuedAt().IsZero() || !got.Expires().After(time.Now()) {
			t.Fatal("a required claim is missing")
		}
		if _, ok := got.Claim("cnf"); ok == got.Confirmation().IsZero() {
			t.Fatal("cnf and Confirmation disagree")
		}
		for _, scope := range got.Scopes() {
			if !got.HasScope(scope) {
				t.Fatal("Scopes and HasScope disagree")
			}
		}
	})
}

func refusal(t *testing.T, v *Verifier, token string) error {
	got, err := v.Verify(context.Background(), token)
	var refused *Error
	if got != nil || !errors.As(err, &refused) {
		t.Fatalf("accepted or failed: %v", err)
	}
	return refused.Unwrap()
}
