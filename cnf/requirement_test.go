package cnf_test

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
)

// guarding is a middleware whose token is c and whose proof is always good.
func guarding(t *testing.T, c claims, q cnf.Requirement) *cnf.Middleware[claims] {
	t.Helper()
	c.confirmation = cnf.Bind(cnf.MemberJKT, [32]byte{1})
	return newGuard(t, cnf.Config[claims]{Verify: always(c), Methods: []cnf.Method{approving()}, Require: q})
}

func check[C cnf.Claims](t *testing.T, guard *cnf.Middleware[C]) error {
	t.Helper()
	r := request(t, "GET", accounts)
	r.Header.Set("Authorization", "DPoP x")
	got, err := guard.Check(http.Header{}, r)
	if err != nil {
		require.Zero(t, got)
	}
	return err
}

func TestRequirement(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		claims claims
		q      cnf.Requirement
		want   error
	}{
		"nothing":               {claims{}, cnf.Requirement{}, nil},
		"scope":                 {claims{scope: "accounts payments"}, cnf.Requirement{Scope: []string{"payments"}}, nil},
		"all scopes":            {claims{scope: "accounts payments"}, cnf.Requirement{Scope: []string{"payments", "accounts"}}, nil},
		"one scope of two":      {claims{scope: "accounts"}, cnf.Requirement{Scope: []string{"accounts", "payments"}}, cnf.ErrScope},
		"no scope":              {claims{}, cnf.Requirement{Scope: []string{"accounts"}}, cnf.ErrScope},
		"scope in another case": {claims{scope: "Accounts"}, cnf.Requirement{Scope: []string{"accounts"}}, cnf.ErrScope},
		"prefix of a scope":     {claims{scope: "accounts:write"}, cnf.Requirement{Scope: []string{"accounts"}}, cnf.ErrScope},
		"class":                 {claims{acr: "urn:high"}, cnf.Requirement{ACR: []string{"urn:higher", "urn:high"}}, nil},
		"another class":         {claims{acr: "urn:low"}, cnf.Requirement{ACR: []string{"urn:high"}}, cnf.ErrAuthentication},
		"class in another case": {claims{acr: "urn:High"}, cnf.Requirement{ACR: []string{"urn:high"}}, cnf.ErrAuthentication},
		"no class":              {claims{}, cnf.Requirement{ACR: []string{"urn:high"}}, cnf.ErrAuthentication},
		"no login time":         {claims{acr: "urn:high"}, cnf.Requirement{ACR: []string{"urn:high"}, MaxAge: time.Hour}, cnf.ErrAuthentication},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := check(t, guarding(t, c.claims, c.q))
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestRequirementMaxAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const maxAge = 5 * time.Minute
		for name, c := range map[string]struct {
			login time.Duration // before now
			ok    bool
		}{
			"now":                   {0, true},
			"just in time":          {maxAge, true},
			"too long ago":          {maxAge + 1, false},
			"years ago":             {1e6 * time.Hour, false},
			"by a fast clock":       {-time.Minute, true},
			"by a clock too fast":   {-time.Minute - 1, false},
			"a login years to come": {-1e6 * time.Hour, false},
		} {
			guard := guarding(t, claims{authTime: time.Now().Add(-c.login)}, cnf.Requirement{MaxAge: maxAge})
			err := check(t, guard)
			require.Equal(t, c.ok, err == nil, "%s: %v", name, err)
		}
		far := guarding(t, claims{authTime: time.Unix(253402300799, 0)}, cnf.Requirement{MaxAge: maxAge})
		require.ErrorIs(t, check(t, far), cnf.ErrAuthentication)
		any := guarding(t, claims{authTime: time.Unix(1, 0)}, cnf.Requirement{})
		require.NoError(t, check(t, any), "without MaxAge the login may be old")

		guard := guarding(t, claims{authTime: time.Now()}, cnf.Requirement{MaxAge: maxAge})
		time.Sleep(maxAge)
		require.NoError(t, check(t, guard))
		time.Sleep(time.Nanosecond)
		require.ErrorIs(t, check(t, guard), cnf.ErrAuthentication, "time passes")
	})
}

func TestRequirementWith(t *testing.T) {
	t.Parallel()
	accounts := guarding(t, claims{scope: "accounts"}, cnf.Requirement{Scope: []string{"accounts"}})
	payments, err := accounts.With(cnf.Requirement{Scope: []string{"payments"}})
	require.NoError(t, err)
	require.NoError(t, check(t, accounts))
	require.ErrorIs(t, check(t, payments), cnf.ErrScope)
	require.NoError(t, check(t, accounts), "With leaves its receiver alone")

	open, err := payments.With(cnf.Requirement{})
	require.NoError(t, err)
	require.NoError(t, check(t, open), "it replaces, it does not add")
}

func TestRequirementIsCopied(t *testing.T) {
	t.Parallel()
	scope, acr := []string{"payments"}, []string{"urn:high"}
	q := cnf.Requirement{Scope: scope, ACR: acr}
	made := guarding(t, claims{}, q)
	route, err := made.With(q)
	require.NoError(t, err)
	bypass := guarding(t, claims{scope: "mine", acr: "mine"}, q)
	scope[0], acr[0] = "mine", "mine"
	for _, guard := range []*cnf.Middleware[claims]{made, route, bypass} {
		require.ErrorIs(t, check(t, guard), cnf.ErrScope, "a later write changed the policy")
	}
}

func TestRequirementRefused(t *testing.T) {
	t.Parallel()
	bad := []cnf.Requirement{{MaxAge: -time.Second}, {MaxAge: time.Second + 1}, {MaxAge: 1}}
	for _, value := range []string{"", " ", "a b", "a\t", "a\"b", `a\b`, "a\r\nb", "\u00e9", "\x7f", "a\x00"} {
		bad = append(bad, cnf.Requirement{Scope: []string{"a", value}}, cnf.Requirement{ACR: []string{value}})
	}
	guard := guarding(t, claims{}, cnf.Requirement{})
	for _, q := range bad {
		_, err := cnf.New(cnf.Config[claims]{Verify: always(claims{}), Methods: []cnf.Method{approving()}, Require: q})
		require.Error(t, err, "%+v", q)
		_, err = guard.With(q)
		require.Error(t, err, "%+v", q)
	}
	everyByte := ""
	for c := byte('!'); c < 0x7f; c++ {
		if !slices.Contains([]byte(`"\`), c) {
			everyByte += string(c)
		}
	}
	_, err := guard.With(cnf.Requirement{Scope: []string{everyByte}, ACR: []string{everyByte}, MaxAge: time.Second})
	require.NoError(t, err)
}
