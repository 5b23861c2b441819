package cnf_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
)

// contextKey has the name of the one in package cnf, and is another.
type contextKey[C cnf.Claims] struct{}

func TestFromContext(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	var seen context.Context
	keep := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Context() })
	require.Equal(t, 200, record(b.guard.Handler(keep), b.honest(t)).status)

	t.Run("behind the handler", func(t *testing.T) {
		token, ok := cnf.FromContext[*accesstoken.Token](seen)
		require.True(t, ok)
		require.Equal(t, "alice", token.Subject())
	})
	t.Run("another type", func(t *testing.T) {
		_, ok := cnf.FromContext[claims](seen)
		assert.False(t, ok)
		_, ok = cnf.FromContext[cnf.Claims](seen)
		assert.False(t, ok, "also not as the interface it has")
	})
	t.Run("without a handler", func(t *testing.T) {
		token, ok := cnf.FromContext[*accesstoken.Token](context.Background())
		assert.False(t, ok)
		assert.Nil(t, token)
	})
	t.Run("N10 not forgeable", func(t *testing.T) {
		forged := claims{sub: "admin"}
		ctx := context.WithValue(context.Background(), contextKey[claims]{}, forged)
		for _, key := range []any{"claims", "cnf", struct{}{}, forged, http.ServerContextKey} {
			ctx = context.WithValue(ctx, key, forged)
		}
		_, ok := cnf.FromContext[claims](ctx)
		assert.False(t, ok)
	})
}

// Claims of a request are not those of another: two guards in one program do
// not see each other's.
func TestFromContextTwoGuards(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	other := guarding(t, claims{sub: "bob"}, cnf.Requirement{})
	handler := other.Handler(b.guard.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		token, ok := cnf.FromContext[*accesstoken.Token](r.Context())
		assert.True(t, ok)
		assert.Equal(t, "alice", token.Subject())
		c, ok := cnf.FromContext[claims](r.Context())
		assert.True(t, ok)
		assert.Equal(t, "bob", c.sub)
	})))
	require.Equal(t, 200, record(handler, b.honest(t)).status)
}
