package dpop_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/internal/xraw"
	"github.com/go-fapi/fapi/replay"
)

const (
	benchURL   = "https://api.bank.example/accounts/4711/balance"
	benchToken = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.an-access-token-of-a-usual-length.c2lnbmF0dXJl"
)

// spread makes many proofs of each client, so that every verification is of a
// proof never seen before, as in life.
type spread struct {
	requests []*http.Request
	bound    [][32]byte
}

func newSpread(b *testing.B, key func(i int) crypto.Signer, clients, proofs int) *spread {
	b.Helper()
	s := &spread{}
	signers := make([]*dpop.Signer, clients)
	for i := range signers {
		var err error
		if signers[i], err = dpop.NewSigner(key(i)); err != nil {
			b.Fatal(err)
		}
	}
	for i := range proofs {
		signer := signers[i%clients]
		proof, err := signer.SignResourceRequest(context.Background(), "GET", benchURL, benchToken, "")
		if err != nil {
			b.Fatal(err)
		}
		r := httptest.NewRequest("GET", benchURL, nil)
		r.Header.Set("DPoP", proof)
		s.requests = append(s.requests, r)
		s.bound = append(s.bound, signer.Thumbprint())
	}
	return s
}

func newBenchVerifier(b *testing.B, store dpop.ReplayStore) *dpop.Verifier {
	b.Helper()
	v, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{"https://api.bank.example"}, Replay: store, MaxAge: 5 * time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// rawVerify is the operation nobody can do without, for the same clients in
// turn: a server has more than one key in its caches.
func rawVerify(b *testing.B, key func(int) crypto.Signer, clients int) func() {
	b.Helper()
	ops := make([]func() bool, clients)
	for i := range ops {
		ops[i] = rawOperation(key(i))
	}
	next := 0
	return func() {
		must(b, ops[next]())
		if next++; next == clients {
			next = 0
		}
	}
}

func rawOperation(key crypto.Signer) func() bool {
	digest := sha256.Sum256([]byte(benchURL))
	message := make([]byte, 400)
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		signature, _ := ecdsa.SignASN1(rand.Reader, key, digest[:])
		return func() bool { return ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) }
	case ed25519.PrivateKey:
		signature := ed25519.Sign(key, message)
		public := key.Public().(ed25519.PublicKey)
		return func() bool { return ed25519.Verify(public, message, signature) }
	case *rsa.PrivateKey:
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		signature, _ := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], options)
		return func() bool { return rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, digest[:], signature, options) == nil }
	}
	return nil
}

func must(b *testing.B, ok bool) {
	if !ok {
		b.Fatal("refused")
	}
}

// BenchmarkVerify is a resource request with ath, its proof never seen before,
// with the replay memory on.
func BenchmarkVerify(b *testing.B) {
	es256 := func(i int) crypto.Signer { return testkeys.ES256(fmt.Sprint(i)) }
	b.Run("ES256/warm", func(b *testing.B) { benchWarm(b, es256, 1000) })
	b.Run("PS256/warm", func(b *testing.B) { benchWarm(b, func(int) crypto.Signer { return testkeys.PS256() }, 1) })
	b.Run("EdDSA/warm", func(b *testing.B) {
		benchWarm(b, func(i int) crypto.Signer { return testkeys.EdDSA(fmt.Sprint(i)) }, 1000)
	})
	b.Run("ES256/cold", func(b *testing.B) {
		const clients = 256
		s := newSpread(b, es256, clients, clients)
		raw := rawVerify(b, es256, clients)
		var v *dpop.Verifier
		xraw.Run(b, raw, func(i int) {
			if i%clients == 0 { // a verifier that has seen none of the keys
				b.StopTimer()
				v = newBenchVerifier(b, newMemory(b))
				b.StartTimer()
			}
			verify(b, v, s, i%clients)
		})
	})
	b.Run("ES256/parallel", func(b *testing.B) { benchParallel(b, es256) })
	b.Run("junk", func(b *testing.B) { benchJunk(b, es256) })
}

func newMemory(b *testing.B) *replay.Memory {
	b.Helper()
	store, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		b.Fatal(err)
	}
	return store
}

func verify(b *testing.B, v *dpop.Verifier, s *spread, i int) {
	if _, err := v.VerifyResourceRequest(s.requests[i], benchToken, s.bound[i]); err != nil {
		b.Fatal(err)
	}
}

