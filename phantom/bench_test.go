//go:build unix

package phantom_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/internal/xraw"
	"github.com/go-fapi/fapi/phantom"
	"github.com/go-fapi/fapi/replay"
)

// BenchmarkGateway compares the processor time of one request, that of client
// and API included, with what nobody can do without: a bare reverse proxy in
// the same place, and the verification of the proof's signature. "of-budget" is
// the ratio of the first to proxy + 1.15 verify. The statement costs a signature
// of its own; "of-budget-unsigned" is the ratio without the bare price of that.
func BenchmarkGateway(b *testing.B) {
	b.Run("EdDSA", func(b *testing.B) { benchGateway(b, testkeys.EdDSA("gateway")) })
	b.Run("ES256", func(b *testing.B) { benchGateway(b, testkeys.ES256("gateway")) })
}

const (
	benchClients = 64
	benchChunk   = 256 // requests of one side before the other has its turn
)

func benchGateway(b *testing.B, key crypto.Signer) {
	store := &rounds{memory(b)}
	w := newWorld(b, func(w *world) {
		w.config.Key, w.config.Observe, w.unguarded = key, nil, true
		w.upstream.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "balance") })
		w.proofs = must[*dpop.Verifier](b)(dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{origin}, Replay: store, MaxAge: 5 * time.Minute}))
		w.config.Methods = []cnf.Method{w.proofs}
	})
	requests, signers := w.load(b)
	ours := httptest.NewServer(w.gateway)
	defer ours.Close()
	bare := httptest.NewServer(bareProxy(b, w.upstream.URL, w.config.Transport))
	defer bare.Close()
	client := &http.Transport{}
	defer client.CloseIdleConnections()
	send := func(server *httptest.Server) func(i int) {
		address := server.Listener.Addr().String()
		return func(i int) {
			r := *requests[i%len(requests)]
			r.URL = &url.URL{Scheme: "http", Host: address, Path: "/accounts"}
			response, err := client.RoundTrip(&r)
			if err != nil || response.StatusCode != http.StatusOK {
				b.Fatal(response, err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	}
	toOurs, toBare, verify, sign := send(ours), send(bare), rawVerify(b, signers), rawSign(b, key)
	toOurs(0)
	toBare(0)
	var gateway, proxy, verification, signing []float64
	b.ResetTimer()
	for done := 0; done < b.N; done += benchChunk {
		store.Memory = memory(b)
		n := min(benchChunk, b.N-done)
		gateway = append(gateway, cpu(n, toOurs))
		b.StopTimer()
		proxy = append(proxy, cpu(n, toBare))
		verification = append(verification, cpu(n, verify))
		signing = append(signing, cpu(n, sign))
		b.StartTimer()
	}
	b.ReportMetric(median(gateway), "µs-gateway")
	b.ReportMetric(median(proxy), "µs-proxy")
	b.ReportMetric(median(verification), "µs-verify")
	b.ReportMetric(median(signing), "µs-sign")
	budget := median(proxy) + 1.15*median(verification)
	b.ReportMetric(median(gateway)/budget, "of-budget")
	b.ReportMetric((median(gateway)-median(signing))/budget, "of-budget-unsigned")
}

type rounds struct{ *replay.Memory }

// load is a request of each client, with a proof for each turn of a chunk.
func (w *world) load(b *testing.B) (requests []*http.Request, keys []*ecdsa.PrivateKey) {
	b.Helper()
	signers := make([]*dpop.Signer, benchClients)
	for i := range signers {
		keys = append(keys, testkeys.ES256(fmt.Sprint(i)))
		signers[i] = must[*dpop.Signer](b)(dpop.NewSigner(keys[i]))
		w.book.jwts[fmt.Sprint(opaque, i)] = w.jwt(b, cnf.Bind(cnf.MemberJKT, signers[i].Thumbprint()))
	}
	for i := range benchChunk {
		name := fmt.Sprint(opaque, i%benchClients)
		proof := must[string](b)(signers[i%benchClients].SignResourceRequest(context.Background(), "GET", origin+"/accounts", name, ""))
		r := must[*http.Request](b)(http.NewRequestWithContext(b.Context(), "GET", origin+"/accounts", nil))
		r.Host = host
		r.Header.Set("Authorization", "DPoP "+name)
		r.Header.Set("DPoP", proof)
		requests = append(requests, r)
	}
	return requests, keys
}

func bareProxy(b *testing.B, upstream string, transport http.RoundTripper) http.Handler {
	target := must[*url.URL](b)(url.Parse(upstream))
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() }, Transport: transport}
}

func rawVerify(b *testing.B, keys []*ecdsa.PrivateKey) func(int) {
	b.Helper()
	digest := sha256.Sum256([]byte(origin))
	var signatures [][]byte
	for _, key := range keys {
		signatures = append(signatures, must[[]byte](b)(ecdsa.SignASN1(rand.Reader, key, digest[:])))
	}
	return func(i int) {
		i %= len(keys)
		if !ecdsa.VerifyASN1(&keys[i].PublicKey, digest[:], signatures[i]) {
			b.Fatal("refused")
		}
	}
}

func rawSign(b *testing.B, key crypto.Signer) func(int) {
	message, options := make([]byte, 500), crypto.Hash(0)
	if _, ok := key.(ed25519.PrivateKey); !ok {
		message, options = message[:32], crypto.SHA256
	}
	return func(int) {
		if _, err := key.Sign(rand.Reader, message, options); err != nil {
			b.Fatal(err)
		}
	}
}

// cpu is the processor time of one op in microseconds, of all threads.
func cpu(n int, op func(i int)) float64 {
	start := processTime()
	for i := range n {
		op(i)
	}
	return float64((processTime() - start).Nanoseconds()) / 1e3 / float64(n)
}

func processTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// BenchmarkEvidence is what the API pays: a statement never seen before.
func BenchmarkEvidence(b *testing.B) {
	for name, key := range map[string]crypto.Signer{"EdDSA": testkeys.EdDSA("gateway"), "ES256": testkeys.ES256("gateway")} {
		b.Run(name, func(b *testing.B) {
			evidence := must[*phantom.Evidence](b)(phantom.NewEvidence(phantom.EvidenceConfig{
				Issuer: gateway, Audience: audience, Keys: keysOf(b, key), Replay: replay.Off{},
			}))
			r := httptest.NewRequest("GET", "/accounts", nil)
			r.Header.Set(phantom.EvidenceHeader, sign(b, key, "phantom-evidence+jwt", encode(b, statement(b))))
			bound := aliceKey(b)
			message := make([]byte, 500)
			raw := func() {}
			switch key := key.(type) {
			case *ecdsa.PrivateKey:
				verify := rawVerify(b, []*ecdsa.PrivateKey{key})
				raw = func() { verify(0) }
			case ed25519.PrivateKey:
				signature := ed25519.Sign(key, message)
				public := key.Public().(ed25519.PublicKey)
				raw = func() { require.True(b, ed25519.Verify(public, message, signature)) }
			}
			xraw.Run(b, raw, func(int) {
				if err := evidence.Confirm(nil, r, inner, bound); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
