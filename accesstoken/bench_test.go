package accesstoken

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-fapi/fapi/internal/testkeys"
)

// interleave runs op, and raw for as long after each round, and reports as x-raw
// the median over the rounds of the cost of op in units of the cost of raw.
func interleave(b *testing.B, op func(i int), raw func()) {
	b.ReportAllocs()
	rounds := min(201, b.N)
	ratios := make([]float64, 0, rounds)
	for round := range rounds {
		from, to := b.N*round/rounds, b.N*(round+1)/rounds
		start := time.Now()
		for i := from; i < to; i++ {
			op(i)
		}
		spent := time.Since(start)

		b.StopTimer()
		repeat := 0
		for start = time.Now(); repeat == 0 || time.Since(start) < spent; repeat++ {
			raw()
		}
		perRaw := time.Since(start).Seconds() / float64(repeat)
		ratios = append(ratios, spent.Seconds()/float64(to-from)/perRaw)
		b.StartTimer()
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x-raw")
}

// rawVerify is the one signature check nobody can avoid for a new token.
func rawVerify(b *testing.B) func() {
	key := testkeys.ES256("issuer")
	digest := sha256.Sum256([]byte("raw"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
			b.Fatal("raw")
		}
	}
}

func benchTokens(b *testing.B) []string {
	tokens := make([]string, 1000)
	now := time.Now().Add(time.Hour)
	for i := range tokens {
		tokens[i] = sign(b, testkeys.ES256("issuer"), testHeader,
			payload(now, "jti", fmt.Sprintf(`"4f1g23a12aa-%d"`, i), "iat", fmt.Sprint(time.Now().Unix())))
	}
	return tokens
}

func BenchmarkVerify(b *testing.B) {
	ctx := context.Background()
	tokens := benchTokens(b)
	must := func(b *testing.B, v *Verifier, i int) {
		if _, err := v.Verify(ctx, tokens[i%len(tokens)]); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("warm", func(b *testing.B) {
		v := newVerifier(b, nil)
		for i := range tokens {
			must(b, v, i)
		}
		b.ResetTimer()
		interleave(b, func(i int) { must(b, v, i) }, rawVerify(b))
	})
	b.Run("cold", func(b *testing.B) { // eight places for a thousand tokens: every one is new
		v := newVerifier(b, func(c *VerifierConfig) { c.CacheSize = 1 })
		b.ResetTimer()
		interleave(b, func(i int) { must(b, v, i) }, rawVerify(b))
	})
	b.Run("parallel", func(b *testing.B) {
		v := newVerifier(b, nil)
		for i := range tokens {
			must(b, v, i)
		}
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				must(b, v, i)
			}
		})
	})
	junk := map[string]string{
		"expired":  sign(b, testkeys.ES256("issuer"), testHeader, payload(time.Now().Add(-time.Hour))),
		"audience": sign(b, testkeys.ES256("issuer"), testHeader, payload(time.Now(), "aud", `"x"`)),
		"oversize": strings.Repeat("A", 1<<20),
	}
	for name, token := range junk {
		b.Run("junk/"+name, func(b *testing.B) {
			v := newVerifier(b, nil)
			interleave(b, func(int) {
				if _, err := v.Verify(ctx, token); err == nil {
					b.Fatal("accepted")
				}
			}, rawVerify(b))
		})
	}
}

func BenchmarkIssue(b *testing.B) {
	i, g, ctx := newIssuer(b, nil), goodGrant(), context.Background()
	key, digest := testkeys.ES256("issuer"), sha256.Sum256([]byte("raw"))
	b.ResetTimer()
	interleave(b, func(int) {
		if _, _, err := i.Issue(ctx, g); err != nil {
			b.Fatal(err)
		}
	}, func() {
		if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
			b.Fatal(err)
		}
	})
}