// benchWarm uses a store that is real but is emptied of the proofs of the last
// round, since no machine signs b.N proofs beforehand.
func benchWarm(b *testing.B, key func(int) crypto.Signer, clients int) {
	const proofs = 4000
	s := newSpread(b, key, clients, proofs)
	store := &rounds{Memory: newMemory(b)}
	v := newBenchVerifier(b, store)
	for i := range clients {
		verify(b, v, s, i)
	}
	store.next(b)
	xraw.Run(b, rawVerify(b, key, clients), func(i int) {
		if i%proofs == 0 {
			store.next(b)
		}
		verify(b, v, s, i%proofs)
	})
}

type rounds struct{ *replay.Memory }

func (r *rounds) next(b *testing.B) {
	b.StopTimer()
	r.Memory = newMemory(b)
	b.StartTimer()
}

// benchParallel compares the throughput of all cores, ours by bare.
func benchParallel(b *testing.B, key func(int) crypto.Signer) {
	const proofs = 4000
	s := newSpread(b, key, 1000, proofs)
	v := newBenchVerifier(b, replay.Off{})
	raw := rawVerify(b, key, 1)
	run := func(op func(i int)) time.Duration {
		var next atomic.Int64
		var workers sync.WaitGroup
		start := time.Now()
		for range runtime.GOMAXPROCS(0) {
			workers.Go(func() {
				for i := next.Add(1); i <= proofs; i = next.Add(1) {
					op(int(i - 1))
				}
			})
		}
		workers.Wait()
		return time.Since(start)
	}
	var ours, bare time.Duration
	for b.Loop() {
		bare += run(func(int) { raw() })
		ours += run(func(i int) { verify(b, v, s, i) })
	}
	b.ReportMetric(float64(bare)/float64(ours), "of-bare-throughput")
}

// benchJunk is what a stranger can make the server do: requests that fail
// before the signature. Each has to cost next to nothing of a verification.
func benchJunk(b *testing.B, key func(int) crypto.Signer) {
	for _, junk := range []struct {
		name  string
		proof func(good string) string
		bound func(bound [32]byte) [32]byte
		rule  error
	}{
		{"htu", func(string) string { return dpoptest.Proof(b, key(0), "GET", "https://evil.example/x", benchToken) }, same, dpop.ErrTarget},
		{"iat", func(good string) string {
			return dpoptest.Forge(b, key(0), good, dpoptest.Change{Claims: map[string]any{"iat": 1}})
		}, same, dpop.ErrTime},
		{"key", func(good string) string { return good }, func([32]byte) [32]byte { return [32]byte{1} }, dpop.ErrBinding},
		{"size", func(string) string { return strings.Repeat("a", 1<<20) }, same, dpop.ErrMalformed},
	} {
		b.Run(junk.name, func(b *testing.B) {
			s := newSpread(b, key, 1, 1)
			v := newBenchVerifier(b, newMemory(b))
			verify(b, v, s, 0) // the victim's header is known
			r := httptest.NewRequest("GET", benchURL, nil)
			r.Header.Set("DPoP", junk.proof(s.requests[0].Header.Get("DPoP")))
			bound := junk.bound(s.bound[0])
			xraw.Run(b, rawVerify(b, key, 1), func(int) {
				if _, err := v.VerifyResourceRequest(r, benchToken, bound); !errors.Is(err, junk.rule) {
					b.Fatal(err)
				}
			})
		})
	}
}

func same(bound [32]byte) [32]byte { return bound }

func BenchmarkSign(b *testing.B) {
	b.Run("ES256", func(b *testing.B) {
		key := testkeys.ES256("signer")
		signer, err := dpop.NewSigner(key)
		if err != nil {
			b.Fatal(err)
		}
		digest := sha256.Sum256([]byte(benchURL))
		raw := func() {
			if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
				b.Fatal(err)
			}
		}
		xraw.Run(b, raw, func(int) {
			if _, err := signer.SignResourceRequest(context.Background(), "GET", benchURL, benchToken, ""); err != nil {
				b.Fatal(err)
			}
		})
	})
}

func BenchmarkNonces(b *testing.B) {
	nonces, err := dpop.NewNonces(dpop.NoncesConfig{Server: "https://api.bank.example", Secrets: [][]byte{make([]byte, 32)}})
	if err != nil {
		b.Fatal(err)
	}
	nonce, err := nonces.Nonce(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	b.Run("issue", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := nonces.Nonce(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(nonce)), "characters")
	})
	b.Run("accept", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if ok, err := nonces.Accept(context.Background(), nonce); err != nil || !ok {
				b.Fatal(ok, err)
			}
		}
	})
}
