package cnf_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// Two users at once through one instance: what the handler sees is what the
// request's own token says, and a user's token with the other's proof fails.
func TestCrosstalk(t *testing.T) {
	t.Parallel()
	const requests = 10_000
	b := newBank(t)
	// A proof is cheap here, so that the requests are many: the user's name.
	named := method{"DPoP", cnf.MemberJKT, func(_ http.Header, r *http.Request, _ string, bound [32]byte) error {
		if string(bound[:len(r.Header.Get("DPoP"))]) != r.Header.Get("DPoP") {
			return coded("invalid_dpop_proof")
		}
		return nil
	}}
	guard := newGuard(t, cnf.Config[*accesstoken.Token]{Verify: b.tokens.Verify, Methods: []cnf.Method{named}})
	var admitted, crossed atomic.Int64
	guarded := guard.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		admitted.Add(1)
		token, _ := cnf.FromContext[*accesstoken.Token](r.Context())
		if token.Subject() != r.Header.Get("X-Test-User") {
			crossed.Add(1)
		}
	}))
	users := []string{"alice", "bob"}
	tokens := map[string]string{}
	for _, user := range users {
		var sum [32]byte
		copy(sum[:], user)
		tokens[user] = signToken(t, user, `"cnf":{"jkt":"`+dpop.JKT(sum)+`"}`)
	}
	parallel(requests, func(i int) {
		user := users[i%2]
		r := httptest.NewRequest("GET", accounts, nil)
		r.Header.Set("Authorization", "DPoP "+tokens[user])
		r.Header.Set("DPoP", users[(i+i/2%2)%2]) // every other pair has its proofs exchanged
		r.Header.Set("X-Test-User", user)
		guarded.ServeHTTP(httptest.NewRecorder(), r)
	})
	assert.Zero(t, crossed.Load(), "X17 claims of another user")
	assert.EqualValues(t, requests/2, admitted.Load(), "X17 exactly the rightful requests")
}

// The same with real proofs, and fewer of them.
func TestCrosstalkProofs(t *testing.T) {
	t.Parallel()
	const requests = 200
	b := newBank(t)
	keys := []*dpop.Signer{}
	tokens := []string{}
	for i := range 2 {
		key := testkeys.ES256(fmt.Sprint("user ", i))
		signer, err := dpop.NewSigner(key)
		require.NoError(t, err)
		keys = append(keys, signer)
		tokens = append(tokens, signToken(t, fmt.Sprint(i), `"cnf":`+jkt(t, key)))
	}
	var admitted atomic.Int64
	parallel(requests, func(i int) {
		user, prover := i%2, (i+i/2%2)%2
		proof, err := keys[prover].SignResourceRequest(t.Context(), "GET", accounts, tokens[user], "")
		assert.NoError(t, err)
		r := httptest.NewRequest("GET", accounts, nil)
		r.Header.Set("Authorization", "DPoP "+tokens[user])
		r.Header.Set("DPoP", proof)
		token, err := b.guard.Check(http.Header{}, r)
		if user != prover {
			assert.ErrorIs(t, err, dpop.ErrBinding)
			return
		}
		if assert.NoError(t, err) {
			assert.Equal(t, fmt.Sprint(user), token.Subject())
			admitted.Add(1)
		}
	})
	assert.EqualValues(t, requests/2, admitted.Load())
	assert.EqualValues(t, requests/2, b.jtis.uses.Load())
}

func parallel(n int, do func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range 8 * runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				do(int(i - 1))
			}
		})
	}
	workers.Wait()
}
