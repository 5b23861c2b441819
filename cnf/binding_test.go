package cnf_test

import (
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
)

// twice is a bank whose token is bound to Alice's key and to her certificate.
func twice(t *testing.T) (b *bank, guard *cnf.Middleware[claims], withCertificate func(string) *http.Request) {
	b = newBank(t)
	cert := [32]byte{7}
	bound := cnf.Bind(cnf.MemberJKT, dpoptest.Thumbprint(t, b.alice)).And(cnf.MemberX5TS256, cert)
	guard = newGuard(t, cnf.Config[claims]{
		Verify:  always(claims{sub: "alice", confirmation: bound}),
		Methods: []cnf.Method{b.proofs, certificate()},
	})
	return b, guard, func(thumbprint string) *http.Request {
		r := b.honest(t)
		if thumbprint == "right" {
			thumbprint = dpop.JKT(cert)
		}
		r.Header.Set("X-Test-Certificate", thumbprint)
		return r
	}
}

func TestBothBindings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
		code   string
	}{
		"N03 both":                         {func(*http.Request) {}, 200, ""},
		"N03 no certificate":               {func(r *http.Request) { r.Header.Del("X-Test-Certificate") }, 401, "invalid_token"},
		"N03 wrong certificate":            {func(r *http.Request) { r.Header.Set("X-Test-Certificate", sampleX5T) }, 401, "invalid_token"},
		"N03 no proof":                     {func(r *http.Request) { r.Header.Del("DPoP") }, 401, "invalid_dpop_proof"},
		"N03 D44 only the certificate":     {func(r *http.Request) { r.Header.Del("DPoP"); r.Header.Set("Authorization", "Bearer x") }, 401, "invalid_token"},
		"N03 D44 both, but sent as Bearer": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401, "invalid_token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, guard, request := twice(t)
			r := request("right")
			c.change(r)
			got := send(t, guard.Handler(b), r)
			assert.Equal(t, c.status, got.status)
			if c.status == 200 {
				require.EqualValues(t, 1, b.handled.Load())
				return
			}
			assert.Equal(t, c.code, got.code(t))
			assert.Zero(t, b.handled.Load())
			assert.Zero(t, b.jtis.uses.Load())
			assert.Equal(t, 200, send(t, guard.Handler(b), request("right")).status, "control")
		})
	}
}

// One binding proven is not half of the way: the middleware knows only some of
// the methods, and refuses before it asks any.
func TestBindingUnknownHere(t *testing.T) {
	t.Parallel()
	b, _, request := twice(t)
	bound := cnf.Bind(cnf.MemberJKT, dpoptest.Thumbprint(t, b.alice)).And(cnf.MemberX5TS256, [32]byte{7})
	for name, methods := range map[string][]cnf.Method{
		"only dpop": {b.proofs}, "only certificates": {certificate()},
	} {
		t.Run(name, func(t *testing.T) {
			guard := newGuard(t, cnf.Config[claims]{Verify: always(claims{confirmation: bound}), Methods: methods})
			for _, scheme := range []string{"DPoP", "Bearer"} {
				r := request("right")
				r.Header.Set("Authorization", scheme+" "+b.token)
				_, err := guard.Check(http.Header{}, r)
				require.ErrorIs(t, err, cnf.ErrConfirmation)
				require.Zero(t, b.jtis.uses.Load())
			}
		})
	}
}

// The very request that lacked the certificate succeeds with it: its proof was
// not spent.
func TestBindingProofNotSpent(t *testing.T) {
	t.Parallel()
	b, guard, request := twice(t)
	right := request("right")
	wrong := right.Clone(t.Context())
	wrong.Header.Set("X-Test-Certificate", sampleX5T)

	_, err := guard.Check(http.Header{}, wrong)
	require.Error(t, err)
	require.Zero(t, b.jtis.uses.Load())
	_, err = guard.Check(http.Header{}, right)
	require.NoError(t, err)
	_, err = guard.Check(http.Header{}, right)
	require.ErrorIs(t, err, dpop.ErrReplay, "control: accepted once, it is spent")
}

// Whatever order they are configured in, the method that spends something is
// the last, and none is asked after a refusal.
func TestBindingOrder(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	spy := func(scheme, member string, err error) cnf.Method {
		return method{scheme, member, func(http.Header, *http.Request, string, [32]byte) error {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, member)
			return err
		}}
	}
	check := func(methods ...cnf.Method) ([]string, error) {
		asked = nil
		bound := cnf.Bind(cnf.MemberJKT, [32]byte{1}).And(cnf.MemberX5TS256, [32]byte{2})
		guard := newGuard(t, cnf.Config[claims]{Verify: always(claims{confirmation: bound}), Methods: methods})
		r := request(t, "GET", accounts)
		r.Header.Set("Authorization", "DPoP x")
		_, err := guard.Check(http.Header{}, r)
		return asked, err
	}
	key, cert := spy("DPoP", cnf.MemberJKT, nil), spy("Bearer", cnf.MemberX5TS256, nil)
	for _, methods := range [][]cnf.Method{{key, cert}, {cert, key}} {
		order, err := check(methods...)
		require.NoError(t, err)
		require.Equal(t, []string{cnf.MemberX5TS256, cnf.MemberJKT}, order)
	}
	for _, refusal := range []error{coded("invalid_token"), errors.New("down")} {
		order, err := check(key, spy("Bearer", cnf.MemberX5TS256, refusal))
		require.ErrorIs(t, err, refusal)
		require.Equal(t, []string{cnf.MemberX5TS256}, order)
	}
	t.Run("the caller's list stays as it was", func(t *testing.T) {
		methods := []cnf.Method{approving(), certificate()}
		before := []string{methods[0].Scheme(), methods[1].Scheme()}
		newGuard(t, cnf.Config[claims]{Verify: always(claims{}), Methods: methods})
		require.True(t, slices.Equal(before, []string{methods[0].Scheme(), methods[1].Scheme()}))
	})
}

// A method is given the thumbprint of its own member, and the token as sent.
func TestBindingArguments(t *testing.T) {
	t.Parallel()
	for _, member := range []string{cnf.MemberJKT, cnf.MemberX5TS256} {
		asked := false
		spy := method{"DPoP", member, func(h http.Header, r *http.Request, token string, bound [32]byte) error {
			asked = true
			assert.NotNil(t, h)
			assert.Equal(t, "/accounts", r.URL.Path)
			assert.Equal(t, "a~Token+/=", token)
			assert.Equal(t, [32]byte{42}, bound)
			return nil
		}}
		guard := newGuard(t, cnf.Config[claims]{
			Verify: always(claims{confirmation: cnf.Bind(member, [32]byte{42})}), Methods: []cnf.Method{spy},
		})
		r := request(t, "GET", accounts)
		r.Header.Set("Authorization", "DPoP a~Token+/=")
		_, err := guard.Check(http.Header{}, r)
		require.NoError(t, err)
		require.True(t, asked)
	}
}
